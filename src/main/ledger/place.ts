import { Cpuset } from '../../placement/cpuset.ts';
import { chooseExclusive, type ExclusiveRequest, stillAsGood } from '../../placement/exclusive.ts';
import type { Move, Plan, ReassignRequest } from '../../placement/plan.ts';
import { chooseSparing, poolIsolated, sharedPool } from '../../placement/pool.ts';
import { planReassignment } from '../../placement/reassign.ts';
import type { PodFacts } from '../../placement/workload.ts';
import { type Entry, forbiddenTo, nameOf, whereabouts } from './entry.ts';
import type { Policy } from './policy.ts';
import { heldBy, Refusal } from './refusal.ts';
import type { Draft } from './state.ts';

/** The shared pool as the draft has it. */
export function poolOf(draft: Draft, policy: Policy): Cpuset {
  const { reserved } = draft;
  let last = lastPools.get(policy);
  if (last?.reserved !== reserved) {
    last = { reserved, pool: sharedPool(policy.topology, policy.isolatedCpus, reserved) };
    lastPools.set(policy, last);
  }
  return last.pool;
}

/**
 * The pool that was asked for last. Most turns leave the owned CPUs as they are: then the pool is the same object too, which
 * is equal to itself at a glance and whose text, some microseconds' work with 1024 CPUs, is there already.
 */
const lastPools = new WeakMap<Policy, { readonly reserved: Cpuset; readonly pool: Cpuset }>();

/**
 * The CPUs that a container without CPUs of its own runs on: the pool without its forbidden CPUs; the whole pool when
 * nothing of it is allowed (a container that is running cannot be refused any more); empty only if the pool is.
 */
export function poolShare(pool: Cpuset, forbidden: Cpuset): Cpuset {
  const share = pool.minus(forbidden);
  return share.isEmpty ? pool : share;
}

export interface IntegerWish {
  readonly pod: PodFacts;
  readonly count: number;
  readonly forbidden: Cpuset;
  /** CPUs that the container has and keeps (a resize). */
  readonly held?: Cpuset;
  /** Only CPUs of this set are chosen. */
  readonly within?: Cpuset;
  /** CPUs it had before, most recent claim first: given again where they are free and as good. */
  readonly previous?: readonly Cpuset[];
  /** Pinned containers that may have to make way for this one before they can move. */
  readonly withdrawing?: readonly Entry[];
}

/**
 * Chooses the CPUs of an integer container (docs/placement.md, "Creating a container" and "Choosing exclusive CPUs").
 *
 * @throws Refusal when too few CPUs are free, or the pool or a shared container would be left with too few
 */
export function placeInteger(draft: Draft, policy: Policy, wish: IntegerWish): Cpuset {
  const { pod, count, forbidden, held = Cpuset.EMPTY, previous = [], withdrawing = [] } = wish;
  const { topology } = policy;
  const { reserved } = draft;
  const pool = poolOf(draft, policy).minus(held);
  const allowed = policy.integerCpus.minus(reserved).minus(forbidden).minus(held);
  const free = wish.within?.intersect(allowed) ?? allowed;
  const [joining, toldToFew] = byTelling(draft, free);
  // Who grows goes on from what it has: to scatter that would cost more updates later than it saves now.
  const untold = held.isEmpty ? [joining, toldToFew] : [];
  const request = {
    ...preferences(draft, policy, pod),
    count,
    taken: reserved.minus(held),
    held,
    joining,
  } satisfies Omit<ExclusiveRequest, 'free'>;
  const asked = `integer container asks for ${count} exclusive ${count === 1 ? 'CPU' : 'CPUs'}`;
  const needs = [...sharedNeeds(draft, policy, pool), ...withdrawalNeeds(withdrawing, pool)];
  const choose = (spared: Cpuset) => {
    const sparing = { ...request, free: free.minus(spared) };
    const first = untold.map((cpus) => cpus.minus(spared));
    let best: Cpuset | undefined;
    const chooseBest = () => (best ??= chooseExclusive(topology, sparing, first));
    const cpus = chooseFirst(policy, sparing, previous, chooseBest) ?? chooseBest();
    return cpus && { cpus, pool: pool.minus(cpus) };
  };
  const found = chooseSparing(usableOf(needs), pool, choose, () => draft.takeTry());
  if (found === undefined) {
    const withheld = topology.online.minus(reserved).minus(free).minus(held).size;
    throw new Refusal(
      'not-enough-cpus',
      `${asked}: ${free.size + held.size} are free${withheld > 0 ? ` (${withheld} more may not be given to it)` : ''}; ${heldBy(draft, reserved.minus(held))}`,
    );
  }
  checkPool(draft, policy, asked, pool, found.choice.pool, needs[found.starved]);
  return found.choice.cpus;
}

