import { Cpuset } from '../../placement/cpuset.ts';
import { memoryNodes } from '../../placement/memory.ts';
import {
  type Entry,
  forbiddenTo,
  isExclusive,
  liftedQuota,
  type Told,
  UNTOLD,
  whereabouts,
} from './entry.ts';
import { poolOf, poolShare } from './place.ts';
import type { Policy } from './policy.ts';
import type { PoolTerms } from './pool-groups.ts';
import type { Alike, Draft } from './state.ts';

/** A change of a container's resources, as an answer carries it; absent parts are left as they are. */
export interface ContainerUpdate {
  readonly id: string;
  readonly cpus?: Cpuset;
  readonly mems?: string;
  readonly quota?: number;
}

export interface UpdateOptions {
  /** The container the event is about: what it is told travels apart from the updates, after them; then nobody grows. */
  readonly self?: string;
  /** Whether containers that are told to leave CPUs are told of the pool's growth at the same time; true if left out. */
  readonly growsAlong?: boolean;
  /** Asked before each update that only grows a container's share of the pool; absent: none of those. */
  readonly takeGrowth?: () => boolean;
}

/** What the policy wants the runtime to be told of a container: where the pool is empty, the CPUs it was told before. */
export function wanted(entry: Entry, pool: Cpuset, policy: Policy): Told {
  const quota = wantedQuota(entry, policy);
  if (!isExclusive(entry)) {
    const terms = { told: entry.told.cpus, forbidden: forbiddenTo(entry.workload) };
    return { cpus: wantedInPool(terms, pool), mems: undefined, quota };
  }
  const strict = entry.workload.kind === 'annotated' && policy.numaMemoryPolicy === 'strict';
  return { cpus: entry.cpus, mems: strict ? memoryOf(entry, policy) : undefined, quota };
}

/** No quota for a container that owns CPUs, where that is set; otherwise its own one back, as far as it is known. */
function wantedQuota(entry: Entry, policy: Policy): number | undefined {
  if (policy.liftCpuQuota && isExclusive(entry)) return -1;
  return liftedQuota(entry);
}

/** The memory nodes of its CPUs; those it has while some of these are offline: going there and back would move its pages twice. */
function memoryOf({ cpus, told }: Entry, { topology }: Policy): string | undefined {
  if (told.mems !== undefined && told.cpus?.equals(cpus) && !cpus.isSubsetOf(topology.online))
    return told.mems;
  const nodes = memoryNodes(topology, cpus);
  return nodes.isEmpty ? undefined : nodes.toString();
}

function wantedInPool({ told, forbidden }: PoolTerms, pool: Cpuset): Cpuset | undefined {
  const share = poolShare(pool, forbidden);
  return share.isEmpty ? told : share;
}

/** Whether a container that owns CPUs was told all that is wanted of it, and was not found elsewhere. */
export function isInPlace(owner: Entry, policy: Policy): boolean {
  return owner.seen === undefined && sameAsTold(owner.told, wanted(owner, Cpuset.EMPTY, policy));
}

/** Containers that are not as wanted, by what has to be done about it. */
interface Found {
  /** Exclusive containers that are not on their own CPUs yet. */
  readonly moving: readonly Entry[];
  /** Containers of the pool that are outside their share of it, have no CPU online, or are not where they were told to be. */
  readonly misplaced: readonly Alike[];
  /** Containers of the pool that could have more of it: comfort, no invariant is at risk. */
  readonly growing: readonly Alike[];
}

/** Containers that are not as wanted, by what has to be done about it; see `Found`. */
export type Differences = Readonly<Record<keyof Found, readonly Entry[]>>;

export function differencesOf(draft: Draft, policy: Policy): Differences {
  const { moving, misplaced, growing } = findDifferences(draft, policy);
  const all = (alike: readonly Alike[]): readonly Entry[] => alike.flatMap(({ all }) => [...all()]);
  return { moving, misplaced: all(misplaced), growing: all(growing) };
}

/** Finds every container that was told something else than what is now wanted, or is not where it was told to be. */
function findDifferences(draft: Draft, policy: Policy): Found {
  const pool = poolOf(draft, policy);
  const { online } = policy.topology;
  const moving: Entry[] = [];
  const misplaced: Alike[] = [];
  const growing: Alike[] = [];
  draft.forEachUnsettledOwner((entry) => {
    if (!isInPlace(entry, policy)) moving.push(entry);
  });
  draft.forEachInPool((alike) => {
    const { told, seen, wantsQuota } = alike;
    const want = wantedInPool(alike, pool);
    if (want === undefined || (seen === undefined && !wantsQuota && told?.equals(want))) return;
    const now = (seen ?? told ?? online).intersect(online);
    // The kernel lets a container whose CPUs are all offline run anywhere.
    const isOutside = now.isEmpty || !now.isSubsetOf(want);
    // A CPU that is offline has an owner too, if a pinned one: it is to be nobody else's when it comes back.
    const isOnOwned = told?.intersects(draft.reserved) === true;
    const isMisplaced = seen !== undefined || wantsQuota || isOutside || isOnOwned;
    if (isMisplaced) misplaced.push(alike);
    else if (told !== undefined) growing.push(alike);
  });
  return { moving, misplaced, growing };
}

