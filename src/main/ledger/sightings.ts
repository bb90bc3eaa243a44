import type { Cpuset } from '../../placement/cpuset.ts';
import { ANY_QUOTA, type Entry } from './entry.ts';
import type { Draft } from './state.ts';
import type { ContainerUpdate } from './updates.ts';

/** Where a container was found to run. */
export interface Sighting {
  readonly id: string;
  readonly cpus: Cpuset;
  /** The container's epoch when looking began: an older sight says nothing about a newer decision. */
  readonly epoch: number;
}

/** Notes which containers were found elsewhere than they were told. `elsewhere` are those not known to be there before. */
export function noteSightings(
  draft: Draft,
  online: Cpuset,
  sightings: readonly Sighting[],
): { readonly hasChanged: boolean; readonly elsewhere: readonly Entry[] } {
  const elsewhere: Entry[] = [];
  let hasChanged = false;
  for (const { id, cpus, epoch } of sightings) {
    const entry = draft.get(id);
    if (entry?.told.cpus === undefined || entry.epoch !== epoch) continue;
    // The kernel of cgroup v1 takes offline CPUs out of a cpuset, that of v2 keeps them: both are as told.
    const asTold = cpus.intersect(online).equals(entry.told.cpus.intersect(online));
    if (asTold ? entry.seen === undefined : entry.seen?.equals(cpus)) continue;
    draft.set({ ...entry, seen: asTold ? undefined : cpus });
    hasChanged = true;
    if (!asTold) elsewhere.push(entry);
  }
  return { hasChanged, elsewhere };
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
    // Nobody looks for memory nodes and quotas: what may not have arrived counts as not told.
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
