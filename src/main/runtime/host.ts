import { CpuListError, parseCpuList } from '../../placement/cpulist.ts';
import { Cpuset } from '../../placement/cpuset.ts';
import { type Claim, claimOf, MAX_CPU_ID } from './claim.ts';
import {
  type CgroupDriver,
  type ContainerSpec,
  containerCgroup,
  type PodSpec,
  podCgroup,
  type QosClass,
  type RequestedResources,
  requestedResources,
} from './kubelet.ts';

export interface Pod {
  readonly id: string;
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly qos: QosClass;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Path below the cgroup file system's root. */
  readonly cgroup: string;
  readonly state: 'ready' | 'stopped';
}

/** What a container's OCI specification says; for a running container its cgroup has the same. */
export interface Resources extends RequestedResources {
  /** Empty: not restricted. */
  readonly cpus: Cpuset;
  /** Memory nodes in list format; empty: not restricted. */
  readonly mems: string;
}

export interface Container {
  readonly id: string;
  readonly pod: Pod;
  readonly name: string;
  /** Counts the containers of this name that the pod had before. */
  readonly attempt: number;
  readonly spec: ContainerSpec;
  readonly state: 'created' | 'running' | 'stopped';
  readonly resources: Resources;
  readonly claim: Claim;
  readonly cgroup: string;
  /** Nanoseconds since 1970, to the microsecond. */
  readonly createdAt: number;
}

/** The resources that a plugin's adjustment or update sets; what is undefined or an empty list stays as it is. */
export interface ResourceChange {
  readonly shares?: number | undefined;
  readonly quota?: number | undefined;
  readonly period?: number | undefined;
  readonly memoryLimit?: number | undefined;
  readonly cpus?: string | undefined;
  readonly mems?: string | undefined;
}

export interface HostOptions {
  readonly online: Cpuset;
  readonly cgroupDriver: CgroupDriver;
  readonly annotationDomain: string;
}

/** A resource change that runc would refuse. */
export class ResourceError extends Error {
  override readonly name = 'ResourceError';
}

/** The pods and containers of a simulated host, and what its kernel currently grants each of them. */
export class SimulatedHost {
  /** CPUs the kernel can run on. */
  online: Cpuset;
  readonly #options: HostOptions;
  readonly #pods = new Map<string, Pod>();
  readonly #containers = new Map<string, Container>();
  /** Uids that pods came with. Those of a node that is another embedded runtime are made as our own are. */
  readonly #givenUids = new Set<string>();
  #sequence = 0;
  #lastCreated = 0;

  constructor(options: HostOptions) {
    this.#options = options;
    this.online = options.online;
  }

