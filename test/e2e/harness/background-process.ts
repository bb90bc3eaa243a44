import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { PATIENCE } from './patience.ts';

/** How many threads of a program of Go run at once, where that is to be less than there are CPUs. */
const { GOMAXPROCS } = process.env;
/** Longer than any takes to end, on a busy machine. */
const END_MS = Math.max(60_000, 10_000 * PATIENCE);

/** A program that runs beside the tests. Its output is appended to a log file. */
export class BackgroundProcess {
  readonly #logFile: string;
  readonly #process: ChildProcess;
  #ending = false;

  /** Starts it, with `path` as nearly its whole environment. */
  constructor(command: readonly string[], path: string, logFile: string) {
    this.#logFile = logFile;
    const log = openSync(logFile, 'a');
    this.#process = spawn(command[0]!, command.slice(1), {
      env: { PATH: path, ...(GOMAXPROCS !== undefined && { GOMAXPROCS }) },
      stdio: ['ignore', log, log],
      // A Ctrl-C is for the tests, which end it in their own order.
      detached: true,
    });
    closeSync(log);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** How it ended and what it wrote last, if nobody told it to end. */
  get unexpectedEnd(): string | undefined {
    if (this.isRunning || this.#ending) return undefined;
    const end = this.#process.signalCode ?? `exit code ${this.#process.exitCode}`;
    const lastWords = readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-5);
    return [`${this.#process.spawnfile} ended by itself: ${end}`, ...lastWords].join('\n');
  }

  /** Asks it to end, or kills it, and waits until it is gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#ending = true;
    if (!this.isRunning) return;
    this.#process.kill(signal);
    await once(this.#process, 'exit', { signal: AbortSignal.timeout(END_MS) });
  }
}
