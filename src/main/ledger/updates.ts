import { Cpuset } from '../../placement/cpuset.ts';
import { memoryNodes } from '../../placement/memory.ts';
import { type Entry, forbiddenTo, isExclusive, type Told, whereabouts } from './entry.ts';
import { poolOf, poolShare } from './place.ts';
import type { Policy } from './policy.ts';
import type { Draft } from './state.ts';

/** A change of a container's resources, as an answer carries it; absent parts are left as they are. */
export interface ContainerUpdate {
  readonly id: string;
  readonly cpus?: Cpuset;
  readonly mems?: string;
  readonly quota?: number;
}

export interface UpdateOptions {
  /** The container the event is about: what it is told travels apart from the updates, after them. */
  readonly self?: string;
  /** Takes tokens for updates that only grow a container's share of the pool; absent: none of those. */
  readonly takeGrowth?: (wanted: number) => number;
}

/** What the policy wants the runtime to be told of a container: where the pool is empty, the CPUs it was told before. */
export function wanted(entry: Entry, pool: Cpuset, policy: Policy): Told {
  if (!isExclusive(entry)) {
    const share = poolShare(pool, forbiddenTo(entry.workload));
    return { cpus: share.isEmpty ? entry.told.cpus : share, mems: undefined, quota: undefined };
  }
  const strict = entry.workload.kind === 'annotated' && policy.numaMemoryPolicy === 'strict';
  const mems = strict ? memoryNodes(policy.topology, entry.cpus).toString() : '';
  return {
    cpus: entry.cpus,
    mems: mems === '' ? undefined : mems,
    quota: policy.liftCpuQuota ? -1 : undefined,
  };
}

/** Containers that are not as wanted, by what has to be done about it. */
export interface Differences {
  /** Exclusive containers that are not on their own CPUs yet. */
  readonly moving: readonly Entry[];
  /** Containers of the pool that are outside their share of it, have no CPU online, or are not where they were told to be. */
  readonly misplaced: readonly Entry[];
  /** Containers of the pool that could have more of it: comfort, no invariant is at risk. */
  readonly growing: readonly Entry[];
}

/** Finds every container that was told something else than what is now wanted, or is not where it was told to be. */
export function findDifferences(
  entries: { forEach(visit: (entry: Entry) => void): void },
  pool: Cpuset,
  policy: Policy,
): Differences {
  const { online } = policy.topology;
  const moving: Entry[] = [];
  const misplaced: Entry[] = [];
  const growing: Entry[] = [];
  // Most containers of the pool forbid nothing, and they share few cpusets, the same objects: each is compared once.
  const asWanted = new Set<Cpuset>();
  entries.forEach((entry) => {
    const { told, seen } = entry;
    if (seen === undefined && told.cpus !== undefined && asWanted.has(told.cpus) && isUnrestricted(entry))
      return;
    const want = wanted(entry, pool, policy);
    if (seen === undefined && sameAsTold(told, want)) {
      if (isUnrestricted(entry)) asWanted.add(told.cpus!);
      return;
    }
    if (isExclusive(entry)) moving.push(entry);
    else if (want.cpus !== undefined) {
      const now = (whereabouts(entry) ?? online).intersect(online);
      // The kernel lets a container whose CPUs are all offline run anywhere.
      const isMisplaced = entry.seen !== undefined || now.isEmpty || !now.isSubsetOf(want.cpus);
      if (isMisplaced) misplaced.push(entry);
      else if (entry.told.cpus !== undefined) growing.push(entry);
    }
  });
  return { moving, misplaced, growing };
}

/** Whether a container may have the whole pool. */
function isUnrestricted(entry: Entry): boolean {
  return !isExclusive(entry) && forbiddenTo(entry.workload).isEmpty;
}

/**
 * Puts all differences in an order in which, applied one at a time, no exclusive CPU is ever in two places (invariant I6):
 * containers in the pool shrink, exclusive ones move, containers in the pool grow. Marks them as told in the draft.
 */
export function tellDifferences(draft: Draft, policy: Policy, options: UpdateOptions): ContainerUpdate[] {
  const pool = poolOf(draft, policy);
  const { moving, misplaced, growing } = findDifferences(draft, pool, policy);
  const isOther = (entry: Entry): boolean => entry.container.id !== options.self;
  // CPUs that somebody still runs on until its own update is applied: nobody may be told to use them before that.
  const vacating = Cpuset.union(
    moving.map((entry) => (whereabouts(entry) ?? Cpuset.EMPTY).minus(entry.cpus)),
  );
  const updates: ContainerUpdate[] = [];
  const tell = (entry: Entry, want: Told): void => {
    updates.push(difference(entry, want));
    draft.set({ ...entry, told: { ...entry.told, ...defined(want) }, seen: undefined, epoch: draft.epoch });
  };

  for (const entry of misplaced.filter(isOther)) {
    const want = wanted(entry, pool, policy);
    const vacated = want.cpus!.minus(vacating);
    tell(entry, vacated.isEmpty ? want : { ...want, cpus: vacated });
  }
  for (const entry of inMovingOrder(moving)) {
    if (isOther(entry)) tell(entry, wanted(entry, pool, policy));
  }
  if (options.takeGrowth !== undefined) {
    // Who has least gets first.
    const others = growing.filter(isOther).sort((a, b) => whereabouts(a)!.size - whereabouts(b)!.size);
    for (const entry of others.slice(0, others.length > 0 ? options.takeGrowth(others.length) : 0)) {
      tell(entry, wanted(entry, pool, policy));
    }
  }
  return updates;
}

/** Marks the container that an event is about as told all that is wanted of it, and says what that is. */
export function tellSelf(draft: Draft, policy: Policy, id: string): ContainerUpdate {
  const entry = draft.get(id)!;
  const want = wanted(entry, poolOf(draft, policy), policy);
  draft.set({ ...entry, told: want, seen: undefined, epoch: draft.epoch });
  return {
    id,
    ...(want.cpus !== undefined && { cpus: want.cpus }),
    ...(want.mems !== undefined && { mems: want.mems }),
    ...(want.quota !== undefined && { quota: want.quota }),
  };
}

/** Exclusive containers so ordered that each moves to CPUs that no other one of them is still on. */
function inMovingOrder(moving: readonly Entry[]): readonly Entry[] {
  const ordered: Entry[] = [];
  const pending = new Set(moving);
  const isBlocked = (entry: Entry): boolean => {
    for (const other of pending) {
      const bothPinned = entry.workload.kind === 'annotated' && other.workload.kind === 'annotated';
      if (other !== entry && !bothPinned && whereabouts(other)?.intersects(entry.cpus)) return true;
    }
    return false;
  };
  while (pending.size > 0) {
    // A circle of containers that wait for one another can only come from cpusets set behind our back: one has to go
    // first, for an answer may name a container only once.
    const next = [...pending].find((entry) => !isBlocked(entry)) ?? [...pending][0]!;
    pending.delete(next);
    ordered.push(next);
  }
  return ordered;
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
    ...(want.mems !== undefined && want.mems !== told.mems && { mems: want.mems }),
    ...(want.quota !== undefined && want.quota !== told.quota && { quota: want.quota }),
  };
}

function defined(told: Told): Partial<Told> {
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined));
}
