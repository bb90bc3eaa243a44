import { Cpuset } from '../../placement/cpuset.ts';
import { memoryNodes } from '../../placement/memory.ts';
import { type Entry, forbiddenTo, isExclusive, type Told } from './entry.ts';
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

/** What the policy wants the runtime to be told of a container; without CPUs only where the pool is empty. */
export function wanted(entry: Entry, pool: Cpuset, policy: Policy): Told {
  if (!isExclusive(entry)) {
    const share = poolShare(pool, forbiddenTo(entry.workload));
    return { cpus: share.isEmpty ? undefined : share, mems: undefined, quota: undefined };
  }
  const strict = entry.workload.kind === 'annotated' && policy.numaMemoryPolicy === 'strict';
  const mems = strict ? memoryNodes(policy.topology, entry.cpus).toString() : '';
  return {
    cpus: entry.cpus,
    mems: mems === '' ? undefined : mems,
    quota: policy.liftCpuQuota ? -1 : undefined,
  };
}

/**
 * Finds every container that was told something else than what is now wanted, and puts the differences in an order in
 * which, applied one at a time, no exclusive CPU is ever in two places (invariant I6): containers in the pool shrink,
 * exclusive ones move, containers in the pool grow. Marks them as told in the draft.
 */
export function tellDifferences(draft: Draft, policy: Policy, options: UpdateOptions): ContainerUpdate[] {
  const pool = poolOf(draft, policy);
  const { online } = policy.topology;
  const movers: Entry[] = [];
  const inPool: Entry[] = [];
  draft.forEach((entry) => {
    const differs = !sameAsTold(entry.told, wanted(entry, pool, policy));
    if (isExclusive(entry) ? differs : differs && entry.container.id !== options.self) {
      (isExclusive(entry) ? movers : inPool).push(entry);
    }
  });
  // CPUs that somebody still runs on until its own update is applied: nobody may be told to use them before that.
  const vacating = Cpuset.union(movers.map((entry) => (entry.told.cpus ?? Cpuset.EMPTY).minus(entry.cpus)));
  const updates: ContainerUpdate[] = [];
  const tell = (entry: Entry, told: Told): void => {
    updates.push(difference(entry, told));
    draft.set({ ...entry, told: { ...entry.told, ...defined(told) }, epoch: draft.epoch });
  };

  const growing: Entry[] = [];
  for (const entry of inPool) {
    const want = wanted(entry, pool, policy);
    if (want.cpus === undefined) continue;
    const now = (entry.told.cpus ?? online).intersect(online);
    if (now.isSubsetOf(want.cpus)) {
      if (entry.told.cpus !== undefined) growing.push(entry);
      continue;
    }
    const vacated = want.cpus.minus(vacating);
    tell(entry, { ...want, cpus: vacated.isEmpty ? want.cpus : vacated });
  }
  for (const entry of inMovingOrder(movers)) {
    if (entry.container.id !== options.self) tell(entry, wanted(entry, pool, policy));
  }
  if (options.takeGrowth !== undefined && growing.length > 0) {
    // Who has least gets first.
    growing.sort((a, b) => a.told.cpus!.size - b.told.cpus!.size);
    for (const entry of growing.slice(0, options.takeGrowth(growing.length)))
      tell(entry, wanted(entry, pool, policy));
  }
  return updates;
}

/** Exclusive containers so ordered that each moves to CPUs that no other one of them is still on. */
function inMovingOrder(movers: readonly Entry[]): Entry[] {
  const ordered: Entry[] = [];
  const pending = new Set(movers);
  const blocked = (entry: Entry): boolean => {
    for (const other of pending) {
      const bothPinned = entry.workload.kind === 'annotated' && other.workload.kind === 'annotated';
      if (other !== entry && !bothPinned && other.told.cpus?.intersects(entry.cpus)) return true;
    }
    return false;
  };
  while (pending.size > 0) {
    const before = pending.size;
    for (const entry of pending) {
      if (blocked(entry)) continue;
      pending.delete(entry);
      ordered.push(entry);
    }
    // A circle can only come from cpusets that were set behind our back; somebody has to go first.
    if (pending.size === before) {
      const [first] = pending;
      pending.delete(first!);
      ordered.push(first!);
    }
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
    ...(want.cpus !== undefined && !told.cpus?.equals(want.cpus) && { cpus: want.cpus }),
    ...(want.mems !== undefined && want.mems !== told.mems && { mems: want.mems }),
    ...(want.quota !== undefined && want.quota !== told.quota && { quota: want.quota }),
  };
}

function defined(told: Told): Partial<Told> {
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined));
}
