import { CpuListError, parseCpuList } from './cpulist.ts';
import { Cpuset } from './cpuset.ts';

/** What is known of a pod sandbox, from any NRI event or listing. */
export interface PodFacts {
  readonly id: string;
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** `LinuxPodSandbox.cgroup_parent`: a path (cgroupfs driver) or a slice name (systemd driver); empty if unknown. */
  readonly cgroupParent: string;
}

/** The resources of a container that matter here; a missing field was not set. */
export interface ContainerResources {
  /** CFS quota in microseconds per period; 0 or less is no limit. */
  readonly quota?: number | undefined;
  /** CFS period in microseconds. */
  readonly period?: number | undefined;
  /** CPU shares; the kubelet sets 1024 per requested CPU, at most 262144. */
  readonly shares?: number | undefined;
  /** Memory limit in bytes. */
  readonly memoryLimit?: number | undefined;
  /** `cpuset.cpus` as the runtime knows it. */
  readonly cpus?: string | undefined;
  /** `cpuset.mems` as the runtime knows it. */
  readonly mems?: string | undefined;
}

/** What is known of a container, from any NRI event or listing. */
export interface ContainerFacts {
  readonly id: string;
  readonly name: string;
  /** Creation time in nanoseconds since the epoch as the runtime tells it (exact to a few hundred); 0 if unknown. */
  readonly createdAt: number;
  readonly oomScoreAdj?: number | undefined;
  /** `LinuxContainer.cgroups_path`: a path (cgroupfs driver) or `slice:prefix:name` (systemd driver). */
  readonly cgroupsPath?: string | undefined;
  readonly resources: ContainerResources;
}

/** How a container is treated (docs/placement.md, "Three kinds of workload"). */
export type Workload =
  | { readonly kind: 'annotated'; readonly cpus: Cpuset }
  | {
      readonly kind: 'integer';
      readonly count: number;
      /** The count is only a lower bound: shares are capped and no quota tells more. */
      readonly atLeast: boolean;
      readonly forbidden: Cpuset;
    }
  | { readonly kind: 'shared'; readonly forbidden: Cpuset };

/** A workload with the reason for its kind and what was wrong, but not fatal, in the pod's annotations. */
export interface Classification {
  readonly workload: Workload;
  readonly reason: string;
  readonly warnings: readonly string[];
}

export interface ClassifySettings {
  readonly annotationDomain: string;
  /** Highest possible CPU id of the host. */
  readonly maxCpuId: number;
  /** A quota of -1 is our own doing and says nothing against an integer container. */
  readonly liftCpuQuota: boolean;
}

/** The kubelet never sets more CPU shares than this, which is 256 CPUs' worth (pkg/kubelet/cm: MaxShares). */
const MAX_SHARES = 262144;
const SHARES_PER_CPU = 1024;

/**
 * Decides the kind of a container.
 *
 * @throws CpuListError when the CPU list that pins this container is not one
 */
