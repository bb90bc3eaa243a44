import { CpuListError, parseCpuList } from '../../placement/cpulist.ts';
import { Cpuset } from '../../placement/cpuset.ts';
import { type ContainerFacts, classify, type PodFacts, type Workload } from '../../placement/workload.ts';
import { byAge, type Entry, forbiddenTo, isExclusive, type Told, UNTOLD, whereabouts } from './entry.ts';
import { applyMoves, type IntegerWish, placeAnnotated, placeInteger, poolOf } from './place.ts';
import type { Policy } from './policy.ts';
import { Refusal } from './refusal.ts';
import type { Draft } from './state.ts';

/** A container as an event or a listing shows it. */
export interface Seen {
  readonly pod: PodFacts;
  readonly container: ContainerFacts;
}

/** A container to be placed anew, with what is known of where it is. */
export interface Running extends Seen {
  readonly told: Told;
  readonly seen: Cpuset | undefined;
  /** CPUs that the ledger has given it; empty where only `told` speaks for it. */
  readonly cpus: Cpuset;
  /** Why the ledger has given it none, which it should have: then `told` is of the pool. */
  readonly unplaced: string | undefined;
}

/** CPUs that a container had before, strongest claim first. */
export type Recall = (seen: Seen) => readonly Cpuset[];

/**
 * Makes the entry of a container, not placed yet. A running container whose annotation is not a CPU list is kept as
 * an annotated one without CPUs.
 *
 * @returns the entry, and the warnings about its annotations
 */
export function toEntry(
  seen: Seen,
  policy: Policy,
  epoch: number,
): { readonly entry: Entry; readonly warnings: readonly string[] } {
  const { pod, container } = seen;
  const entryOf = (workload: Workload, reason: string, unplaced: string | undefined): Entry => ({
    pod,
    container,
    workload,
    reason,
    cpus: Cpuset.EMPTY,
    unplaced,
    told: UNTOLD,
    seen: undefined,
    epoch,
  });
  try {
    const { workload, reason, warnings } = classify(pod, container, policy.classify);
    return { entry: entryOf(workload, reason, undefined), warnings };
  } catch (error) {
    if (!(error instanceof CpuListError)) throw error;
    const nowhere: Workload = { kind: 'annotated', cpus: Cpuset.EMPTY };
    return { entry: entryOf(nowhere, 'annotated', error.message), warnings: [] };
  }
}

/** CPU lists that were read already. */
export type ReadLists = Map<string, Cpuset | undefined>;

/**
 * What the runtime says a container was told. A list that does not fit this host counts as nothing told.
 *
 * @param lists takes part in reading a whole listing: most containers have the list of the pool, and share one set for it,
 *   which made up a third of the time that 1000 containers take
 */
export function toldByRuntime(container: ContainerFacts, policy: Policy, lists: ReadLists = new Map()): Told {
  const { cpus = '', mems, quota } = container.resources;
  if (cpus !== '' && !lists.has(cpus)) lists.set(cpus, readTold(cpus, policy));
  return { cpus: lists.get(cpus), mems: mems === '' ? undefined : mems, quota };
}

/**
 * A container as the runtime lists it, with what else is known of it.
 *
 * @param known what the ledger has of it
 * @param lists see `toldByRuntime`
 */
export function asListed(seen: Seen, known: Entry | undefined, policy: Policy, lists: ReadLists): Running {
  const told = toldByRuntime(seen.container, policy, lists);
  // CPUs that it was given since, and is not told of yet, are still its own: what it was told then was of the pool.
  const isUntold =
    known?.workload.kind === 'integer' && told.cpus !== undefined && known.told.cpus?.equals(told.cpus);
  const cpus = isUntold ? known.cpus : Cpuset.EMPTY;
  const container = withOwnQuota(seen.container, known);
  return { ...seen, container, told, seen: known?.seen, cpus, unplaced: known?.unplaced };
}

