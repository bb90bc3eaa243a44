import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { SysfsTree } from '../../../src/main/runtime/sysfs-tree.ts';
import { parseTopologySpec } from '../../../src/placement/topology-spec.ts';
import { Containerd, RELEASES, type Release } from './containerd.ts';
import { Cri } from './cri.ts';
import { Plugin, type PluginConfiguration } from './plugin.ts';
import { type Container, Pod, type PodOptions, type Workload } from './pods.ts';
import { until } from './until.ts';
import { Workspace } from './workspace.ts';

export interface HostOptions {
  /**
   * Specification of the machine that the plugin sees instead of this one. Containers can be created on its CPUs, not
   * started; their specification shows where they would run.
   */
  readonly topology?: string;
}

const KEPT_LOGS = join(import.meta.dirname, '../../../.cache/e2e-logs');

/** Defines the same tests once for every version of containerd, each with a host that the tests share. */
export function describeOnEveryRelease(
  title: string,
  define: (host: Host) => void,
  options: HostOptions = {},
): void {
  for (const release of RELEASES) {
    describe(`${title}, containerd ${release}`, () => {
      const host = new Host(release, options);
      before(() => host.start());
      afterEach(async (context) => {
        // Node 20 tells a hook the result of its test; its type does not say so yet.
        const { name, passed } = context as TestContext & { readonly passed: boolean };
        if (!passed) console.error(`Logs of "${name}": ${host.keepLogs(name)}`);
        await host.clean();
      });
      after(() => host.remove());
      define(host);
    });
  }
}

/** What a Kubernetes node is to the product: a runtime, the product, and pods that come and go. */
export class Host {
  readonly release: Release;
  readonly #options: HostOptions;
  #workspace!: Workspace;
  #containerd!: Containerd;
  #cri!: Cri;
  #plugin: Plugin | undefined;
  #failedUpdates = 0;

  constructor(release: Release, options: HostOptions) {
    this.release = release;
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#workspace = await Workspace.create();
    const { topology } = this.#options;
    if (topology !== undefined) new SysfsTree(join(this.folder, 'machine'), parseTopologySpec(topology));
    this.#containerd = new Containerd(this.release, this.#workspace.folder);
    this.#cri = new Cri(this.#containerd.criSocket);
    await this.#containerd.start();
  }

  get containerd(): Containerd {
    return this.#containerd;
  }

  get folder(): string {
    return this.#workspace.folder;
  }

  /** Has the plugin run with this configuration: as it is if it does so already. Waits until it gets events. */
  async plugin(configuration: PluginConfiguration = {}): Promise<Plugin> {
    const current = this.#plugin;
    if (current?.isRunning && isDeepStrictEqual(current.configuration, configuration)) return current;
    await current?.end();
    const registered = this.#containerd.pluginsRegistered;
    const plugin = new Plugin({
      socket: this.#containerd.nriSocket,
      folder: this.folder,
      configuration,
      system:
        this.#options.topology === undefined ? undefined : join(this.folder, 'machine/sys/devices/system'),
    });
    this.#plugin = plugin;
    await until('the plugin is registered', () => {
      if (plugin.unexpectedEnd !== undefined) throw new Error(plugin.unexpectedEnd);
      return this.#containerd.pluginsRegistered > registered;
    });
    return plugin;
  }

  /** What the plugins have logged so far, as records of their JSON log. */
  pluginLog(): readonly Readonly<Record<string, unknown>>[] {
    return this.#plugin?.log() ?? [];
  }

  /** Ends the plugin, if it runs. */
  async endPlugin(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#plugin?.end(signal);
  }

  /** Stops containerd and starts it again; a plugin that runs is waited for until it is connected again. */
  async restartContainerd(whileDown: () => void = () => {}): Promise<void> {
    const registered = this.#containerd.pluginsRegistered;
    await this.#containerd.stop();
    whileDown();
    await this.#containerd.start();
    if (this.#plugin?.isRunning !== true) return;
    await until('the plugin is connected again', () => this.#containerd.pluginsRegistered > registered);
  }

  pod(options: PodOptions = {}): Promise<Pod> {
    return Pod.run(this.#cri, this.#workspace.cgroup, join(this.folder, 'pods'), options);
  }

  /** Runs a pod with one container called `main`, created but not started. */
  async create(workload: Workload): Promise<Container> {
    return (await this.pod(workload)).create('main', workload);
  }

  /** Runs a pod with one container called `main`. */
  async run(workload: Workload): Promise<Container> {
    return (await this.pod(workload)).start('main', workload);
  }

  /** Removes all pods. @throws if the plugin ended by itself, or asked for updates that cannot be, since the last time */
  async clean(): Promise<void> {
    if (!this.#containerd.isRunning) await this.#containerd.start();
    for (const id of await this.#cri.pods()) {
      await this.#cri.stopPod(id);
      await this.#cri.removePod(id);
    }
    if (this.#plugin?.unexpectedEnd !== undefined) throw new Error(this.#plugin.unexpectedEnd);
    assert.equal(this.takeFailedUpdates(), 0, 'updates that containerd could not carry out');
  }

  /** How many updates that the plugin asked for have failed since the last call. */
  takeFailedUpdates(): number {
    const failed = this.#containerd.failedUpdates - this.#failedUpdates;
    this.#failedUpdates += failed;
    return failed;
  }

  /** Copies the logs to where they outlive the host. Returns that folder. */
  keepLogs(title: string): string {
    const folder = join(KEPT_LOGS, this.release, title.replaceAll(/\W+/g, '-'));
    mkdirSync(folder, { recursive: true });
    for (const name of ['containerd.log', 'plugin.log']) {
      const log = join(this.folder, name);
      if (existsSync(log)) copyFileSync(log, join(folder, name));
    }
    return folder;
  }

  async remove(): Promise<void> {
    try {
      await this.#plugin?.end();
      await this.#containerd?.stop();
    } finally {
      this.#cri?.close();
      await this.#workspace?.remove();
    }
  }
}
