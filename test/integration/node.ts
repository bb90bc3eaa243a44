import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import type { RuntimeEvent } from '../../src/main/runtime/events.ts';
import type { Container } from '../../src/main/runtime/host.ts';
import { EmbeddedRuntime, type RuntimeOptions } from '../../src/main/runtime/runtime.ts';
import { SysfsTree } from '../../src/main/runtime/sysfs-tree.ts';
import { parseCpuList } from '../../src/placement/cpulist.ts';
import type { Cpuset } from '../../src/placement/cpuset.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import { until } from '../e2e/harness/until.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const PROGRAM = [process.execPath, '--import', 'tsx', join(import.meta.dirname, '../../src/main/index.ts')];
/** A process that has to load TypeScript first, on a busy machine. */
const READY_MS = 60_000;
/** Of calls to the plugin. A runtime waits 2 s; on a busy machine the plugin may not be run for so long. */
const CALL_MS = 30_000;

/** Runtimes that take updates without an event, and those that may lock up then. */
export const NRI_VERSIONS = { 'NRI 0.12.1': 'v0.12.1', 'older NRI': '' } as const;

export interface NodeOptions {
  readonly topology: string;
  /** Told by the runtime; empty: what containerd 2.1 has. */
  readonly nriVersion: string;
  /** Flags of `run`, given the node's folder. */
  readonly flags: (folder: string) => readonly string[];
  /** Runs the program, given the node's folder; if left out, from its sources. */
  readonly program?: (folder: string) => readonly string[];
}

/** A record of the plugin's JSON log. */
export type LogRecord = Readonly<Record<string, unknown>> & { readonly msg: string };

export interface Workload {
  /** A guaranteed pod with so many CPUs; without it a burstable one. */
  readonly cpus?: number;
  /** Pinned by annotation to this CPU list. */
  readonly pinned?: string;
  readonly forbidden?: string;
}

/** A node: a made-up host, the embedded runtime, and the plugin as a process of its own. */
export class Node {
  readonly folder: string;
  readonly runtime: EmbeddedRuntime;
  readonly log: LogRecord[] = [];
  readonly events: readonly RuntimeEvent[];
  readonly #tree: SysfsTree;
  readonly #plugin: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(
    folder: string,
    tree: SysfsTree,
    runtime: EmbeddedRuntime,
    events: readonly RuntimeEvent[],
    [command, ...args]: readonly string[],
  ) {
    this.folder = folder;
    this.runtime = runtime;
    this.events = events;
    this.#tree = tree;
    const sockets = ['--socket', socketOf(folder), '--admin-socket', this.adminSocket];
    const place = [...sockets, '--host-root', hostOf(folder), '--log-format', 'json'];
    this.#plugin = spawn(command!, [...args, ...place], {
      env: {},
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#exited = once(this.#plugin, 'close');
    createInterface({ input: this.#plugin.stderr! }).on('line', (line) => {
      this.log.push(line.startsWith('{') ? JSON.parse(line) : { msg: line });
    });
  }

  /** Starts a node, which the test's end stops. */
  static async start(context: TestContext, options: NodeOptions): Promise<Node> {
    const folder = temporaryFolder(context);
    mkdirSync(hostOf(folder));
    const parts = parseTopologySpec(options.topology);
    const tree = new SysfsTree(hostOf(folder), parts);
    const events: RuntimeEvent[] = [];
    const runtimeOptions: RuntimeOptions = {
      socketPath: socketOf(folder),
      online: parts.online,
      nriVersion: options.nriVersion,
      registrationTimeoutMs: CALL_MS,
      requestTimeoutMs: CALL_MS,
      onEvent: (event) => events.push(event),
    };
    const runtime = await EmbeddedRuntime.start(runtimeOptions);
    const program = options.program?.(folder) ?? PROGRAM;
    const node = new Node(folder, tree, runtime, events, [...program, 'run', ...options.flags(folder)]);
    context.after(async () => {
      await node.#end();
      await runtime.close();
    });
    await runtime.whenReady(READY_MS).catch((error) => {
      throw new Error(`${error}\n${node.log.map(({ msg }) => msg).join('\n')}`);
    });
    return node;
  }

  get adminSocket(): string {
    return join(this.folder, 'admin.sock');
  }

  get hostRoot(): string {
    return hostOf(this.folder);
  }

  /** Runs a pod with one container of the same name. @throws Error if it is refused */
  async run(name: string, { cpus, pinned, forbidden }: Workload = {}): Promise<Container> {
    const qos = cpus === undefined ? 'burstable' : 'guaranteed';
    const annotations = {
      ...(pinned !== undefined && { 'weka.io/cores-ids': pinned }),
      ...(forbidden !== undefined && { 'weka.io/forbid-core-ids': forbidden }),
    };
    const pod = await this.runtime.runPod({ name, qos, annotations });
    const spec = { name, ...(cpus !== undefined && { cpus: { limit: cpus } }) };
    const { ok, error, container } = await this.runtime.createContainer(pod, spec);
    if (!ok) throw new Error(error);
    return container!;
  }

  /** The CPUs that a container was given. */
  cpusOf({ id }: Container): Cpuset {
    return this.runtime.container(id).resources.cpus;
  }

  /** The kernel takes CPUs offline. */
  takeOffline(cpus: Cpuset): void {
    this.#tree.takeOffline(cpus);
    this.runtime.setOnline(this.#tree.online);
  }

  /** The kernel brings CPUs online. */
  bringOnline(cpus: Cpuset): void {
    this.#tree.bringOnline(cpus);
    this.runtime.setOnline(this.#tree.online);
  }

  /** Waits until a container has been given exactly these CPUs. */
  async untilOn(container: Container, cpus: Cpuset | string): Promise<void> {
    await until(`${container.name} is on CPUs ${cpus}`, () => `${this.cpusOf(container)}` === `${cpus}`);
  }

  /** Waits for a line of the plugin's log. */
  async untilLogged(line: RegExp): Promise<LogRecord> {
    const find = () => this.log.find(({ msg }) => line.test(msg));
    await until(`the plugin logs ${line}`, () => find() !== undefined);
    return find()!;
  }

  /** How many updates the plugin has sent without an event. */
  get unsolicited(): number {
    return this.events.filter(({ operation }) => operation === 'UpdateContainers').length;
  }

  /** How many times the plugin has been synchronized. */
  get synchronized(): number {
    return this.events.filter(({ operation }) => operation === 'Synchronize').length;
  }

  async #end(): Promise<void> {
    this.#plugin.kill('SIGTERM');
    const timer = setTimeout(() => this.#plugin.kill('SIGKILL'), 10_000);
    // One that could not be started has an error in place of an end.
    await this.#exited.catch(() => {});
    clearTimeout(timer);
  }
}

/** The set that a CPU list names. */
export function cpuset(list: string): Cpuset {
  return parseCpuList(list, { max: 8191, allowEmpty: true });
}

function socketOf(folder: string): string {
  return join(folder, 'nri.sock');
}

function hostOf(folder: string): string {
  return join(folder, 'host');
}