export function classify(
  pod: PodFacts,
  container: ContainerFacts,
  settings: ClassifySettings,
): Classification {
  const annotation = (key: string): string | undefined =>
    pod.annotations[`${settings.annotationDomain}/${key}`];
  const warnings: string[] = [];

  const own = annotation(`cores-ids.${container.name}`);
  const pin = own ?? annotation('cores-ids');
  if (pin !== undefined) {
    const key = `${settings.annotationDomain}/cores-ids${own === undefined ? '' : `.${container.name}`}`;
    try {
      const cpus = parseCpuList(pin, { max: settings.maxCpuId });
      return { workload: { kind: 'annotated', cpus }, reason: `annotation ${key}`, warnings };
    } catch (error) {
      if (error instanceof CpuListError) throw new CpuListError(`annotation ${key}: ${error.message}`);
      throw error;
    }
  }

  let forbidden = Cpuset.EMPTY;
  const forbid = annotation('forbid-core-ids');
  if (forbid !== undefined) {
    try {
      forbidden = parseCpuList(forbid, {
        max: settings.maxCpuId,
        ignoreAboveMax: true,
        allowEmpty: true,
      });
    } catch (error) {
      if (!(error instanceof CpuListError)) throw error;
      warnings.push(`annotation ${settings.annotationDomain}/forbid-core-ids is ignored: ${error.message}`);
    }
  }

  const optOut = (key: string): boolean | undefined => {
    const value = annotation(key);
    if (value === undefined || value === 'true') return value === undefined ? undefined : false;
    if (value === 'false') return true;
    warnings.push(
      `annotation ${settings.annotationDomain}/${key} is ignored: ${JSON.stringify(value.slice(0, 80))} is neither "true" nor "false"`,
    );
    return undefined;
  };
  const size = integerSize(pod, container, settings);
  if (typeof size === 'string') return { workload: { kind: 'shared', forbidden }, reason: size, warnings };
  if (optOut(`exclusive.${container.name}`) ?? optOut('exclusive') ?? false) {
    return { workload: { kind: 'shared', forbidden }, reason: 'opted out of exclusive CPUs', warnings };
  }
  return {
    workload: { kind: 'integer', count: size.count, atLeast: size.atLeast, forbidden },
    reason: `guaranteed with ${size.atLeast ? 'at least ' : ''}${size.count} whole ${size.count === 1 ? 'CPU' : 'CPUs'}`,
    warnings,
  };
}

/** The number of exclusive CPUs by the criteria of the kubelet's static CPU manager, or why the container gets none. */
function integerSize(
  pod: PodFacts,
  container: ContainerFacts,
  settings: ClassifySettings,
): { readonly count: number; readonly atLeast: boolean } | string {
  const { quota = 0, period = 0, shares = 0, memoryLimit = 0 } = container.resources;
  const qos = qosClass(pod.cgroupParent, container.oomScoreAdj);
  if (qos === 'burstable' || qos === 'besteffort') return `${qos} pod`;
  if (memoryLimit <= 0) return 'no memory limit';
  if (quota > 0) {
    if (period <= 0 || quota % period !== 0) return 'CPU limit is not a whole number';
    const count = quota / period;
    const requested =
      shares === count * SHARES_PER_CPU || (shares === MAX_SHARES && shares < count * SHARES_PER_CPU);
    return requested ? { count, atLeast: false } : 'CPU request differs from the CPU limit';
  }
  const quotaIsOff = qos === 'guaranteed' || (settings.liftCpuQuota && quota === -1);
  if (!quotaIsOff) return 'no CPU limit';
  if (shares < SHARES_PER_CPU || shares % SHARES_PER_CPU !== 0) return 'CPU request is not a whole number';
  return { count: shares / SHARES_PER_CPU, atLeast: shares === MAX_SHARES };
}

type QosClass = 'guaranteed' | 'burstable' | 'besteffort' | 'unknown';

/**
 * A pod's QoS class from its cgroup parent, which the kubelet names after the class unless it is Guaranteed, in both
 * notations (`/kubepods/burstable/pod…`, `kubepods-burstable-pod….slice`). Where that tells nothing, an oom_score_adj of
 * 2 to 1000 still excludes Guaranteed (kubelet's pkg/kubelet/qos).
 */
function qosClass(cgroupParent: string, oomScoreAdj: number | undefined): QosClass {
  const words = cgroupParent.split(/[/.-]/);
  const root = words.indexOf('kubepods');
  if (root >= 0) {
    if (words.includes('burstable', root)) return 'burstable';
    if (words.includes('besteffort', root)) return 'besteffort';
    return 'guaranteed';
  }
  if (oomScoreAdj === 1000) return 'besteffort';
  if (oomScoreAdj !== undefined && oomScoreAdj >= 2 && oomScoreAdj < 1000) return 'burstable';
  return 'unknown';
}