/** The best of the CPUs that an integer container has, which it keeps when it shrinks; it is not in the draft itself. */
export function chooseKept(draft: Draft, policy: Policy, pod: PodFacts, had: Cpuset, count: number): Cpuset {
  const request = { ...preferences(draft, policy, pod), count, free: had, taken: draft.reserved };
  return chooseExclusive(policy.topology, request)!;
}

/** What makes CPUs good for a container of this pod, whatever they are chosen from. */
function preferences(
  draft: Draft,
  policy: Policy,
  pod: PodFacts,
): Pick<ExclusiveRequest, 'samePod' | 'preferred' | 'priority'> {
  const samePod = draft.ofPod(pod.uid).filter(({ workload }) => workload.kind === 'integer');
  return {
    samePod: Cpuset.union(samePod.map(({ cpus }) => cpus)),
    preferred: policy.isolatedCpus === 'prefer' ? policy.topology.isolated : Cpuset.EMPTY,
    priority: policy.priority,
  };
}

/** So many containers of the pool may have been told of CPUs that are given away before others. */
const FEW = 8;

/**
 * The free CPUs that no container of the pool was told of, and those that only few were: each of them has to be told to leave
 * them when they are given away, which takes the runtime 10 ms. While containers come and go, new ones are told all of the pool,
 * and older ones nothing of CPUs that have become free since. Without the second set a busy node of 1024 CPUs had a third
 * more updates to carry out.
 */
function byTelling(draft: Draft, free: Cpuset): readonly [joining: Cpuset, toldToFew: Cpuset] {
  const told: { readonly cpus: Cpuset; readonly all: () => Iterable<Entry> }[] = [];
  draft.forEachInPool(({ told: cpus = free, all }) => told.push({ cpus, all }));
  told.sort((a, b) => a.cpus.size - b.cpus.size);
  const unionOf = (from: number, to?: number) => Cpuset.union(told.slice(from, to).map(({ cpus }) => cpus));
  let rest = told.length;
  for (let few = FEW; rest > 0; rest--) {
    for (const _ of told[rest - 1]!.all()) if (--few < 0) break;
    if (few < 0) break;
  }
  const toldToFew = free.minus(unionOf(0, rest));
  return [toldToFew.minus(unionOf(rest)), toldToFew];
}

/** The best of the CPUs to try first (or the best around them, where they are too few), if as good as any other choice. */
function chooseFirst(
  policy: Policy,
  request: ExclusiveRequest,
  previous: readonly Cpuset[],
  chooseBest: () => Cpuset | undefined,
): Cpuset | undefined {
  if (!(request.held ?? Cpuset.EMPTY).isEmpty) return undefined;
  for (const cpus of previous) {
    if (cpus.isEmpty || !cpus.isSubsetOf(request.free)) continue;
    const near =
      cpus.size >= request.count
        ? chooseExclusive(policy.topology, { ...request, free: cpus })
        : chooseExclusive(policy.topology, { ...request, held: cpus, free: request.free.minus(cpus) });
    if (near !== undefined && stillAsGood(policy.topology, request, near, chooseBest)) return near;
  }
  return undefined;
}

/** Where the integer containers in the way of an annotated one go. */
export interface Clearance {
  readonly moves: readonly Move[];
  /** What the moves were planned from, where there are any: other plans for it can be compared and taken instead. */
  readonly planned?: PlannedMoves;
}

