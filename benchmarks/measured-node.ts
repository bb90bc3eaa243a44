import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { RuntimeEvent } from '../src/main/runtime/events.ts';
import type { Pod } from '../src/main/runtime/host.ts';
import { EmbeddedRuntime } from '../src/main/runtime/runtime.ts';
import type { Cpuset } from '../src/placement/cpuset.ts';
import type { TopologyParts } from '../src/placement/topology.ts';
import { Measurements } from './measurements.ts';
import { commandAt, type PluginCommand } from './plugin-command.ts';
import { PluginProcess } from './plugin-process.ts';
import type { Workload } from './workload.ts';

/** How long a plugin may take until it is synchronized. */
const READY_MS = 30_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A host that a plugin can read. */
export interface MadeUpHost {
  readonly parts: TopologyParts;
  /** The folder in which its `/sys` is. */
  readonly root: string;
}

/** A pod with its container. */
export interface Running {
  readonly workload: Workload;
  readonly pod: Pod;
  readonly id: string;
}

/** How a plugin was started. */
export interface Start {
  /** From the start of the process to its registration, in milliseconds. */
  readonly registeredMs: number;
  /** From the start of the process to its answer to the whole list, in milliseconds. */
  readonly readyMs: number;
  /** How much of a CPU it has used until then, in milliseconds. */
  readonly cpuMs: number;
  readonly synchronize: RuntimeEvent;
}

/** A node with the plugin that is measured: a runtime of its own, on which the plugin runs as a process. */
export class MeasuredNode {
  readonly measurements = new Measurements();
  readonly host: MadeUpHost;
  readonly #command: PluginCommand;
  readonly #folder: string;
  #runtime!: EmbeddedRuntime;
  #plugin: PluginProcess | undefined;
  #registeredAt = 0n;
  #listedAt = 0n;
  #lastSynchronize: RuntimeEvent | undefined;
  #unaskedUpdates = 0;
  #pods = 0;
  /** What the plugin had done by the end of the warm-up. */
  #before: { readonly cpuTime: number; readonly events: number; readonly unaskedUpdates: number } | undefined;
  #events = 0;
  #isMeasuring = false;

  private constructor(command: PluginCommand, host: MadeUpHost, folder: string) {
    this.#command = command;
    this.host = host;
    this.#folder = folder;
  }

