/** Quality-of-service class of a pod, as the kubelet derives it from requests and limits. */
export type QosClass = 'guaranteed' | 'burstable' | 'besteffort';

export type CgroupDriver = 'systemd' | 'cgroupfs';

export interface PodSpec {
  readonly name: string;
  /** Default `default`. */
  readonly namespace?: string;
  /** Default: one that no other pod of the runtime has. */
  readonly uid?: string;
  /** Default `burstable`. */
  readonly qos?: QosClass;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Requests default to the limits, as in Kubernetes. */
export interface ContainerSpec {
  readonly name: string;
  /** In CPUs, fractions allowed. */
  readonly cpus?: { readonly request?: number; readonly limit?: number };
  /** In bytes. In a guaranteed pod, which cannot go without, the limit defaults to 1 GiB. */
  readonly memory?: { readonly request?: number; readonly limit?: number };
}

/** What the kubelet asks the runtime to give a container; undefined is "not set". */
export interface RequestedResources {
  readonly shares: number;
  /** Microseconds per period. */
  readonly quota: number | undefined;
  /** Microseconds. */
  readonly period: number;
  /** Bytes. */
  readonly memoryLimit: number | undefined;
}

const CFS_PERIOD = 100_000;
const MIN_QUOTA = 1000;
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const GIB = 2 ** 30;

/** Memory of the simulated node; only the OOM score of burstable containers depends on it. */
const NODE_MEMORY = 1024 * GIB;

/** The memory limit in bytes, undefined without one. */
function memoryLimit(spec: ContainerSpec, qos: QosClass): number | undefined {
  return spec.memory?.limit ?? (qos === 'guaranteed' ? GIB : undefined);
}

/** Turns requests and limits into shares, quota and memory limit the way the kubelet does (CFS quota enabled). */
export function requestedResources(spec: ContainerSpec, qos: QosClass): RequestedResources {
  const limit = milli(spec.cpus?.limit);
  const request = spec.cpus?.request === undefined ? limit : milli(spec.cpus.request);
  return {
    shares: Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.floor((request * 1024) / 1000))),
    quota: limit === 0 ? undefined : Math.max(MIN_QUOTA, (limit * CFS_PERIOD) / 1000),
    period: CFS_PERIOD,
    memoryLimit: memoryLimit(spec, qos),
  };
}

function milli(cpus = 0): number {
  return Math.round(cpus * 1000);
}

/** The kubelet's `oom_score_adj`: -997 for guaranteed, 1000 for best effort, between 3 and 999 for burstable. */
export function oomScoreAdjustment(spec: ContainerSpec, qos: QosClass): number {
  if (qos === 'guaranteed') return -997;
  if (qos === 'besteffort') return 1000;
  const request = spec.memory?.request ?? spec.memory?.limit ?? 0;
  return Math.min(999, Math.max(3, 1000 - Math.floor((1000 * request) / NODE_MEMORY)));
}

/** The cgroup that holds a pod's containers, below `kubepods`, by the naming of the kubelet's cgroup driver. */
export function podCgroup(uid: string, qos: QosClass, driver: CgroupDriver): string {
  const classes = qos === 'guaranteed' ? [] : [qos];
  if (driver === 'cgroupfs') return ['/kubepods', ...classes, `pod${uid}`].join('/');
  // A systemd slice's name repeats the names of all slices above it, so '-' in the uid has to go.
  const names = ['kubepods', ...classes, `pod${uid.replaceAll('-', '_')}`];
  return names.map((_, depth) => `/${names.slice(0, depth + 1).join('-')}.slice`).join('');
}

/** A container's own cgroup, in the form containerd hands to runc. */
export function containerCgroup(parent: string, id: string, driver: CgroupDriver): string {
  if (driver === 'cgroupfs') return `${parent}/${id}`;
  return `${parent.slice(parent.lastIndexOf('/') + 1)}:cri-containerd:${id}`;
}