/**
 * A container as the runtime lists it, but with its own quota, where we have lifted that: with the next list it would be forgotten,
 * and could not be given back when `liftCpuQuota` is switched off.
 *
 * @param known what the ledger has of it
 */
function withOwnQuota(listed: ContainerFacts, known: Entry | undefined): ContainerFacts {
  if (listed.resources.quota !== -1 || known?.told.quota !== -1) return listed;
  const { quota = 0, period, shares } = known.container.resources;
  // What has changed while no event was seen is not what it was created with.
  if (quota <= 0 || shares !== listed.resources.shares) return listed;
  return { ...listed, resources: { ...listed.resources, quota, period } };
}

function readTold(cpus: string, policy: Policy): Cpuset | undefined {
  try {
    return parseCpuList(cpus, { max: policy.topology.maxCpuId });
  } catch (error) {
    if (!(error instanceof CpuListError)) throw error;
    return undefined;
  }
}

/**
 * Rebuilds an empty draft from the containers that the runtime lists (docs/placement.md, "Synchronization"): annotated
 * ones first (those that are on their CPUs, then the others), then integer ones that hold valid exclusive CPUs, then those
 * whose size changed, then those in conflict or without CPUs, oldest first in each group. What cannot be placed runs in the
 * pool and is marked as unplaced.
 *
 * @returns the containers with warnings about their annotations
 */
export function rebuild(
  draft: Draft,
  policy: Policy,
  containers: readonly Running[],
  recall: Recall,
): readonly { readonly entry: Entry; readonly warnings: readonly string[] }[] {
  const read = containers.map((running) => ({ running, ...toEntry(running, policy, draft.epoch) }));
  const entries = read.map(({ running: { told, seen, cpus, unplaced }, entry }): Entry => {
    const isShared = entry.workload.kind === 'shared';
    return { ...entry, told, seen, cpus, unplaced: isShared ? undefined : (entry.unplaced ?? unplaced) };
  });
  entries.sort(byAge);

  // Containers of the pool come first because they own nothing: what is placed afterwards must leave them something.
  for (const entry of entries) if (entry.workload.kind === 'shared') toPool(draft, entry);
  // Pinned ones that are where they belong come next. Of some that is better judged when the owners of other CPUs are known.
  const pinned = entries
    .filter(({ workload }) => workload.kind === 'annotated')
    .filter(
      (entry) => mayBeUnplaced(entry, policy) || !keepClaim(draft, policy, entry, () => toldInPool(draft)),
    );

  let waiting = entries.filter((entry) => entry.workload.kind === 'integer');
  const settle = (settled: (entry: Entry) => boolean): void => {
    waiting = waiting.filter((entry) => !settled(entry));
  };
  // Who keeps its claim changes nothing for the pool: looking through it once, not for each, saves a fifth of the time.
  let usedByPool = toldInPool(draft);
  const keep = (entry: Entry): boolean => keepClaim(draft, policy, entry, () => usedByPool);
  if (pinned.length > 0) {
    // The others come before integer containers on their CPUs, and have to leave the pool something beside all others.
    const asked = Cpuset.union(pinned.map(pinnedTo));
    settle((entry) => claimOf(entry)?.intersects(asked) !== true && keep(entry));
    for (const entry of pinned) adopt(draft, policy, entry, recall);
    usedByPool = toldInPool(draft);
  }
  settle(keep);
  const withdrawing = withdrawingIn(draft);
  let toCome = waiting.length;
  const place = (entry: Entry, claim: Cpuset): void => {
    draft.shareTries(toCome--);
    placeOrPool(draft, policy, entry, recall, { claim, withdrawing });
  };
  settle((entry) => {
    const claim = keptClaim(draft, policy, entry, () => usedByPool);
    if (!claim.isEmpty) place(entry, claim);
    return !claim.isEmpty;
  });
  for (const entry of waiting) place(entry, Cpuset.EMPTY);
  draft.shareTries(1);
  return read.filter(({ warnings }) => warnings.length > 0);
}

