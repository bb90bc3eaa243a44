import { EventEmitter, once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { Cpuset } from '../../placement/cpuset.ts';
import { Adaptation } from './adaptation.ts';
import { labelOf, type Operation, type RuntimeEvent } from './events.ts';
import { type Container, type Pod, ResourceError, SimulatedHost } from './host.ts';
import type { CgroupDriver, ContainerSpec, PodSpec } from './kubelet.ts';
import { Listener } from './listener.ts';
import { listedContainer, listedPod } from './listing.ts';
import { type Notification, PluginSession, type SessionOptions } from './session.ts';
import type { Violation } from './watch.ts';
import { resourceChange } from './wire.ts';

export interface RuntimeOptions extends Partial<SessionOptions> {
  /** Where to listen. What is there is replaced. */
  readonly socketPath: string;
  /** CPUs of the simulated host that are online. */
  readonly online: Cpuset;
  /** Default `systemd`. */
  readonly cgroupDriver?: CgroupDriver;
  /** Domain of the annotations the watch goes by; default `weka.io`. */
  readonly annotationDomain?: string;
  /** Is told of every exchange with the plugin, also of those that its own calls resolve to. */
  readonly onEvent?: (event: RuntimeEvent) => void;
  /** Is told of every plugin that has registered, before it is configured. */
  readonly onRegistration?: () => void;
  /** Is told when a plugin has answered the whole list, before the answer is carried out. */
  readonly onListed?: () => void;
}

/** As containerd 2.1 has it. */
const SESSION_DEFAULTS: SessionOptions = {
  delivery: 'state-change',
  runtimeName: 'containerd',
  runtimeVersion: 'v2.1.9',
  nriVersion: '',
  configuration: '',
  registrationTimeoutMs: 5000,
  requestTimeoutMs: 2000,
  // The limit of a ttrpc message is 4 MiB; the rest is for what else is in it.
  maxSynchronizeBytes: 4 * 1024 * 1024 - 4096,
};

/** A violation with the event that it began in. */
export interface RecordedViolation extends Violation {
  readonly operation: Operation;
  /** Label of the container that the event was about. */
  readonly subject: string | undefined;
}

/** An event could not be carried out; the message says why. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
}

/**
 * The other end of NRI: a container runtime without containers. It serves the real protocol on a real socket, acts on
 * answers as containerd does, and keeps what each container on its simulated host would have been given.
 *
 * Calls can be made at any time and overlap; the runtime puts them in order.
 */
export class EmbeddedRuntime {
  readonly #options: RuntimeOptions;
  readonly #host: SimulatedHost;
  readonly #adaptation: Adaptation;
  readonly #listener: Listener;
  readonly #signals = new EventEmitter();
  readonly #violations: RecordedViolation[] = [];
  readonly #losses: string[] = [];

  private constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#host = new SimulatedHost({
      online: options.online,
      cgroupDriver: options.cgroupDriver ?? 'systemd',
      annotationDomain: options.annotationDomain ?? 'weka.io',
    });
    this.#adaptation = new Adaptation(
      this.#host,
      (event) => this.#record(event),
      (reason) => this.#losses.push(reason),
    );
    this.#listener = new Listener(options.socketPath, (socket) => this.#accept(socket));
  }

  /** Starts to listen. Plugins may come and go from now on; containers can be created without one. */
  static async start(options: RuntimeOptions): Promise<EmbeddedRuntime> {
    const runtime = new EmbeddedRuntime(options);
    await runtime.#listener.open();
    return runtime;
  }

  get pods(): readonly Pod[] {
    return this.#host.pods;
  }

  /** All containers, also stopped ones that were not removed. */
  get containers(): readonly Container[] {
    return this.#host.containers;
  }

  /** Every breach of an invariant, in the order they began. */
  get violations(): readonly RecordedViolation[] {
    return this.#violations;
  }

  /** Why plugins were given up: late answers, broken rules, connections closed by the plugin. */
  get losses(): readonly string[] {
    return this.#losses;
  }

  get hasPlugin(): boolean {
    return this.#adaptation.hasPlugin;
  }

  /** The container as it is now. @throws RuntimeError if there is none of that id */
  container(id: string): Container {
    const container = this.#host.container(id);
    if (container === undefined) throw new RuntimeError(`there is no container ${id}`);
    return container;
  }

  /** The CPUs that a container runs on. */
  effectiveCpus(container: Container): Cpuset {
    return this.#host.effectiveCpus(container);
  }

  /** Takes CPUs offline or brings them online, for the kernel; nobody is told. */
  setOnline(cpus: Cpuset): void {
    this.#host.online = cpus;
  }

  /** Resolves when a plugin is synchronized. Rejects with RuntimeError after `timeoutMs`. */
  async whenReady(timeoutMs: number): Promise<void> {
    if (this.hasPlugin) return;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      await once(this.#signals, 'ready', { signal: timeout });
    } catch {
      const reasons = this.#losses.length === 0 ? '' : `: ${this.#losses.join('; ')}`;
      throw new RuntimeError(`no plugin was ready within ${timeoutMs} ms${reasons}`);
    }
  }

  /** Takes a plugin that was started with a connection, of which this is the runtime's end. */
  adopt(socket: Socket): void {
    this.#listener.adopt(socket);
  }

  /** Encodes what the next plugin will be listed, so that it does not have to wait for that. */
  prepareListing(): void {
    this.#host.pods.forEach(listedPod);
    this.#host.live.forEach(listedContainer);
  }

  /** Runs a pod sandbox. Rejects with RuntimeError if the plugin refuses it. */
  async runPod(spec: PodSpec): Promise<Pod> {
    const pod = this.#host.draftPod(spec);
    const event = await this.#notify('RunPodSandbox', pod, () => this.#host.putPod(pod));
    if (!event.ok) throw new RuntimeError(`pod ${pod.name} was refused: ${event.error}`);
    return pod;
  }

  /**
   * Creates a container and starts it, as a kubelet does. Resolves to the creation; `ok` is false if the creation or the
   * start failed, and then nothing is left of the container.
   */
  async createContainer(pod: Pod, spec: ContainerSpec): Promise<RuntimeEvent> {
    const draft = this.#host.draftContainer(pod, spec);
    const created = await this.#adaptation.exchange('CreateContainer', () => ({
      pod,
      container: draft,
      ask: (session) => session.createContainer(draft),
      act: ({ own, updates }, apply) => {
        if (updates.some((update) => update.containerId === draft.id)) {
          throw new ResourceError('the plugin asks for an update of the container that is being created');
        }
        apply(updates);
        return this.#host.put(this.#host.changed(draft, resourceChange(own)));
      },
    }));
    if (!created.ok) return this.#undo(draft, created, created.error);
    await this.#tell('PostCreateContainer', draft);
    const started = await this.#tell('StartContainer', draft, (container) => {
      this.#host.assertOnline(container.resources.cpus);
      return this.#host.put({ ...container, state: 'running' });
    });
    if (!started.ok) return this.#undo(draft, created, started.error);
    await this.#tell('PostStartContainer', draft);
    return { ...created, container: this.#host.container(draft.id) };
  }

  /** Resizes a container in place; parts of its specification that are left out stay. */
  async updateContainer(id: string, change: Omit<Partial<ContainerSpec>, 'name'>): Promise<RuntimeEvent> {
    const event = await this.#adaptation.exchange('UpdateContainer', () => {
      const container = this.container(id);
      if (container.state === 'stopped') throw new RuntimeError(`container ${id} has ended`);
      const resized = this.#host.resized(container, { ...container.spec, ...change });
      return {
        pod: container.pod,
        container,
        ask: (session) => session.updateContainer(container, resized.resources),
        act: ({ own, updates }, apply) => {
          apply(updates);
          return this.#host.put(this.#host.changed(resized, resourceChange(own)));
        },
      };
    });
    if (event.ok) await this.#tell('PostUpdateContainer', this.container(id));
    return event;
  }

  /** Ends a container's processes, then tells the plugin. A stopped container is still listed until it is removed. */
  async stopContainer(id: string): Promise<RuntimeEvent> {
    return this.#stop(this.container(id));
  }

  /** Removes a container, after stopping it if it is not. */
  async removeContainer(id: string): Promise<RuntimeEvent> {
    const container = this.container(id);
    if (container.state !== 'stopped') await this.#stop(container);
    return this.#remove(container);
  }

  /** Stops a pod's containers and then its sandbox. */
  async stopPod(pod: Pod): Promise<RuntimeEvent> {
    for (const container of this.#containersOf(pod)) {
      if (container.state !== 'stopped') await this.#stop(container);
    }
    return this.#notify('StopPodSandbox', pod, () => this.#host.stopPod(pod));
  }

  /** Removes a pod with all its containers, after stopping what is not stopped. */
  async removePod(pod: Pod): Promise<RuntimeEvent> {
    await this.stopPod(pod);
    for (const container of this.#containersOf(pod)) await this.#remove(container);
    return this.#notify('RemovePodSandbox', pod, () => this.#host.removePod(pod));
  }

  /** Breaks the connection to the plugin, which may connect again at once. */
  disconnectPlugin(): void {
    this.#adaptation.detach();
  }

  /** Goes down and comes up again, `downMs` later; the containers keep running. */
  async restart(downMs = 0): Promise<void> {
    await this.close();
    await setTimeout(downMs);
    await this.#listener.open();
  }

  /** Stops to listen and ends all connections. */
  async close(): Promise<void> {
    this.#adaptation.detach();
    await this.#listener.close();
  }

  async #accept(socket: Socket): Promise<void> {
    const options = { ...SESSION_DEFAULTS, ...this.#options };
    const session = new PluginSession(socket, options, (request) => this.#adaptation.serveUpdates(request));
    try {
      await session.register();
      this.#options.onRegistration?.();
      await this.#adaptation.attach(session, () => this.#options.onListed?.());
      this.#signals.emit('ready');
    } catch (error) {
      session.close();
      this.#losses.push(error instanceof Error ? error.message : String(error));
    }
  }

  /** A creation that failed is undone with the same events that end a container. */
  async #undo(draft: Container, created: RuntimeEvent, error: string | undefined): Promise<RuntimeEvent> {
    await this.#stop(draft);
    await this.#remove(draft);
    return { ...created, ok: false, error };
  }

  #stop(container: Container): Promise<RuntimeEvent> {
    return this.#adaptation.exchange('StopContainer', () => {
      const kept = this.#host.container(container.id);
      const stopped: Container = { ...(kept ?? container), state: 'stopped' };
      // The plugin hears of it when the processes are gone already.
      if (kept !== undefined) this.#host.put(stopped);
      return {
        pod: container.pod,
        container: stopped,
        ask: (session) => session.stopContainer(stopped),
        act: ({ updates }, apply) => {
          apply(updates);
          return stopped;
        },
      };
    });
  }

  #remove(container: Container): Promise<RuntimeEvent> {
    const stopped: Container = { ...container, state: 'stopped' };
    return this.#tell('RemoveContainer', stopped, () => {
      this.#host.removeContainer(container.id);
      return stopped;
    });
  }

  /** Tells the plugin of a container event and lets it happen. */
  #tell(
    operation: Notification,
    container: Container,
    happen = (current: Container): Container => current,
  ): Promise<RuntimeEvent> {
    return this.#adaptation.exchange(operation, () => {
      const current = this.#host.container(container.id) ?? container;
      return {
        pod: current.pod,
        container: current,
        ask: (session) => session.notify(operation, current.pod, current),
        act: () => happen(current),
      };
    });
  }

  /** Tells the plugin of a pod event and lets it happen. */
  #notify(operation: Notification, pod: Pod, happen: () => void): Promise<RuntimeEvent> {
    return this.#adaptation.exchange(operation, () => ({
      pod,
      ask: (session) => session.notify(operation, pod),
      act: () => {
        happen();
        return undefined;
      },
    }));
  }

  #containersOf(pod: Pod): readonly Container[] {
    return this.#host.containers.filter((container) => container.pod.id === pod.id);
  }

  #record(event: RuntimeEvent): void {
    const subject = event.container && labelOf(event.container);
    const { operation } = event;
    this.#violations.push(...event.violations.map((violation) => ({ ...violation, operation, subject })));
    this.#options.onEvent?.(event);
  }
}