  /** In the order they were made. */
  get pods(): readonly Pod[] {
    return [...this.#pods.values()];
  }

  /** In the order they were made. */
  get containers(): readonly Container[] {
    return [...this.#containers.values()];
  }

  /** Containers that hold resources: created or running. */
  get live(): readonly Container[] {
    return this.containers.filter((container) => container.state !== 'stopped');
  }

  container(id: string): Container | undefined {
    return this.#containers.get(id);
  }

  /** The CPUs a container runs on. A set without an online CPU falls back to the parent's, as in the kernel. */
  effectiveCpus(container: Container): Cpuset {
    const usable = container.resources.cpus.intersect(this.online);
    return usable.isEmpty ? this.online : usable;
  }

  /** A pod that is about to be run; nothing is kept of it until `putPod`. */
  draftPod(spec: PodSpec): Pod {
    const id = this.#newId();
    const uid = spec.uid ?? this.#newUid(id);
    if (spec.uid !== undefined) this.#givenUids.add(spec.uid);
    const qos = spec.qos ?? 'burstable';
    return {
      id,
      uid,
      qos,
      name: spec.name,
      namespace: spec.namespace ?? 'default',
      annotations: spec.annotations ?? {},
      labels: spec.labels ?? {},
      cgroup: podCgroup(uid, qos, this.#options.cgroupDriver),
      state: 'ready',
    };
  }

  putPod(pod: Pod): void {
    this.#pods.set(pod.id, pod);
  }

  /** A container that is about to be created; nothing is kept of it until `put`. */
  draftContainer(pod: Pod, spec: ContainerSpec): Container {
    const id = this.#newId();
    return {
      id,
      pod,
      spec,
      name: spec.name,
      attempt: this.containers.filter((other) => other.pod.uid === pod.uid && other.name === spec.name)
        .length,
      state: 'created',
      resources: { ...requestedResources(spec, pod.qos), cpus: Cpuset.EMPTY, mems: '' },
      claim: this.#claim(pod, spec),
      cgroup: containerCgroup(pod.cgroup, id, this.#options.cgroupDriver),
      createdAt: this.#now(),
    };
  }

  /** `container` with another size, as an in-place resize asks for it. */
  resized(container: Container, spec: ContainerSpec): Container {
    const { cpus, mems } = container.resources;
    const resources = { ...requestedResources(spec, container.pod.qos), cpus, mems };
    return { ...container, spec, resources, claim: this.#claim(container.pod, spec) };
  }

  /**
   * `container` with `change` applied as runc does it.
   *
   * @throws ResourceError for a list that is none, and for CPUs that are not online unless the container has yet to start
   */
  changed(container: Container, change: ResourceChange): Container {
    const { resources } = container;
    const cpus = change.cpus ? this.#parseCpus(change.cpus) : resources.cpus;
    if (container.state === 'running') this.assertOnline(cpus);
    return {
      ...container,
      resources: {
        shares: change.shares ?? resources.shares,
        quota: change.quota ?? resources.quota,
        period: change.period ?? resources.period,
        memoryLimit: change.memoryLimit ?? resources.memoryLimit,
        cpus,
        mems: change.mems || resources.mems,
      },
    };
  }

  /** @throws ResourceError if `cpus` has a CPU that is not online */
  assertOnline(cpus: Cpuset): void {
    if (cpus.isSubsetOf(this.online)) return;
    throw new ResourceError(
      `write cpuset.cpus: invalid argument: CPUs ${cpus.minus(this.online)} are not online`,
    );
  }

  /** Keeps `container`, in place of what was kept under its id, and returns it. */
  put(container: Container): Container {
    this.#containers.set(container.id, container);
    return container;
  }

  removeContainer(id: string): void {
    this.#containers.delete(id);
  }

  stopPod(pod: Pod): void {
    if (this.#pods.has(pod.id)) this.#pods.set(pod.id, { ...pod, state: 'stopped' });
  }

  removePod(pod: Pod): void {
    this.#pods.delete(pod.id);
  }

  #claim(pod: Pod, spec: ContainerSpec): Claim {
    return claimOf(pod.annotations, pod.qos, spec, this.#options.annotationDomain);
  }

  #parseCpus(list: string): Cpuset {
    try {
      return parseCpuList(list, { max: MAX_CPU_ID });
    } catch (error) {
      if (error instanceof CpuListError) throw new ResourceError(error.message);
      throw error;
    }
  }

  /** 64 hexadecimal digits like a real id, the distinguishing ones first as people read only those. */
  #newId(): string {
    this.#sequence++;
    return this.#sequence.toString(16).padStart(6, '0').padEnd(64, 'c0ffee');
  }

  /** The one that goes with a pod's id, unless another pod was given it. */
  #newUid(id: string): string {
    let uid = uuidFrom(id);
    while (this.#givenUids.has(uid)) uid = uuidFrom(this.#newId());
    return uid;
  }

  /** Strictly increasing, so that the order of creation can be told from it. */
  #now(): number {
    this.#lastCreated = Math.max(Date.now() * 1_000_000, this.#lastCreated + 1000);
    return this.#lastCreated;
  }
}

function uuidFrom(id: string): string {
  return [
    id.slice(0, 8),
    id.slice(8, 12),
    `4${id.slice(13, 16)}`,
    `8${id.slice(17, 20)}`,
    id.slice(20, 32),
  ].join('-');
}
