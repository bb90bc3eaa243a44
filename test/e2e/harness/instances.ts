import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AdminClient } from '../../../src/main/admin/client.ts';
import { BackgroundProcess } from './background-process.ts';
import type { Host } from './host.ts';
import { EXECUTABLE } from './plugin.ts';
import { readProcess } from './processes.ts';
import { until } from './until.ts';

const PREINSTALLED = '99-weka-cpuset';

/** The instances of the product on a node, of one version or several, which share a run folder. */
export class Instances {
  readonly #host: Host;
  readonly #folder: string;
  readonly #external = new Map<number, { readonly process: BackgroundProcess; readonly logFile: string }>();
  #started = 0;

  constructor(host: Host) {
    this.#host = host;
    this.#folder = host.folder;
  }

  /** What they share. */
  get runFolder(): string {
    return join(this.#folder, 'run');
  }

  /** Puts it where containerd starts it by itself, the next time that containerd starts. */
  preinstall(executable = EXECUTABLE): void {
    const script = `#!/bin/sh\nexec ${this.#command(executable, 'preinstalled').join(' ')}\n`;
    writeFileSync(this.#host.containerd.pluginFile(PREINSTALLED), script, { mode: 0o755 });
  }

  uninstall(): void {
    rmSync(this.#host.containerd.pluginFile(PREINSTALLED), { force: true });
  }

  /** Process id of the one that containerd has started. */
  get preinstalled(): number {
    const [pid] = this.#host.containerd.launchedPlugins();
    if (pid === undefined) throw new Error('containerd runs no plugin that it has started');
    return pid;
  }

  /** Starts one as a DaemonSet would. @returns its process id */
  start(executable = EXECUTABLE): number {
    const name = `external-${++this.#started}`;
    const { PATH = '' } = process.env;
    const output = join(this.#folder, `${name}.out`);
    const started = new BackgroundProcess(this.#command(executable, name), PATH, output);
    this.#external.set(started.pid, { process: started, logFile: this.#logFile(name) });
    return started.pid;
  }

  /** Ends any of them, and waits until it is gone. */
  async end(pid: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const external = this.#external.get(pid);
    if (external !== undefined) await external.process.end(signal);
    else process.kill(pid, signal);
    await until(`process ${pid} is gone`, () => readProcess(pid) === undefined);
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#external.values()].map(({ process }) => process.end('SIGKILL')));
    this.#external.clear();
  }

  /** Waits until that one is active, and has been told by the runtime what there is. */
  async untilActive(pid: number): Promise<void> {
    const client = new AdminClient(join(this.runFolder, 'admin.sock'));
    let last = 'nobody';
    await until(`process ${pid} is active`, async () => {
      const state = await client.state().catch(() => undefined);
      last = state === undefined ? 'nobody' : `${state.plugin.pid}`;
      return state?.plugin.pid === pid && state.health.ready;
    }).catch((error) => {
      throw new Error(`${error}; ${last} is`);
    });
  }

  /** Waits until one that was started here has logged that. */
  async untilLogged(pid: number, pattern: RegExp): Promise<void> {
    const { logFile } = this.#external.get(pid)!;
    await until(`process ${pid} logs ${pattern}`, () => {
      return existsSync(logFile) && pattern.test(readFileSync(logFile, 'utf8'));
    });
  }

  #logFile(name: string): string {
    return join(this.#folder, `${name}.log`);
  }

  #command(executable: string, name: string): readonly string[] {
    return [
      executable,
      ...['run', '--socket', this.#host.containerd.nriSocket],
      ...['--admin-socket', join(this.runFolder, 'admin.sock')],
      ...['--log-level', 'debug', '--log-format', 'json', '--log-file', this.#logFile(name)],
    ];
  }
}
