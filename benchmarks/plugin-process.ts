import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
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

/** A plugin that is running. */
export class PluginProcess {
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
  /** How late its event loop is, if that is measured. */
  readonly loopDelay: LoopDelay | undefined;
  readonly #child: ChildProcess;
  readonly #log: string;

  /**
   * @param command for a shell, which it takes the place of; what it prints goes to the file `log`
   * @param measuresLoop whether to measure its event loop, for which it starts some milliseconds later
   */
  constructor(command: string, log: string, measuresLoop: boolean) {
    this.#log = log;
    const output = openSync(log, 'a');
    this.#child = spawn('/bin/sh', ['-c', `exec ${command}`], {
      stdio: ['ignore', output, output, ...(measuresLoop ? ['pipe' as const] : [])],
      env: { ...PLUGIN_ENVIRONMENT, ...(measuresLoop && LoopDelay.environment) },
    });
    closeSync(output);
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
    if (this.hasEnded) return undefined;
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    const mebibytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
    return { resident: mebibytes('VmRSS'), peak: mebibytes('VmHWM') };
  }

  /** Time that all its threads have had a CPU, in microseconds (kernel, Documentation/scheduler/sched-stats.rst). */
  get cpuTime(): number {
    const tasks = `/proc/${this.#child.pid}/task`;
    return readdirSync(tasks)
      .map((task) => Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]) / 1000)
      .reduce((total, time) => total + time, 0);
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
