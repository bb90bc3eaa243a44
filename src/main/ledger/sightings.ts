import { Cpuset } from '../../placement/cpuset.ts';
import { ANY_QUOTA, type Entry, isExclusive } from './entry.ts';
import type { Policy } from './policy.ts';
import type { Draft } from './state.ts';
import { type ContainerUpdate, wanted } from './updates.ts';

/** Where a container was found to run. */
export interface Sighting {
  readonly id: string;
  readonly cpus: Cpuset;
  /** The memory nodes it is held to, as the kernel lists them. */
  readonly mems: string;
  /** The container's epoch when looking began: an older sight says nothing about a newer decision. */
  readonly epoch: number;
}

/** What of a container is not as it was told. */
export interface Drift {
  readonly what: 'CPUs' | 'memory nodes';
  readonly told: string;
  readonly found: string;
}

/** A container, as it was before that was noted, that was found elsewhere than it was told. */
export interface Drifted {
  readonly entry: Entry;
  readonly drifts: readonly Drift[];
}

/** Notes which containers were found elsewhere than they were told. `elsewhere` are those not known to be there before. */
export function noteSightings(
  draft: Draft,
  policy: Policy,
  sightings: readonly Sighting[],
): { readonly hasChanged: boolean; readonly elsewhere: readonly Drifted[] } {
  const elsewhere: Drifted[] = [];
  let hasChanged = false;
  for (const sighting of sightings) {
    const { id, cpus, epoch } = sighting;
    const entry = draft.get(id);
    if (entry?.told.cpus === undefined || entry.epoch !== epoch) continue;
    const drifts = driftsOf(entry, entry.told.cpus, sighting, policy);
    const asTold = drifts.length === 0;
    if (asTold ? entry.seen === undefined : entry.seen?.equals(cpus)) continue;
    draft.set({ ...entry, seen: asTold ? undefined : cpus });
    hasChanged = true;
    if (!asTold) elsewhere.push({ entry, drifts });
  }
  return { hasChanged, elsewhere };
}

function driftsOf(entry: Entry, told: Cpuset, { cpus, mems }: Sighting, policy: Policy): readonly Drift[] {
  const { online } = policy.topology;
  const drifts: Drift[] = [];
  // The kernel of cgroup v1 takes offline CPUs out of a cpuset, that of v2 keeps them: both are as told.
  if (!cpus.intersect(online).equals(told.intersect(online)))
    drifts.push({ what: 'CPUs', told: `${told}`, found: `${cpus}` });
  const held = memoryHeldTo(entry, policy);
  if (held !== undefined && held !== mems) drifts.push({ what: 'memory nodes', told: held, found: mems });
  return drifts;
}

/**
 * The memory nodes that a container was told and is to keep. Those of others are left to whoever sets them; where CPUs are
 * offline their nodes may be as well, which the kernel of cgroup v1 takes out likewise.
 */
function memoryHeldTo(entry: Entry, policy: Policy): string | undefined {
  if (!isExclusive(entry) || !entry.cpus.isSubsetOf(policy.topology.online)) return undefined;
  const { mems } = wanted(entry, Cpuset.EMPTY, policy);
  return mems === entry.told.mems ? mems : undefined;
}

/**
 * Notes which containers may not be where they were told, after updates were sent without an event: all of them when some
 * failed, otherwise those that were told something else meanwhile. @returns whether there are any
 */
export function noteDoubts(
  draft: Draft,
  online: Cpuset,
  sent: readonly ContainerUpdate[],
  failed: boolean,
): boolean {
  let hasChanged = false;
  for (const { id, cpus, mems, quota } of sent) {
    const entry = draft.get(id);
    if (entry === undefined) continue;
    const { told } = entry;
    const isElsewhere = cpus !== undefined && (failed || !told.cpus?.equals(cpus));
    // Nobody looks for quotas, and for memory nodes a while later: what may not have arrived counts as not told.
    const areMemsElsewhere = mems !== undefined && (failed || told.mems !== mems);
    const isQuotaElsewhere = quota !== undefined && (failed || told.quota !== quota);
    if (!isElsewhere && !areMemsElsewhere && !isQuotaElsewhere) continue;
    const seen = isElsewhere ? (failed ? online : cpus) : entry.seen;
    draft.set({
      ...entry,
      told: {
        ...told,
        mems: areMemsElsewhere ? undefined : told.mems,
        quota: isQuotaElsewhere ? ANY_QUOTA : told.quota,
      },
      seen,
    });
    hasChanged = true;
  }
  return hasChanged;
}
