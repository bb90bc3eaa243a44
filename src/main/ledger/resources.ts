import { Cpuset } from '../../placement/cpuset.ts';
import {
  type ContainerFacts,
  type ContainerResources,
  classify,
  type PodFacts,
} from '../../placement/workload.ts';
import type { Entry } from './entry.ts';
import { chooseKept, placeInteger } from './place.ts';
import type { Policy } from './policy.ts';
import type { Draft } from './state.ts';
import { adopt, placeOrPool, type Recall, toEntry, toldByRuntime } from './synchronize.ts';
import type { Details } from './turn.ts';

/**
 * Applies the resources that the runtime is about to give a container (docs/placement.md, "Changing a container"). One that
 * no event or listing has shown before is taken as it is, and put right if need be.
 *
 * @throws Refusal when an integer container cannot grow
 */
export function applyResources(
  draft: Draft,
  policy: Policy,
  pod: PodFacts,
  container: ContainerFacts,
  requested: ContainerResources,
  recall: Recall,
): Details {
  const known = draft.get(container.id);
  if (known !== undefined)
    return reclassify(draft, policy, known, withResources(known.container, requested), recall);

  const facts = withResources(container, requested);
  const { entry, warnings } = toEntry({ pod, container: facts }, policy, draft.epoch);
  adopt(draft, policy, { ...entry, told: toldByRuntime(facts, policy) }, recall);
  const adopted = draft.get(container.id)!;
  return {
    outcome: 'adopted',
    kind: entry.workload.kind,
    reason: adopted.unplaced ?? entry.reason,
    warnings,
  };
}

/** Applies new resources to a known container: it may grow, shrink or change its kind. */
function reclassify(
  draft: Draft,
  policy: Policy,
  known: Entry,
  container: ContainerFacts,
  recall: Recall,
): Details {
  const kept = { ...known, container };
  if (known.workload.kind === 'annotated') {
    draft.set(kept);
    return { outcome: 'kept', kind: 'annotated', reason: known.reason };
  }
  const { workload, reason, warnings } = classify(known.pod, container, policy.classify);
  const entry: Entry = { ...kept, workload, reason };
  const details = { kind: workload.kind, reason, warnings };
  const had = known.cpus;
  if (workload.kind !== 'integer') {
    draft.set({ ...entry, cpus: Cpuset.EMPTY, unplaced: undefined });
    return { ...details, outcome: had.isEmpty ? 'kept' : 'resized' };
  }
  const { count, forbidden, atLeast } = workload;
  if (had.size === count || (atLeast && had.size > count)) {
    draft.set({ ...entry, workload: { ...workload, count: had.size } });
    return { ...details, outcome: 'kept' };
  }
  draft.delete(container.id);
  if (had.size > count) {
    draft.set({ ...entry, cpus: chooseKept(draft, policy, known.pod, had, count) });
  } else if (known.unplaced !== undefined) {
    placeOrPool(draft, policy, entry, recall);
  } else {
    const wish = { pod: known.pod, count, forbidden, held: had, previous: recall(entry) };
    draft.set({ ...entry, cpus: placeInteger(draft, policy, wish) });
  }
  return { ...details, reason: draft.get(container.id)!.unplaced ?? reason, outcome: 'resized' };
}

/**
 * The same container with the resources that an update asks for; cpusets asked for are not: those are ours to decide. Runtimes hand
 * over what the CRI has, where 0 says nothing of a resource (`LinuxContainerResources`, "0 (not specified)"), and leave it as it is.
 */
function withResources(container: ContainerFacts, requested: ContainerResources): ContainerFacts {
  const { quota, period, shares, memoryLimit } = container.resources;
  return {
    ...container,
    resources: {
      ...container.resources,
      quota: requested.quota || quota,
      period: requested.period || period,
      shares: requested.shares || shares,
      memoryLimit: requested.memoryLimit || memoryLimit,
    },
  };
}