/** Adds a container that runs already; one that cannot be placed goes to the pool as unplaced. */
export function adopt(draft: Draft, policy: Policy, entry: Entry, recall: Recall): void {
  if (entry.workload.kind === 'shared') toPool(draft, entry);
  else if (!keepClaim(draft, policy, entry, () => toldInPool(draft))) {
    const claim = keptClaim(draft, policy, entry, () => toldInPool(draft));
    placeOrPool(draft, policy, entry, recall, { claim });
  }
}

export interface PlaceOptions {
  /** CPUs it runs on already and may keep: enough of them are kept, or all of them and more added. */
  readonly claim?: Cpuset;
  /** What `withdrawingIn` gives, where that is known. */
  readonly withdrawing?: readonly Entry[];
}

/** Tries to place a container that is not in the draft; else it runs in the pool and says why. */
export function placeOrPool(
  draft: Draft,
  policy: Policy,
  entry: Entry,
  recall: Recall,
  { claim = Cpuset.EMPTY, withdrawing = withdrawingIn(draft) }: PlaceOptions = {},
): void {
  const { workload, pod } = entry;
  try {
    if (workload.kind === 'annotated' && !workload.cpus.isEmpty) {
      const all = isOutside(entry) ? [...withdrawing, entry] : withdrawing;
      applyMoves(draft, placeAnnotated(draft, policy, pod, workload.cpus, all).moves);
      draft.set({ ...entry, cpus: workload.cpus, unplaced: undefined });
    } else if (workload.kind === 'integer') {
      const { count, forbidden } = workload;
      const wish = { pod, count, forbidden, previous: recall(entry), withdrawing };
      const place = (kept: Partial<IntegerWish>) => placeInteger(draft, policy, { ...wish, ...kept });
      const cpus = claim.size < count ? place({ held: claim }) : placeWithin(claim, place);
      draft.set({ ...entry, cpus, unplaced: undefined });
    } else {
      toPool(draft, entry);
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    toPool(draft, { ...entry, unplaced: error.message });
  }
}

/** Places a container within the CPUs it claims, or elsewhere, where others would be left without because of that. */
function placeWithin(claim: Cpuset, place: (kept: Partial<IntegerWish>) => Cpuset): Cpuset {
  try {
    return place({ within: claim });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return place({});
  }
}

/** The pinned containers that are on none of their own CPUs yet. */
function withdrawingIn(draft: Draft): readonly Entry[] {
  const found: Entry[] = [];
  draft.forEachUnsettledOwner((entry) => {
    if (isOutside(entry)) found.push(entry);
  });
  return found;
}

function isOutside(entry: Entry): boolean {
  const { workload } = entry;
  return workload.kind === 'annotated' && whereabouts(entry)?.intersects(workload.cpus) === false;
}

/** The CPUs that a container is pinned to. */
function pinnedTo({ workload }: Entry): Cpuset {
  return workload.kind === 'annotated' ? workload.cpus : Cpuset.EMPTY;
}

function toPool(draft: Draft, entry: Entry): void {
  draft.set({ ...entry, cpus: Cpuset.EMPTY });
}

/** The CPUs that containers without CPUs of their own were told. */
function toldInPool(draft: Draft): Cpuset {
  const told = new Set<Cpuset>();
  draft.forEachInPool((alike) => {
    if (alike.told !== undefined) told.add(alike.told);
  });
  return Cpuset.union([...told]);
}

/** Keeps a running container where it is, if it holds what it is entitled to. A restart moves nobody. */
function keepClaim(draft: Draft, policy: Policy, entry: Entry, usedByPool: () => Cpuset): boolean {
  const { workload } = entry;
  const cpus = claimOf(entry);
  if (cpus === undefined) return false;
  if (workload.kind === 'annotated') {
    const isThere = isOn(workload.cpus, cpus, policy.topology.online);
    if (!isThere || workload.cpus.intersects(draft.integer) || mayBePool(draft, policy, entry, usedByPool)) {
      return false;
    }
    draft.set({ ...entry, cpus: workload.cpus });
    return true;
  }
  if (workload.kind !== 'integer') return false;
  const enough = cpus.size === workload.count || (workload.atLeast && cpus.size > workload.count);
  if (!enough || !remainingClaim(draft, policy, entry).equals(cpus)) return false;
  if (mayBePool(draft, policy, entry, usedByPool)) return false;
  draft.set({ ...entry, workload: { ...workload, count: cpus.size }, cpus });
  return true;
}

/** Whether a container that is on `cpus` is on all that there are of `list`: CPUs that are offline may be missing. */
function isOn(list: Cpuset, cpus: Cpuset, online: Cpuset): boolean {
  const [wanted, used] = [list.intersect(online), cpus.intersect(online)];
  return cpus.equals(list) || (!wanted.isEmpty && used.equals(wanted));
}

/** The CPUs that a running container can call its own: those the ledger gave it, else those the runtime was told. */
function claimOf(entry: Entry): Cpuset | undefined {
  if (isExclusive(entry)) return entry.cpus;
  return entry.unplaced === undefined ? entry.told.cpus : undefined;
}

/**
 * Whether what a container was told may be the pool, which by chance is what it asks for: it may have been unplaced, and a runtime
 * that lists it does not say so. Then it would take CPUs from the others in the pool, or the last ones.
 */
function mayBePool(draft: Draft, policy: Policy, entry: Entry, usedByPool: () => Cpuset): boolean {
  const { told, workload } = entry;
  if (isExclusive(entry) || told.cpus === undefined) return false;
  if (workload.kind === 'integer')
    return isAllOfPool(draft, policy, told.cpus) || usedByPool().intersects(told.cpus);
  return mayBeUnplaced(entry, policy) && isAllOfPool(draft, policy, told.cpus);
}

/** Whether a pinned container may have had no CPUs of its own: one that had was told memory nodes as well. */
function mayBeUnplaced(entry: Entry, policy: Policy): boolean {
  return !isExclusive(entry) && policy.numaMemoryPolicy === 'strict' && entry.told.mems === undefined;
}

/**
 * Whether nothing of the pool would be left, of which containers with CPUs of their own have to leave something. Where CPUs are
 * offline, the pool may have been made of those, and what is left of it then is somebody's own.
 */
function isAllOfPool(draft: Draft, policy: Policy, cpus: Cpuset): boolean {
  const pool = poolOf(draft, policy);
  const { offline } = policy.topology;
  return policy.minSharedCpus > 0 && offline.isEmpty && cpus.intersects(pool) && pool.isSubsetOf(cpus);
}

/**
 * Of the CPUs that an integer container claims, those it may keep; none where they are not as many as it asks for and may be the
 * pool: then it would take from the others there what it need not, or the last ones.
 */
function keptClaim(draft: Draft, policy: Policy, entry: Entry, usedByPool: () => Cpuset): Cpuset {
  const claim = remainingClaim(draft, policy, entry);
  const { workload } = entry;
  const isOther =
    workload.kind === 'integer' && (claim.size < workload.count || claimOf(entry)?.size !== workload.count);
  return isOther && mayBePool(draft, policy, entry, usedByPool) ? Cpuset.EMPTY : claim;
}

/** Of the CPUs that an integer container claims, those it may keep and nobody else owns. */
function remainingClaim(draft: Draft, policy: Policy, entry: Entry): Cpuset {
  return (claimOf(entry) ?? Cpuset.EMPTY)
    .intersect(policy.integerCpus)
    .minus(forbiddenTo(entry.workload))
    .minus(draft.reserved);
}