/**
 * Puts all differences in an order in which, applied one at a time, no exclusive CPU is ever in two places (invariant I6):
 * containers in the pool shrink, exclusive ones move, containers in the pool grow. Marks them as told in the draft.
 */
export function tellDifferences(draft: Draft, policy: Policy, options: UpdateOptions): ContainerUpdate[] {
  const pool = poolOf(draft, policy);
  const { moving, misplaced, growing } = findDifferences(draft, policy);
  const self = options.self === undefined ? undefined : draft.get(options.self);
  // CPUs that somebody still runs on until its own update is applied: nobody may be told to use them before that.
  const vacating = leftBy(moving);
  const updates: ContainerUpdate[] = [];
  const tell = (entry: Entry, want: Told): void => {
    updates.push(difference(entry, want));
    const {
      cpus = entry.told.cpus,
      mems = entry.told.mems,
      quota = entry.told.quota,
      isInterim = false,
    } = want;
    draft.set({ ...entry, told: { cpus, mems, quota, isInterim }, seen: undefined, epoch: draft.epoch });
  };

  // Those that are alike are told the same set, so that its text is made and encoded once.
  for (const alike of misplaced) {
    const want = wantedInPool(alike, pool)!;
    const cpus = leftPart(alike, want, vacating);
    const told = options.growsAlong === false ? remainderOf(alike, cpus) : cpus;
    for (const entry of alike.all())
      if (entry !== self) tell(entry, { ...UNTOLD, cpus: told, quota: wantedQuota(entry, policy) });
  }
  for (const { entry, interim } of inMovingOrder(moving, pool, self))
    tell(
      entry,
      interim === undefined ? wanted(entry, pool, policy) : { ...UNTOLD, cpus: interim, isInterim: true },
    );
  const { takeGrowth } = options;
  if (takeGrowth !== undefined) {
    // Who has just been told to leave CPUs may by that be alike to those that grow; an answer may name a container only once.
    const named = new Set(updates.map(({ id }) => id));
    for (const entry of smallestFirst(growing)) {
      if (named.has(entry.container.id)) continue;
      if (!takeGrowth()) break;
      tell(entry, wanted(entry, pool, policy));
    }
  }
  return updates;
}

/**
 * Puts the container that an event is about into the draft as told all that is wanted of it, and says what that is.
 *
 * @param vacating CPUs that it is not told of yet, as others are still on them, where it has any other
 */
export function tellSelf(
  draft: Draft,
  policy: Policy,
  entry: Entry,
  vacating: Cpuset = Cpuset.EMPTY,
): ContainerUpdate {
  const want = asFarAsLeft(entry, wanted(entry, poolOf(draft, policy), policy), vacating);
  // Memory nodes that are left as they are stay what was told before.
  const told = { ...want, mems: want.mems ?? entry.told.mems };
  draft.set({ ...entry, told, seen: undefined, epoch: draft.epoch });
  return {
    id: entry.container.id,
    ...(want.cpus !== undefined && { cpus: want.cpus }),
    ...(want.mems !== undefined && { mems: want.mems }),
    ...(want.quota !== undefined && { quota: want.quota }),
  };
}

/** CPUs that containers with CPUs of their own are still on until they are told to leave them. */
export function vacatingIn(draft: Draft): Cpuset {
  const owners: Entry[] = [];
  draft.forEachUnsettledOwner((entry) => owners.push(entry));
  return leftBy(owners);
}

/** The CPUs that owners of others are on. */
function leftBy(owners: readonly Entry[]): Cpuset {
  return Cpuset.union(owners.map((entry) => (whereabouts(entry) ?? Cpuset.EMPTY).minus(entry.cpus)));
}

/** What is wanted of a container, without CPUs that others are still on where it has any other. */
function asFarAsLeft(entry: Entry, want: Told, vacating: Cpuset): Told {
  if (want.cpus?.intersects(vacating) !== true) return want;
  const { seen, told } = entry;
  if (!isExclusive(entry)) return { ...want, cpus: leftPart({ seen, told: told.cpus }, want.cpus, vacating) };
  const left = want.cpus.minus(vacating);
  return left.isEmpty ? want : { ...want, cpus: left, isInterim: true };
}

/** The CPUs that containers are on. */
function stillOn(containers: readonly Entry[]): Cpuset {
  return Cpuset.union(containers.map((entry) => whereabouts(entry) ?? Cpuset.EMPTY));
}

/** Of the CPUs that a container of the pool may have, those that all others have left; where there are none, see `remainderOf`. */
function leftPart(container: Pick<Alike, 'seen' | 'told'>, cpus: Cpuset, vacating: Cpuset): Cpuset {
  const left = cpus.minus(vacating);
  return left.isEmpty ? remainderOf(container, cpus) : left;
}

