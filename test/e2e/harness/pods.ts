import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agreed } from './agreed.ts';
import { IMAGE } from './containerd.ts';
import type { ContainerConfig, ContainerInfo, Cri, LinuxResources, Mount, PodConfig } from './cri.ts';
import { type KernelView, kernelView } from './kernel.ts';

/** A pod to run, as a kubelet would tell the runtime about it. */
export interface PodOptions {
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Quality of service class, told by the cgroup parent. Default burstable. */
  readonly qos?: 'guaranteed' | 'burstable' | 'besteffort';
  /** Path of the pod's cgroup, or the slice in systemd's notation. Default: where a kubelet would have it. */
  readonly cgroupParent?: string;
  /** Default: of its own. */
  readonly uid?: string;
  readonly name?: string;
}

export interface ContainerOptions {
  readonly resources?: LinuxResources;
  /** Default: sleeps. */
  readonly command?: readonly string[];
  /** Another image than the tests' own, with the command that it has. */
  readonly image?: string;
  readonly args?: readonly string[];
  readonly mounts?: readonly Mount[];
  /** Of the CRI's security context; default: nothing special. */
  readonly security?: object;
}

/** A pod with one container. */
export type Workload = PodOptions & ContainerOptions;

/** A command that keeps one CPU busy. */
export const BUSY = ['/bin/sh', '-c', 'while :; do :; done'];
const SLEEP = ['/bin/sleep', '2147483647'];
const MIB = 2 ** 20;

/** What the kubelet asks for when a container of a Guaranteed pod has a limit of `cpus` CPUs and 64 MiB. */
export function guaranteedResources(cpus: number): LinuxResources {
  const period = 100_000;
  return {
    cpu_period: period,
    cpu_quota: Math.round(cpus * period),
    cpu_shares: Math.round(cpus * 1024),
    memory_limit_in_bytes: 64 * MIB,
    oom_score_adj: -997,
  };
}

/** A pod whose container gets `cpus` CPUs of its own. */
export function integer(cpus: number, more: Workload = {}): Workload {
  return { qos: 'guaranteed', resources: guaranteedResources(cpus), ...more };
}

/** A pod pinned by annotation to the CPU list `cpus`. */
export function annotated(cpus: string, more: Workload = {}): Workload {
  return { ...more, annotations: { 'weka.io/cores-ids': cpus, ...more.annotations } };
}

/** A Burstable pod without anything special. */
export function shared(more: Workload = {}): Workload {
  return { resources: { cpu_shares: 102, oom_score_adj: 900 }, ...more };
}

let counter = 0;
const SECURITY = { namespace_options: { network: 2, pid: 1, ipc: 0 } };

export class Pod {
  readonly id: string;
  readonly config: PodConfig;
  readonly #cri: Cri;

  private constructor(cri: Cri, id: string, config: PodConfig) {
    this.#cri = cri;
    this.id = id;
    this.config = config;
  }

  /** Runs a pod sandbox whose cgroup is below `cgroupRoot`; its containers log below `logFolder`. */
  static async run(cri: Cri, cgroupRoot: string, logFolder: string, options: PodOptions): Promise<Pod> {
    counter += 1;
    const name = options.name ?? `pod-${counter}`;
    const uid = options.uid ?? `uid-${process.pid}-${counter}`;
    const namespace = options.namespace ?? 'default';
    const qos = options.qos ?? 'burstable';
    const config: PodConfig = {
      metadata: { name, uid, namespace },
      log_directory: logFolder,
      labels: {
        'io.kubernetes.pod.name': name,
        'io.kubernetes.pod.namespace': namespace,
        'io.kubernetes.pod.uid': uid,
      },
      annotations: options.annotations ?? {},
      linux: {
        cgroup_parent:
          options.cgroupParent ?? `${cgroupRoot}/${qos === 'guaranteed' ? '' : `${qos}/`}pod${uid}`,
        security_context: SECURITY,
      },
    };
    return new Pod(cri, await cri.runPod(config), config);
  }

  /** Creates a container. @throws the runtime's error, which carries a plugin's refusal */
  async create(name: string, options: ContainerOptions = {}): Promise<Container> {
    counter += 1;
    const config: ContainerConfig = {
      metadata: { name },
      image: { image: options.image ?? IMAGE },
      command: options.command ?? (options.image === undefined ? SLEEP : []),
      args: options.args ?? [],
      mounts: options.mounts ?? [],
      labels: {
        'io.kubernetes.container.name': name,
        'io.kubernetes.pod.name': this.config.metadata.name,
        'io.kubernetes.pod.namespace': this.config.metadata.namespace,
        'io.kubernetes.pod.uid': this.config.metadata.uid,
      },
      log_path: `${name}-${counter}.log`,
      linux: { resources: options.resources ?? {}, security_context: { ...SECURITY, ...options.security } },
    };
    const id = await this.#cri.createContainer(this.id, this.config, config);
    return new Container(this.#cri, this, id, join(this.config.log_directory, config.log_path));
  }

  /** Creates and starts a container. */
  async start(name: string, options: ContainerOptions = {}): Promise<Container> {
    const container = await this.create(name, options);
    await container.start();
    return container;
  }

  /** Stops and removes the pod and all its containers. */
  async remove(): Promise<void> {
    await this.#cri.stopPod(this.id);
    await this.#cri.removePod(this.id);
  }
}

export class Container {
  readonly id: string;
  readonly pod: Pod;
  readonly #cri: Cri;
  readonly #logFile: string;

  constructor(cri: Cri, pod: Pod, id: string, logFile: string) {
    this.#cri = cri;
    this.pod = pod;
    this.id = id;
    this.#logFile = logFile;
  }

  /** What it has written so far, without the runtime's time and stream before each line. */
  output(): string {
    if (!existsSync(this.#logFile)) return '';
    return readFileSync(this.#logFile, 'utf8').replaceAll(/^\S+ \S+ \S+ /gm, '');
  }

  start(): Promise<void> {
    return this.#cri.startContainer(this.id);
  }

  /** Kills it. */
  stop(): Promise<void> {
    return this.#cri.stopContainer(this.id);
  }

  remove(): Promise<void> {
    return this.#cri.removeContainer(this.id);
  }

  /** In-place resize, as the kubelet does it. @throws the runtime's error, which carries a plugin's refusal */
  resize(resources: LinuxResources): Promise<void> {
    return this.#cri.updateResources(this.id, resources);
  }

  /** What the runtime says: state, process id and the CPUs its specification carries. */
  inspect(): Promise<ContainerInfo> {
    return this.#cri.inspect(this.id);
  }

  /** What the kernel says of the running container. */
  async kernel(): Promise<KernelView> {
    return kernelView((await this.inspect()).pid);
  }

  /** Where the kernel lets the running container run. @throws if its cgroup and its process go on to disagree on that */
  async cpus(): Promise<string> {
    const { pid } = await this.inspect();
    return agreed(() => {
      const { effectiveCpus, allowedCpus } = kernelView(pid);
      return [allowedCpus, effectiveCpus];
    });
  }
}
