import { join } from 'node:path';
import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { PATIENCE } from './patience.ts';

/** CPU and memory of a container as the kubelet asks for them; times in µs, memory in bytes. */
export interface LinuxResources {
  readonly cpu_period?: number;
  readonly cpu_quota?: number;
  readonly cpu_shares?: number;
  readonly memory_limit_in_bytes?: number;
  readonly oom_score_adj?: number;
}

export interface PodConfig {
  readonly metadata: { readonly name: string; readonly uid: string; readonly namespace: string };
  readonly log_directory: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux: { readonly cgroup_parent: string; readonly security_context: object };
}

export interface Mount {
  readonly container_path: string;
  readonly host_path: string;
  readonly readonly?: boolean;
}

export interface ContainerConfig {
  readonly metadata: { readonly name: string };
  readonly image: { readonly image: string };
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly mounts: readonly Mount[];
  readonly labels: Readonly<Record<string, string>>;
  readonly log_path: string;
  readonly linux: { readonly resources: LinuxResources; readonly security_context: object };
}

/** The part of a container's OCI specification (verbose status, `info.runtimeSpec`) that placement decides. */
export interface SpecCpu {
  readonly cpus?: string;
  readonly mems?: string;
  readonly shares?: number;
  readonly quota?: number;
}

export interface ContainerInfo {
  readonly running: boolean;
  /** 0 while the container is not running. */
  readonly pid: number;
  readonly cpu: SpecCpu;
}

interface ContainerStatusResponse {
  readonly status: { readonly state: number };
  /** `info`: details as JSON. */
  readonly info: { readonly info: string };
}

type Callback = (error: Error | null, response: unknown) => void;
type Method = (request: object, options: { deadline: number }, callback: Callback) => void;
type Client = Record<string, Method> & { close(): void };
type ClientConstructor = new (address: string, credentials: unknown, options: object) => Client;

const CALL_TIMEOUT_MS = 30_000 * PATIENCE;
const definition = loadSync(join(import.meta.dirname, 'cri.proto'), {
  keepCase: true,
  longs: Number,
  defaults: true,
});
const RuntimeService = (
  loadPackageDefinition(definition) as unknown as { runtime: { v1: { RuntimeService: ClientConstructor } } }
).runtime.v1.RuntimeService;

/** A client of the Container Runtime Interface over a unix socket: what the kubelet would say to the runtime. */
export class Cri {
  readonly #client: Client;

  constructor(socket: string) {
    // Go's gRPC server refuses the authority that grpc-js derives from a unix socket's path.
    const options = { 'grpc.default_authority': 'localhost' };
    this.#client = new RuntimeService(`unix:${socket}`, credentials.createInsecure(), options);
  }

  #call<Response>(method: string, request: object): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#client[method]!(request, { deadline: Date.now() + CALL_TIMEOUT_MS }, (error, response) =>
        error === null ? resolve(response as Response) : reject(error),
      );
    });
  }

  async runPod(config: PodConfig): Promise<string> {
    return (await this.#call<{ pod_sandbox_id: string }>('RunPodSandbox', { config })).pod_sandbox_id;
  }

  async stopPod(id: string): Promise<void> {
    await this.#call('StopPodSandbox', { pod_sandbox_id: id });
  }

  async removePod(id: string): Promise<void> {
    await this.#call('RemovePodSandbox', { pod_sandbox_id: id });
  }

  /** Ids of all pod sandboxes, of whatever state. */
  async pods(): Promise<string[]> {
    const { items } = await this.#call<{ items: { id: string }[] }>('ListPodSandbox', {});
    return items.map((pod) => pod.id);
  }

  async createContainer(podId: string, pod: PodConfig, config: ContainerConfig): Promise<string> {
    const request = { pod_sandbox_id: podId, config, sandbox_config: pod };
    return (await this.#call<{ container_id: string }>('CreateContainer', request)).container_id;
  }

  async startContainer(id: string): Promise<void> {
    await this.#call('StartContainer', { container_id: id });
  }

  /** Kills the container's processes at once. */
  async stopContainer(id: string): Promise<void> {
    await this.#call('StopContainer', { container_id: id, timeout: 0 });
  }

  async removeContainer(id: string): Promise<void> {
    await this.#call('RemoveContainer', { container_id: id });
  }

  async updateResources(id: string, linux: LinuxResources): Promise<void> {
    await this.#call('UpdateContainerResources', { container_id: id, linux });
  }

  async inspect(id: string): Promise<ContainerInfo> {
    const { status, info } = await this.#call<ContainerStatusResponse>('ContainerStatus', {
      container_id: id,
      verbose: true,
    });
    const details = JSON.parse(info.info) as {
      pid?: number;
      runtimeSpec: { linux: { resources?: { cpu?: SpecCpu } } };
    };
    return {
      running: status.state === 1,
      pid: details.pid ?? 0,
      cpu: details.runtimeSpec.linux.resources?.cpu ?? {},
    };
  }

  close(): void {
    this.#client.close();
  }
}
