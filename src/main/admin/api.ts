import type { Config } from '../config.ts';
import type { JournalRecord } from '../journal.ts';

// What the admin server answers, as JSON. All CPU sets are in list format, such as "0-3,8"; an empty set is "". Times are
// wall clock, in milliseconds since the epoch, where nothing else is said.
//
//   GET /healthz              200 or 503 with HealthView
//   GET /readyz               200 or 503 with HealthView
//   GET /metrics              Prometheus text
//   GET /api/v1/state         StateView
//   GET /api/v1/journal?since=N   JournalPage: records after number N (0: from the oldest that is left), oldest first, at most
//                             JOURNAL_PAGE of them: ask again with the last one's number until none come
//   GET /api/v1/events        server-sent events: `state` (StateView, at once and after changes, at most a few in a second) and
//                             `journal` (JournalRecord); its ids let a client that connects anew miss no record.
//                             `?since=N` first sends the records after N, otherwise only new ones come.

/** A path of the API. */
export const API = {
  health: '/healthz',
  readiness: '/readyz',
  metrics: '/metrics',
  state: '/api/v1/state',
  journal: '/api/v1/journal',
  events: '/api/v1/events',
} as const;

/** Most records in one answer. */
export const JOURNAL_PAGE = 1000;

export type JournalPage = readonly JournalRecord[];

export interface HealthView {
  /** The event loop runs and the ledger takes turns. */
  readonly live: boolean;
  /** Registered with the runtime and synchronized, on a host that is known. */
  readonly ready: boolean;
  /** What keeps it from being live or ready, in words; empty when all is well. */
  readonly missing: readonly string[];
}

export interface StateView {
  /** The ledger's epoch, which grows with each change; 0 before there is a ledger. */
  readonly epoch: number;
  /** Number of the last journal record, 0 for none. */
  readonly sequence: number;
  /** When this was put together. */
  readonly time: number;
  readonly plugin: PluginView;
  /** Absent until a runtime has introduced itself. */
  readonly runtime?: RuntimeView;
  readonly health: HealthView;
  readonly topology: TopologyView;
  /** The configuration in force. */
  readonly settings: Config;
  /** What is wrong with later ones that were refused; absent when nothing is. */
  readonly refusedSettings?: readonly string[];
  /** The shared pool. */
  readonly pool: string;
  /** The settings `reservedCpus` and `protectedCpus` on this host. */
  readonly reserved: string;
  readonly protected: string;
  /** Oldest first. */
  readonly containers: readonly ContainerView[];
  readonly events: readonly EventView[];
  /** Absent until there is a ledger. */
  readonly planner?: PlannerView;
  readonly reconcile: ReconcileView;
  /** Containers that were told something else than is now wanted, or are not where they were told to be. */
  readonly notAsWanted: number;
}

export interface PluginView {
  /** As registered: index and name, such as `99-weka-cpuset`. */
  readonly name: string;
  readonly version: string;
  /** What the operation ids of this process begin with. */
  readonly instance: string;
  readonly startedAt: number;
  readonly dryRun: boolean;
  readonly pid: number;
  /** Present while another instance on the node decides. */
  readonly standby?: true;
}

export interface RuntimeView {
  readonly name: string;
  readonly version: string;
  /** Version of NRI such as `0.12.1`; absent where it cannot be known. */
  readonly nri?: string;
  /** What the runtime allows for one call. */
  readonly requestTimeoutMs: number;
  readonly connected: boolean;
  /** The last registration that was accepted. */
  readonly registeredAt?: number;
  /** When the runtime last listed its containers; absent if it never did (containerd 1.7 with a pre-installed plugin). */
  readonly synchronizedAt?: number;
}

/** `TopologyParts` with its CPU sets as text. */
export interface TopologyView {
  readonly maxCpuId: number;
  readonly online: string;
  readonly offline: string;
  readonly isolated: string;
  readonly cores: readonly string[];
  readonly clusters: readonly string[];
  readonly llcs: readonly string[];
  readonly l3?: readonly string[];
  readonly dies: readonly string[];
  readonly packages: readonly string[];
  readonly nodes: readonly NodeView[];
  /** Fastest kind first. */
  readonly coreKinds: readonly string[];
}

export interface NodeView {
  readonly id: number;
  readonly cpus: string;
  readonly memoryBytes: number;
  readonly distances: readonly number[];
}

export interface ContainerView {
  readonly id: string;
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly container: string;
  readonly kind: 'annotated' | 'integer' | 'shared';
  /** Why it is of its kind. */
  readonly reason: string;
  /** The CPUs it owns; "" for those that run in the pool. */
  readonly cpus: string;
  /** What the runtime was last told; absent if nothing, so that it may run anywhere. */
  readonly runsOn?: string;
  /** The CPUs it was found on, when these or its memory nodes are not those it was told. */
  readonly seen?: string;
  /** Memory nodes it is bound to. */
  readonly mems?: string;
  /** Why an annotated or integer container owns no CPUs. */
  readonly unplaced?: string;
  /** Annotated: the CPUs it asks for. */
  readonly askedCpus?: string;
  /** Integer: how many CPUs it asks for. */
  readonly askedCount?: number;
  /** CPUs that its pod's annotation forbids to it. */
  readonly forbidden: string;
  /** The last decision about it: its creation, a move, a change. */
  readonly since: number;
  readonly createdAt: number;
}

/** How long the events of the runtime took, from request to answer, in microseconds. Percentiles are upper bounds. */
export interface EventView {
  /** `configure`, `synchronize`, `create`, `update`, `stop`, `remove`, `stop-pod`. */
  readonly event: string;
  /** `answered`, `refused`, `late` or `failed`. */
  readonly outcome: string;
  readonly count: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

export interface PlannerView {
  /** Reassignments for which workers were asked. */
  readonly calls: number;
  /** ... and those for which one of them had a better plan. */
  readonly improved: number;
  readonly tasks: number;
  readonly answers: number;
  /** Workers that died, hung or were wrong. */
  readonly incidents: number;
}

export interface ReconcileView {
  /** Containers found on other CPUs or memory nodes than they were told, ... */
  readonly drifted: number;
  /** ... and those of them found where they should be later. */
  readonly repaired: number;
  /** Updates sent without an event. */
  readonly repairs: number;
  /** Connections made anew to put containers right. */
  readonly reconnects: number;
}
