import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { LoopDelay } from './loop-delay.ts';

const STOP_MS = 5000;
const LOG_END = 2000;

/** Memory of a process, in MiB. */
export interface Memory {
  readonly resident: number;
  readonly peak: number;
}

/** Plugins that are running: none of them is to go on without the driver. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const { PATH } = process.env;

/**
 * A runtime gives its plugins hardly any environment. That of whoever runs the benchmark may be costly: with extra CA
 * certificates Node takes twice as long to start.
 */
export const PLUGIN_ENVIRONMENT = { PATH };

/** As in the contract between a runtime and the plugins it starts (NRI, `NRI_PLUGIN_SOCKET`). */
const RUNTIME_DESCRIPTOR = 3;
const PREINSTALLED = {
  NRI_PLUGIN_NAME: 'measured',
  NRI_PLUGIN_IDX: '50',
  NRI_PLUGIN_SOCKET: `${RUNTIME_DESCRIPTOR}`,
};

export interface PluginOptions {
  /** Whether to measure its event loop, for which it starts some milliseconds later. */
  readonly measuresLoop: boolean;
  /** Whether to hand it a connection. */
  readonly isPreinstalled: boolean;
}

/** A plugin that is running. */
export class PluginProcess {
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
  /** How late its event loop is, if that is measured. */
  readonly loopDelay: LoopDelay | undefined;
  /** The runtime's end of the connection that it was handed. */
  readonly connection: Socket | undefined;
  readonly #child: ChildProcess;
  readonly #log: string;

  /** @param command for a shell, which it takes the place of; what it prints goes to the file `log` */
  constructor(command: string, log: string, { measuresLoop, isPreinstalled }: PluginOptions) {
    this.#log = log;
    const output = openSync(log, 'a');
    this.#child = spawn('/bin/sh', ['-c', `exec ${command}`], {
      // Node's pipes are pairs of connected unix sockets.
      stdio: ['ignore', output, output, isPreinstalled ? 'pipe' : 'ignore', measuresLoop ? 'pipe' : 'ignore'],
      env: {
        ...PLUGIN_ENVIRONMENT,
        ...(isPreinstalled && PREINSTALLED),
        ...(measuresLoop && LoopDelay.environment),
      },
    });
    closeSync(output);
    if (isPreinstalled) this.connection = this.#child.stdio[RUNTIME_DESCRIPTOR] as Socket;
    if (measuresLoop) this.loopDelay = new LoopDelay(this.#child.stdio[LoopDelay.descriptor] as Duplex);
    running.add(this.#child);
    this.ended = once(this.#child, 'exit').finally(() => running.delete(this.#child));
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The end of what it printed. */
  get lastWords(): string {
    return readFileSync(this.#log, 'utf8').slice(-LOG_END).trim();
  }

  /** Undefined once it has ended. */
  get memory(): Memory | undefined {
    const status = this.hasEnded
      ? undefined
      : ifThere(() => readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'));
    if (status === undefined) return undefined;
    const mebibytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
    return { resident: mebibytes('VmRSS'), peak: mebibytes('VmHWM') };
  }

  /** Time that all its threads have had a CPU, in microseconds (kernel, Documentation/scheduler/sched-stats.rst). */
  get cpuTime(): number {
    const tasks = `/proc/${this.#child.pid}/task`;
    const statistics = (ifThere(() => readdirSync(tasks)) ?? []).map((task) =>
      ifThere(() => readFileSync(`${tasks}/${task}/schedstat`, 'utf8')),
    );
    return statistics.reduce((total, text) => total + Number(text?.split(' ')[0] ?? 0) / 1000, 0);
  }

  /** Asks it to end; kills it if it does not. */
  async stop(): Promise<void> {
    if (this.hasEnded) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

/** What was read of a process or thread; undefined if that has ended. */
function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