export interface PlannedMoves {
  readonly request: ReassignRequest;
  readonly plan: Plan;
  /** Whether shared containers keep a CPU with this plan, which a plan for `request` alone does not see to. */
  leavesRoom(plan: Plan): boolean;
}

/**
 * Checks that an annotated container may have `cpus`, and plans where the integer containers on them go.
 *
 * @param withdrawing pinned containers that may have to make way for those before they can move
 * @returns the moves, to be applied with it; none where no integer container is in the way
 * @throws Refusal saying which rule forbids it
 */
export function placeAnnotated(
  draft: Draft,
  policy: Policy,
  pod: PodFacts,
  cpus: Cpuset,
  withdrawing: readonly Entry[] = [],
): Clearance {
  const { topology } = policy;
  const asked = `annotated container asks for CPUs ${cpus}`;
  const missing = cpus.minus(topology.online);
  if (!missing.isEmpty) {
    const offline = missing.intersect(topology.offline);
    const absent = missing.minus(offline);
    const problems = [
      ...(offline.isEmpty ? [] : [`${offline} offline`]),
      ...(absent.isEmpty ? [] : [`${absent} not on this host`]),
    ];
    throw new Refusal('cpu-not-online', `${asked}: ${problems.join(', ')} (online: ${topology.online})`);
  }
  if (cpus.intersects(policy.protectedCpus)) {
    throw new Refusal('cpu-protected', `${asked}: ${cpus.intersect(policy.protectedCpus)} protected`);
  }
  if (!policy.mayPin(pod.namespace)) {
    throw new Refusal('namespace-may-not-pin', `${asked}: namespace ${pod.namespace} may not pin CPUs`);
  }

  const pool = poolOf(draft, policy);
  const shared = sharedNeeds(draft, policy, pool);
  if (!cpus.intersects(draft.integer)) {
    const after = pool.minus(cpus);
    const starved = shared.find(({ usable }) => !usable.intersects(after));
    checkPool(draft, policy, asked, pool, after, starved);
    return { moves: [] };
  }

  const needs = [...shared, ...withdrawalNeeds(withdrawing, pool.minus(cpus))];
  const victims = draft.filter((entry) => entry.workload.kind === 'integer' && entry.cpus.intersects(cpus));
  const reserved = draft.reserved.union(cpus);
  const available = policy.integerCpus.minus(reserved);
  const others = draft.reserved.minus(Cpuset.union(victims.map((entry) => entry.cpus)));
  const poolWithoutVictims = sharedPool(topology, policy.isolatedCpus, others.union(cpus));
  let shortage = '';
  const poolWith = (plan: Plan): Cpuset =>
    poolWithoutVictims.minus(Cpuset.union(plan.moves.map((move) => move.to)));
  const planSparing = (spared: Cpuset) => {
    const request: ReassignRequest = {
      requested: cpus,
      victims: victims.map((entry) => ({
        id: entry.container.id,
        cpus: entry.cpus,
        forbidden: forbiddenTo(entry.workload).union(spared),
      })),
      available,
      pool: poolWithoutVictims,
      minShared: Math.min(policy.minSharedCpus, pool.size),
    };
    const result = planReassignment(topology, request);
    if (!result.ok) {
      shortage ||= `they need ${result.needed} other CPUs, ${result.available} are usable (${result.reason})`;
      return undefined;
    }
    return { request, plan: result.plan, pool: poolWith(result.plan) };
  };
  const choose = (usable: readonly Cpuset[], maxTries: number) => {
    let tries = 0;
    const mayTryAgain = () => tries++ < maxTries && draft.takeTry(1 + victims.length / VICTIMS_PER_TRY);
    return chooseSparing(usable, poolWithoutVictims, planSparing, mayTryAgain);
  };
  // Shared containers are best left a CPU of the pool as it is: one of those that victims leave they could only be told while
  // a victim is still on it (invariant I6). A few plans tell whether there is room for that.
  const anywhere = usableOf(needs);
  const staying = anywhere.map((each) => each.intersect(pool));
  const first = choose(staying, TRIES_TO_STAY);
  const [found, usable] =
    first?.starved === -1
      ? [first, staying]
      : [first && choose(anywhere, Number.POSITIVE_INFINITY), anywhere];
  if (found === undefined) {
    throw new Refusal(
      'cannot-reassign',
      `${asked}, ${heldBy(draft, cpus.intersect(draft.integer))}, which cannot all be moved: ${shortage}`,
    );
  }
  const { request, plan } = found.choice;
  checkPool(draft, policy, asked, pool, found.choice.pool, needs[found.starved]);
  const leavesRoom = (other: Plan): boolean => {
    const after = poolWith(other);
    return usable.every((each) => each.intersects(after));
  };
  return { moves: plan.moves, planned: { request, plan, leavesRoom } };
}

