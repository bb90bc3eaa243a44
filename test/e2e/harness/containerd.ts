import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackgroundProcess } from './background-process.ts';
import { PATIENCE } from './patience.ts';
import { runningProcesses } from './processes.ts';
import { until } from './until.ts';

export type Release = '2' | '1.7';

const { E2E_RELEASE } = process.env;
/**
 * The containerd versions that setup.sh fetches: the newest one Debian has, and the oldest one supported. E2E_RELEASE
 * leaves one of them.
 */
export const RELEASES = (['2', '1.7'] as const).filter((release) => release === (E2E_RELEASE ?? release));

const CACHE = join(import.meta.dirname, '../../../.cache/e2e');
/** Reference of the image that setup.sh makes: busybox with `sh` and `sleep`. */
export const IMAGE = 'localhost/weka-cpuset-e2e:1';

/** A containerd with a configuration, state and sockets of its own below `folder`. */
export class Containerd {
  readonly criSocket: string;
  readonly nriSocket: string;
  readonly logFile: string;
  readonly #release: Release;
  readonly #folder: string;
  readonly #binaries: string;
  #process: BackgroundProcess | undefined;
  #imageIsThere = false;

  constructor(release: Release, folder: string) {
    if (process.getuid?.() !== 0)
      throw new Error('The end-to-end tests run a real container runtime: run them as root.');
    if (!existsSync(join(CACHE, 'made-by'))) {
      throw new Error('The end-to-end tests need test/e2e/setup.sh to run first; `make test-e2e` does that.');
    }
    this.#release = release;
    this.#folder = folder;
    this.#binaries = join(CACHE, `containerd-${release}`);
    this.criSocket = join(folder, 'c.sock');
    // In a folder of its own, which plugins in containers can be given.
    this.nriSocket = join(folder, 'nri/nri.sock');
    this.logFile = join(folder, 'containerd.log');
    mkdirSync(join(folder, 'plugins'));
    mkdirSync(join(folder, 'conf.d'));
    mkdirSync(join(folder, 'cni'));
    writeFileSync(join(folder, 'config.toml'), this.#configuration());
  }

  /** Path of the plugin that containerd starts by itself, to be put there before containerd starts. */
  pluginFile(name: string): string {
    return join(this.#folder, 'plugins', name);
  }

  /** Path of the configuration that containerd hands to the plugin of that name. */
  pluginConfigurationFile(name: string): string {
    return join(this.#folder, 'conf.d', `${name}.conf`);
  }

  get isRunning(): boolean {
    return this.#process?.isRunning ?? false;
  }

  /** Starts it and waits until it answers. What ran in an earlier start is still there. */
  async start(): Promise<void> {
    const booted = this.#count('containerd successfully booted') + 1;
    const command = [join(this.#binaries, 'containerd'), '--config', join(this.#folder, 'config.toml')];
    const path = `${this.#binaries}:/usr/sbin:/usr/bin:/sbin:/bin`;
    const containerd = new BackgroundProcess(command, path, this.logFile);
    this.#process = containerd;
    await until('containerd is up', () => {
      if (containerd.unexpectedEnd !== undefined) throw new Error(containerd.unexpectedEnd);
      return this.#count('containerd successfully booted') === booted;
    });
    if (this.#imageIsThere) return;
    this.importImage(join(CACHE, 'image.tar'));
    this.#imageIsThere = true;
  }

  /** Loads the images of an archive. */
  importImage(archive: string): void {
    const args = ['-a', this.criSocket, '-n', 'k8s.io', 'images', 'import', archive];
    execFileSync(join(this.#binaries, 'ctr'), args, { stdio: 'pipe' });
  }

  /** Ends it as a service manager would; containers go on running. */
  async stop(): Promise<void> {
    await this.#process?.end('SIGTERM');
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  /** Ids of the plugins that it started by itself. */
  launchedPlugins(): number[] {
    const launched = runningProcesses().filter(({ parent }) => parent === this.#process?.pid);
    return launched.filter(({ command }) => command.includes('weka-cpuset')).map(({ pid }) => pid);
  }

  /** How many times since the first start a plugin has come so far that it gets events. */
  get pluginsRegistered(): number {
    return this.#count('plugin invocation order');
  }

  /** How many updates of containers that a plugin asked for have failed since the first start: nobody else is told. */
  get failedUpdates(): number {
    return this.#count(/NRI update of \S+ container \S+ failed/);
  }

  /** What this containerd makes of a configuration. @throws if it cannot read it */
  readConfiguration(path: string): string {
    return execFileSync(join(this.#binaries, 'containerd'), ['--config', path, 'config', 'dump'], {
      encoding: 'utf8',
    });
  }

  #count(message: string | RegExp): number {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8').split(message).length - 1 : 0;
  }

  #configuration(): string {
    const at = (name: string): string => JSON.stringify(join(this.#folder, name));
    const runc = `
      runtime_type = "io.containerd.runc.v2"
      options = { BinaryName = ${JSON.stringify(join(CACHE, 'bin/runc'))}, Root = ${at('state/runc')} }`;
    // Root without CAP_SYS_RESOURCE cannot lower oom_score_adj, so it is not tried.
    const cri =
      this.#release === '1.7'
        ? `
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${IMAGE}"
  restrict_oom_score_adj = true
  cni = { bin_dir = ${at('cni')}, conf_dir = ${at('cni')} }
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]${runc}`
        : `
version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${IMAGE}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  cni = { bin_dirs = [${at('cni')}], conf_dir = ${at('cni')} }
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]${runc}`;
    return `root = ${at('root')}
state = ${at('state')}
${cri}
[grpc]
  address = ${JSON.stringify(this.criSocket)}
[ttrpc]
  address = ${JSON.stringify(`${this.criSocket}.ttrpc`)}
[debug]
  level = "debug"
[plugins."io.containerd.internal.v1.opt"]
  path = ${at('opt')}
[plugins."io.containerd.nri.v1.nri"]
  disable = false
  socket_path = ${JSON.stringify(this.nriSocket)}
  plugin_path = ${at('plugins')}
  plugin_config_path = ${at('conf.d')}
  plugin_registration_timeout = "${5 * PATIENCE}s"
  plugin_request_timeout = "${2 * PATIENCE}s"
`;
  }
}
