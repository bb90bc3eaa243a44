import { Cpuset } from '../../placement/cpuset.ts';
import type { ContainerFacts, PodFacts, Workload } from '../../placement/workload.ts';

/** What the runtime was last told of a container, in an answer it accepted; undefined parts were left to it. */
export interface Told {
  readonly cpus: Cpuset | undefined;
  readonly mems: string | undefined;
  readonly quota: number | undefined;
  /** Whether the CPUs are to make way for others only, and its own are told with a later answer. */
  readonly isInterim?: boolean;
}

/** One live container in the ledger. Immutable: a change makes a new entry. */
export interface Entry {
  readonly pod: PodFacts;
  readonly container: ContainerFacts;
  readonly workload: Workload;
  /** Why the container is of its kind. */
  readonly reason: string;
  /** The CPUs it owns; empty for shared and unplaced containers, which run in the pool. */
  readonly cpus: Cpuset;
  /** Why an annotated or integer container owns no CPUs and runs in the pool. */
  readonly unplaced: string | undefined;
  readonly told: Told;
  /** The CPUs that the container was found on by looking, when these or its memory nodes are not those it was told. */
  readonly seen: Cpuset | undefined;
  /** The ledger's epoch in which this was decided. */
  readonly epoch: number;
}

/** Where the container runs as far as is known; undefined: anywhere, nobody has restricted it. */
export function whereabouts(entry: Entry): Cpuset | undefined {
  return entry.seen ?? entry.told.cpus;
}

/** What stands for the quota of a container that may have been lifted, or not. */
export const ANY_QUOTA = 0;

/** The quota that a container may run without because of what it was told, as far as it is known. */
export function liftedQuota({ told, container }: Entry): number | undefined {
  const { quota = 0 } = container.resources;
  return quota > 0 && (told.quota === -1 || told.quota === ANY_QUOTA) ? quota : undefined;
}

/** Whether a container of the pool has to be looked at by itself: it was found elsewhere, or wants its quota back. */
export function isApart(entry: Entry): boolean {
  return entry.seen !== undefined || liftedQuota(entry) !== undefined;
}

export const UNTOLD: Told = { cpus: undefined, mems: undefined, quota: undefined };

/** Whether the container owns CPUs (a placed annotated or integer one). */
export function isExclusive(entry: Entry): boolean {
  return !entry.cpus.isEmpty;
}

/** CPUs that the container must not run on, by its pod's annotation. */
export function forbiddenTo(workload: Workload): Cpuset {
  return workload.kind === 'annotated' ? Cpuset.EMPTY : workload.forbidden;
}

/** `namespace/pod/container`, as messages name a container. */
export function nameOf(entry: Pick<Entry, 'pod' | 'container'>): string {
  const { pod, container } = entry;
  return pod.name === '' ? container.id : `${pod.namespace}/${pod.name}/${container.name}`;
}

/** Oldest first; containers of the same age in the order of their ids, so that the order is always the same. */
export function byAge(a: Entry, b: Entry): number {
  if (a.container.createdAt !== b.container.createdAt) return a.container.createdAt - b.container.createdAt;
  return a.container.id < b.container.id ? -1 : 1;
}