/** Planning for that many victims takes as long as choosing for an integer container. */
const VICTIMS_PER_TRY = 8;
/** Where so few more plans find no room for shared containers to stay, others hardly ever do. */
const TRIES_TO_STAY = 3;

/** A container in the pool, standing for all that need the same, and the CPUs of which it needs one, reserved or not. */
interface PoolNeed {
  readonly entry: Entry;
  readonly usable: Cpuset;
}

/** What containers in the pool need a CPU of, which is what `poolShare` gives them; nothing where the pool is empty already. */
function sharedNeeds(draft: Draft, policy: Policy, pool: Cpuset): readonly PoolNeed[] {
  const mayBePool = policy.topology.online.minus(poolIsolated(policy.topology, policy.isolatedCpus));
  const needs = new Map<string, PoolNeed>();
  if (pool.isEmpty) return [];
  draft.forEachInPool(({ forbidden, all }) => {
    const key = forbidden.toString();
    if (needs.has(key)) return;
    const [entry] = all();
    const usable = mayBePool.minus(forbidden);
    needs.set(key, { entry: entry!, usable: usable.intersects(pool) ? usable : mayBePool });
  });
  return [...needs.values()];
}

/**
 * What pinned containers need that run in the pool until those are gone who are on their CPUs: a CPU of it that stays there, to
 * withdraw to if these come to where they are (invariant I6).
 */
function withdrawalNeeds(withdrawing: readonly Entry[], pool: Cpuset): readonly PoolNeed[] {
  return withdrawing.flatMap((entry) => {
    const usable = whereabouts(entry)!.intersect(pool);
    return usable.isEmpty ? [] : [{ entry, usable }];
  });
}

function usableOf(needs: readonly PoolNeed[]): readonly Cpuset[] {
  return needs.map(({ usable }) => usable);
}

/** Refuses a pool that shrinks below what shared containers must keep. What was too small before does not count. */
function checkPool(
  draft: Draft,
  policy: Policy,
  asked: string,
  before: Cpuset,
  after: Cpuset,
  starved: PoolNeed | undefined,
): void {
  if (after.size < Math.min(policy.minSharedCpus, before.size)) {
    throw new Refusal(
      'pool-too-small',
      `${asked}: that would leave ${after.size} ${after.size === 1 ? 'CPU' : 'CPUs'} to shared containers, at least ${policy.minSharedCpus} must remain (minSharedCpus); ${heldBy(draft, draft.reserved)}`,
    );
  }
  if (starved !== undefined) {
    throw new Refusal(
      'shared-container-starved',
      `${asked}: that would leave no CPU to ${nameOf(starved.entry)}, which runs in the pool; ${heldBy(draft, draft.reserved.intersect(starved.usable))}`,
    );
  }
}

/** Sets where moved containers are from now on. */
export function applyMoves(draft: Draft, moves: readonly Move[]): void {
  const moved = moves.map(({ id, to }): Entry => ({ ...draft.get(id)!, cpus: to, epoch: draft.epoch }));
  // One may get what another one leaves: all leave first, so that no CPU with an owner is taken for one without.
  for (const { id } of moves) draft.delete(id);
  for (const entry of moved) draft.set(entry);
}