  /** A node on which the plugin has not been started. `folder` is made. */
  static async create(command: PluginCommand, host: MadeUpHost, folder: string): Promise<MeasuredNode> {
    mkdirSync(folder);
    const node = new MeasuredNode(command, host, folder);
    node.#runtime = await EmbeddedRuntime.start({
      socketPath: node.#socket,
      online: host.parts.online,
      onRegistration: () => {
        node.#registeredAt = process.hrtime.bigint();
      },
      onListed: () => {
        node.#listedAt = process.hrtime.bigint();
      },
      onEvent: (event) => {
        if (event.operation === 'Synchronize') node.#lastSynchronize = event;
        if (event.operation === 'UpdateContainers') node.#unaskedUpdates += event.updates.length;
      },
    });
    return node;
  }

  /** Whether what is measured counts: the warm-up is over. */
  get isMeasuring(): boolean {
    return this.#isMeasuring;
  }

  /** Container updates that the plugin sent without an event. */
  get unaskedUpdates(): number {
    return this.#unaskedUpdates;
  }

  /**
   * Starts the plugin. Resolves when it is synchronized.
   *
   * @param measuresLoop whether its event loop is to be measured, which delays the start
   */
  async start(measuresLoop = true): Promise<Start> {
    const places = { socket: this.#socket, 'host-root': this.host.root, folder: this.#folder };
    // What the driver itself needs time for is not to count as the plugin's.
    this.#runtime.prepareListing();
    const started = process.hrtime.bigint();
    const log = join(this.#folder, 'plugin.log');
    const { isPreinstalled = false } = this.#command;
    const plugin = new PluginProcess(commandAt(this.#command, places), log, { measuresLoop, isPreinstalled });
    if (plugin.connection !== undefined) this.#runtime.adopt(plugin.connection);
    const losses = this.#runtime.losses.length;
    const early = plugin.ended.then(() => {
      const reasons = this.#runtime.losses.slice(losses);
      throw new Error(
        reasons.length === 0
          ? 'it ended before it was synchronized'
          : `the runtime gave it up: ${reasons.join('; ')}`,
      );
    });
    try {
      await Promise.race([this.#runtime.whenReady(READY_MS), early]);
    } catch (error) {
      await plugin.stop();
      throw new Error(`${(error as Error).message}; it printed: ${plugin.lastWords}`);
    }
    this.#plugin = plugin;
    return {
      registeredMs: Number(this.#registeredAt - started) / 1e6,
      readyMs: Number(this.#listedAt - started) / 1e6,
      cpuMs: plugin.cpuTime / 1000,
      synchronize: this.#lastSynchronize!,
    };
  }

  /** Ends the plugin; containers go on without it. */
  async stop(): Promise<void> {
    const plugin = this.#plugin;
    this.#plugin = undefined;
    this.#runtime.disconnectPlugin();
    await plugin?.stop();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#runtime.close();
  }

  /** Creates a container in a pod of its own; measured as `what`. */
  async create(workload: Workload, what = `create ${workload.kind}`): Promise<RuntimeEvent> {
    const pod = await this.#runtime.runPod({
      name: `pod-${this.#pods++}`,
      // For plugins that tell pods apart by their labels.
      labels: { workload: workload.kind },
      qos: workload.kind === 'integer' ? 'guaranteed' : 'burstable',
      ...(workload.kind === 'annotated' && { annotations: { 'weka.io/cores-ids': `${workload.pinned}` } }),
    });
    const event = await this.#runtime.createContainer(pod, {
      name: 'main',
      ...(workload.kind === 'integer' && { cpus: { limit: workload.cpus } }),
    });
    this.#measure(what, event);
    this.measurements.note('refusals', Number(!event.ok), 'total');
    if (!event.ok) await this.#runtime.removePod(pod);
    return event;
  }

  /** Creates a container; undefined if the plugin refuses it. */
  async run(workload: Workload, what?: string): Promise<Running | undefined> {
    const { ok, pod, container } = await this.create(workload, what);
    return ok ? { workload, pod: pod!, id: container!.id } : undefined;
  }

  /** Stops a container and removes it with its pod. */
  async end({ workload, pod, id }: Running, what = `stop ${workload.kind}`): Promise<void> {
    this.#measure(what, await this.#runtime.stopContainer(id));
    await this.#runtime.removePod(pod);
  }

  /** Gives an integer container another size. */
  async resize({ id }: Running, cpus: number, what: string): Promise<void> {
    const event = await this.#runtime.updateContainer(id, { cpus: { limit: cpus } });
    this.#measure(what, event);
    this.measurements.note('refusals', Number(!event.ok), 'total');
  }

  /** The CPUs that a container was given; empty if it was given none. */
  cpusOf({ id }: Running): Cpuset {
    return this.#runtime.container(id).resources.cpus;
  }

  /** Starts the plugin, and measures it; `what` is what it finds. */
  async measuredStart(what: string): Promise<void> {
    // The driver has just filled the node: left to itself, it would collect what that leaves while the plugin starts, 10 to 40 ms.
    this.#runtime.prepareListing();
    collectGarbage();
    this.#isMeasuring = true;
    const { registeredMs, readyMs, cpuMs, synchronize } = await this.start(false);
    this.measurements.latency(`registered, ${what}`, registeredMs);
    this.measurements.latency(`synchronized, ${what}`, readyMs);
    this.measurements.latency(`listing, ${what}`, synchronize.latencyMs);
    this.measurements.note(`CPU time of the start, ${what}`, cpuMs, 'ms');
    this.measurements.note(`updates at the start, ${what}`, synchronize.updates.length);
  }

  /** From now on measurements count. */
  async endWarmUp(): Promise<void> {
    await this.endLooking();
    this.measurements.clear();
    this.beginLooking();
    this.#isMeasuring = true;
    this.#before = {
      cpuTime: this.#plugin?.cpuTime ?? 0,
      events: this.#events,
      unaskedUpdates: this.#unaskedUpdates,
    };
  }

  /** Begins to look how late the plugin's event loop is, where that is measured. */
  beginLooking(): void {
    this.#plugin?.loopDelay?.begin();
  }

  /** Notes what was seen since then. */
  async endLooking(): Promise<void> {
    for (const { late, own } of (await this.#plugin?.loopDelay?.end()) ?? []) {
      this.measurements.distribution('event loop late', late);
      this.measurements.distribution('main thread held', own);
    }
  }

  /** Notes how the plugin is at the end of a run. */
  noteEnd(): void {
    const { measurements } = this;
    const plugin = this.#plugin;
    if (plugin?.memory !== undefined) {
      measurements.note('resident memory', plugin.memory.resident, 'MiB');
      measurements.note('peak memory', plugin.memory.peak, 'MiB');
      if (this.#before !== undefined) {
        const time = plugin.cpuTime - this.#before.cpuTime;
        measurements.note('CPU time per event', time / (this.#events - this.#before.events), 'µs');
      }
    }
    const unasked = this.#unaskedUpdates - (this.#before?.unaskedUpdates ?? 0);
    if (unasked > 0) measurements.note('updates without an event', unasked, 'total');
    const { violations } = this.#runtime;
    measurements.note('invariants broken', violations.length, 'total');
    for (const { invariant } of violations) measurements.note(`invariants broken: ${invariant}`, 1, 'total');
  }

  noteMemory(name: string): void {
    this.measurements.note(name, this.#plugin?.memory?.resident ?? Number.NaN, 'MiB');
  }

  get #socket(): string {
    return join(this.#folder, 'nri.sock');
  }

  /** @throws Error if the plugin is gone: what it would be compared by is not its own doing then */
  #measure(what: string, { plugin, error, latencyMs, updates }: RuntimeEvent): void {
    if (plugin === 'late') throw new Error(`${what}: ${error}`);
    const isGone = plugin === 'absent' && this.#plugin !== undefined && !this.#runtime.hasPlugin;
    if (plugin === 'lost' || isGone) {
      const reason = this.#runtime.losses.at(-1);
      throw new Error(`the plugin is gone: ${reason}; it printed: ${this.#plugin?.lastWords}`);
    }
    if (plugin === 'absent') return;
    this.#events++;
    this.measurements.latency(what, latencyMs);
    this.measurements.note(`updates per ${what}`, updates.length);
  }
}
