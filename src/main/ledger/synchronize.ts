import { CpuListError, parseCpuList } from '../../placement/cpulist.ts';
import { Cpuset } from '../../placement/cpuset.ts';
import { type ContainerFacts, classify, type PodFacts } from '../../placement/workload.ts';
import { byAge, type Entry, forbiddenTo, type Told, UNTOLD } from './entry.ts';
import { applyMoves, placeAnnotated, placeInteger } from './place.ts';
import type { Policy } from './policy.ts';
import { Refusal } from './refusal.ts';
import type { Draft } from './state.ts';

/** A container as an event or a listing shows it. */
export interface Seen {
  readonly pod: PodFacts;
  readonly container: ContainerFacts;
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
  const common = { pod: seen.pod, container: seen.container, cpus: Cpuset.EMPTY, told: UNTOLD, epoch };
  try {
    const { workload, reason, warnings } = classify(seen.pod, seen.container, policy.classify);
    return { entry: { ...common, workload, reason, unplaced: undefined }, warnings };
  } catch (error) {
    if (!(error instanceof CpuListError)) throw error;
    const entry: Entry = {
      ...common,
      workload: { kind: 'annotated', cpus: Cpuset.EMPTY },
      reason: 'annotated',
      unplaced: error.message,
    };
    return { entry, warnings: [error.message] };
  }
}

/** What the runtime says a container was told. A list that does not fit this host counts as nothing told. */
export function toldByRuntime(container: ContainerFacts, policy: Policy): Told {
  const { cpus, mems, quota } = container.resources;
  let set: Cpuset | undefined;
  try {
    if (cpus !== undefined && cpus !== '') set = parseCpuList(cpus, { max: policy.topology.maxCpuId });
  } catch (error) {
    if (!(error instanceof CpuListError)) throw error;
  }
  return { cpus: set, mems: mems === '' ? undefined : mems, quota };
}

/**
 * Rebuilds an empty draft from the containers that the runtime lists (docs/placement.md, "Synchronization"): annotated
 * ones first, then integer ones that hold valid exclusive CPUs, then those whose size changed, then those in conflict
 * or without CPUs, oldest first in each group. What cannot be placed runs in the pool and is marked as unplaced.
 *
 * @returns warnings about annotations
 */
export function rebuild(
  draft: Draft,
  policy: Policy,
  listed: readonly Seen[],
  recall: Recall,
): readonly string[] {
  const warnings: string[] = [];
  const entries = listed.map((seen) => {
    const made = toEntry(seen, policy, draft.epoch);
    warnings.push(...made.warnings);
    return { ...made.entry, told: toldByRuntime(seen.container, policy) };
  });
  entries.sort(byAge);

  // Containers of the pool come first because they own nothing: what is placed afterwards must leave them something.
  for (const entry of entries) if (entry.workload.kind === 'shared') draft.set(entry);
  for (const entry of entries) if (entry.workload.kind === 'annotated') adopt(draft, policy, entry, recall);

  let waiting = entries.filter((entry) => entry.workload.kind === 'integer');
  const settle = (settled: (entry: Entry) => boolean): void => {
    waiting = waiting.filter((entry) => !settled(entry));
  };
  settle((entry) => keepClaim(draft, policy, entry));
  settle((entry) => {
    const claim = remainingClaim(draft, policy, entry);
    if (claim.isEmpty) return false;
    placeOrPool(draft, policy, entry, recall, claim);
    return true;
  });
  for (const entry of waiting) placeOrPool(draft, policy, entry, recall);
  return warnings;
}

/** Adds a container that runs already; one that cannot be placed goes to the pool as unplaced. */
export function adopt(draft: Draft, policy: Policy, entry: Entry, recall: Recall): void {
  if (entry.workload.kind === 'shared') draft.set(entry);
  else if (!keepClaim(draft, policy, entry)) placeOrPool(draft, policy, entry, recall);
}

/**
 * Tries to place a container that is not in the draft; else it runs in the pool and says why.
 *
 * @param claim CPUs it runs on already and may keep: enough of them are kept, or all of them and more added
 */
export function placeOrPool(
  draft: Draft,
  policy: Policy,
  entry: Entry,
  recall: Recall,
  claim: Cpuset = Cpuset.EMPTY,
): void {
  const { workload, pod } = entry;
  try {
    if (workload.kind === 'annotated' && !workload.cpus.isEmpty) {
      applyMoves(draft, placeAnnotated(draft, policy, pod, workload.cpus));
      draft.set({ ...entry, cpus: workload.cpus, unplaced: undefined });
    } else if (workload.kind === 'integer') {
      const { count, forbidden } = workload;
      const kept = claim.size >= count && !claim.isEmpty ? { within: claim } : { held: claim };
      const cpus = placeInteger(draft, policy, { pod, count, forbidden, previous: recall(entry), ...kept });
      draft.set({ ...entry, cpus, unplaced: undefined });
    } else {
      draft.set(entry);
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    draft.set({ ...entry, cpus: Cpuset.EMPTY, unplaced: error.message });
  }
}

/** Keeps a running container where it is, if it holds what it is entitled to. A restart moves nobody. */
function keepClaim(draft: Draft, policy: Policy, entry: Entry): boolean {
  const { workload, told } = entry;
  if (told.cpus === undefined) return false;
  if (workload.kind === 'annotated') {
    const kept = told.cpus.equals(workload.cpus) && !told.cpus.intersects(draft.integer);
    if (kept) draft.set({ ...entry, cpus: told.cpus });
    return kept;
  }
  if (workload.kind !== 'integer') return false;
  const enough = told.cpus.size === workload.count || (workload.atLeast && told.cpus.size > workload.count);
  if (!enough || !remainingClaim(draft, policy, entry).equals(told.cpus)) return false;
  draft.set({ ...entry, workload: { ...workload, count: told.cpus.size }, cpus: told.cpus });
  return true;
}

/** Of the CPUs that the runtime was told for an integer container, those it may keep and nobody else owns. */
function remainingClaim(draft: Draft, policy: Policy, entry: Entry): Cpuset {
  return (entry.told.cpus ?? Cpuset.EMPTY)
    .intersect(policy.integerCpus)
    .minus(forbiddenTo(entry.workload))
    .minus(draft.reserved);
}