/** Of the CPUs that a container may have, those it has already; all of them where that is none, or it is not in its place. */
function remainderOf({ seen, told }: Pick<Alike, 'seen' | 'told'>, cpus: Cpuset): Cpuset {
  const left = seen === undefined ? told?.intersect(cpus) : undefined;
  return left === undefined || left.isEmpty ? cpus : left;
}

/** Who has least comes first. */
function* smallestFirst(growing: readonly Alike[]): Generator<Entry> {
  const sizeOf = ({ told }: Alike): number => told!.size;
  for (const { all } of growing.toSorted((a, b) => sizeOf(a) - sizeOf(b))) yield* all();
}

interface Moving {
  readonly entry: Entry;
  /** CPUs to withdraw to for now, out of the way of others: an answer may name a container only once. */
  readonly interim?: Cpuset;
}

/**
 * Exclusive containers so ordered that each moves to CPUs that no other one of them is still on. Where they wait for one
 * another in a circle (a pinned one that ran in the pool, and those that make way for it into the pool; two that change places),
 * one withdraws to CPUs that it is on and nobody else owns, or to those of its own that nobody is on, and is given the rest with a
 * later answer; a pinned one if any can, for placing leaves it such CPUs. Where none can, mostly because cpusets were set behind
 * our back, one has to go first all the same.
 *
 * @param last is told after all others: who waits for it, and who waits for those, moves with a later answer, and who is where
 *   it goes withdraws
 */
function inMovingOrder(moving: readonly Entry[], pool: Cpuset, last: Entry | undefined): readonly Moving[] {
  const ordered: Moving[] = [];
  const pending = new Set(moving);
  const blockers = blockersOf(
    last === undefined ? moving : [...moving.filter((each) => each !== last), last],
  );
  const later = new Set(last === undefined ? [] : [last]);
  for (const entry of later) {
    pending.delete(entry);
    for (const other of pending) if (blockers.get(other)!.includes(entry)) later.add(other);
  }
  const isBlocked = (entry: Entry): boolean => blockers.get(entry)!.some((other) => pending.has(other));
  const unblocked = (): Entry | undefined => {
    for (const entry of pending) if (!isBlocked(entry)) return entry;
    return undefined;
  };
  const withdrawn = (among: readonly Entry[]): Moving | undefined => {
    const canBe = among.flatMap((entry) => {
      const here = whereabouts(entry)?.intersect(pool.union(entry.cpus)) ?? Cpuset.EMPTY;
      const interim = here.isEmpty ? entry.cpus.minus(stillOn(blockers.get(entry)!)) : here;
      return interim.isEmpty ? [] : [{ entry, interim }];
    });
    return canBe.find(({ entry }) => entry.workload.kind === 'annotated') ?? canBe[0];
  };
  while (pending.size > 0) {
    const free = unblocked();
    const next =
      free === undefined ? (withdrawn([...pending]) ?? { entry: [...pending][0]! }) : { entry: free };
    pending.delete(next.entry);
    ordered.push(next);
  }
  for (const entry of new Set(last && blockers.get(last))) {
    const aside = later.has(entry) ? withdrawn([entry]) : undefined;
    if (aside !== undefined) ordered.push(aside);
  }
  return ordered;
}

/**
 * Of each container that moves, the others that are still on CPUs of it. Found by CPU, since to compare each with each took
 * 6 ms of a plan that moves 160, and 30 ms of one that moves 320.
 */
function blockersOf(moving: readonly Entry[]): ReadonlyMap<Entry, readonly Entry[]> {
  const onCpu = new Map<number, Entry[]>();
  const wanted = Cpuset.union(moving.map(({ cpus }) => cpus));
  for (const entry of moving) {
    for (const cpu of whereabouts(entry)?.intersect(wanted) ?? []) {
      const others = onCpu.get(cpu);
      if (others === undefined) onCpu.set(cpu, [entry]);
      else others.push(entry);
    }
  }
  const arePinned = (one: Entry, other: Entry): boolean =>
    one.workload.kind === 'annotated' && other.workload.kind === 'annotated';
  const blockers = (entry: Entry): readonly Entry[] =>
    entry.cpus
      .toArray()
      .flatMap((cpu) => onCpu.get(cpu) ?? [])
      .filter((other) => other !== entry && !arePinned(other, entry));
  return new Map(moving.map((entry) => [entry, blockers(entry)]));
}

function sameAsTold(told: Told, want: Told): boolean {
  return (
    (want.cpus === undefined || told.cpus?.equals(want.cpus) === true) &&
    (want.mems === undefined || want.mems === told.mems) &&
    (want.quota === undefined || want.quota === told.quota)
  );
}

function difference(entry: Entry, want: Told): ContainerUpdate {
  const { told } = entry;
  return {
    id: entry.container.id,
    ...(want.cpus !== undefined &&
      (entry.seen !== undefined || !told.cpus?.equals(want.cpus)) && { cpus: want.cpus }),
    ...(want.mems !== undefined &&
      (entry.seen !== undefined || want.mems !== told.mems) && { mems: want.mems }),
    ...(want.quota !== undefined && want.quota !== told.quota && { quota: want.quota }),
  };
}
