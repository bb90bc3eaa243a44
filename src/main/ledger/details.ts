import type { Cpuset } from '../../placement/cpuset.ts';
import { type Entry, nameOf } from './entry.ts';
import type { Draft } from './state.ts';
import type { Details } from './turn.ts';
import type { ContainerUpdate } from './updates.ts';

export function told(update: ContainerUpdate): Details {
  return {
    ...(update.cpus !== undefined && { cpus: update.cpus.toString() }),
    ...(update.mems !== undefined && { mems: update.mems }),
  };
}

export function released(entry: Entry): Details {
  return { outcome: 'released', kind: entry.workload.kind, cpus: entry.cpus.toString() };
}

export function describeMoves(draft: Draft, moves: readonly { id: string; from: Cpuset; to: Cpuset }[]) {
  return moves.map(({ id, from, to }) => ({
    id,
    container: nameOf(draft.get(id)!),
    from: from.toString(),
    to: to.toString(),
  }));
}

export function describeCounts(entries: Iterable<Entry>): string {
  const counts = { annotated: 0, integer: 0, shared: 0, unplaced: 0 };
  for (const entry of entries) counts[entry.unplaced === undefined ? entry.workload.kind : 'unplaced']++;
  return Object.entries(counts)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
}

export function describeUnplaced(entries: Iterable<Entry>): string[] {
  return [...entries].flatMap((entry) =>
    entry.unplaced === undefined ? [] : [`${nameOf(entry)} runs in the shared pool: ${entry.unplaced}`],
  );
}

/** Pinned containers are left on CPUs that went offline: the kernel lets them run anywhere, until the CPUs are back. */
export function describeOffline(entries: Iterable<Entry>, online: Cpuset): string[] {
  return [...entries].flatMap((entry) =>
    entry.cpus.isSubsetOf(online)
      ? []
      : [
          `${nameOf(entry)} is pinned to CPUs ${entry.cpus}, of which ${entry.cpus.minus(online)} are offline`,
        ],
  );
}
