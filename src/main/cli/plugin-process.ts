import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isSea } from 'node:sea';

/** What the plugin logs of a decision, as far as it matters here. */
export interface LoggedDecision {
  readonly event: string;
  readonly containerId: string;
  readonly outcome: string;
  readonly reason?: string;
}

const STOP_MS = 2000;
const MAX_LINES = 10;

/** This program, run as the plugin in a process of its own. */
export class PluginProcess {
  /** Resolves when the process has ended, to what there is to say about it. */
  readonly exited: Promise<string>;
  /** Address of its page, once it is served. */
  readonly page: Promise<string>;
  readonly #child: ChildProcess;
  readonly #decisions: LoggedDecision[] = [];
  readonly #signals = new EventEmitter();
  /** The end of its log. */
  readonly #lines: string[] = [];

  /** @param folder where it has its own sockets */
  constructor(socketPath: string, hostRoot: string, folder: string) {
    const places = [
      '--socket',
      socketPath,
      '--host-root',
      hostRoot,
      '--admin-socket',
      join(folder, 'admin.sock'),
    ];
    const flags = [...places, '--http', '127.0.0.1:0', '--log-format', 'json'];
    this.page = once(this.#signals, 'page').then(([address]) => String(address));
    const program = isSea() ? [] : [...process.execArgv, process.argv[1]!];
    this.#child = spawn(process.execPath, [...program, 'run', ...flags], {
      // The environment configures plugins: this one is to behave the same everywhere.
      env: {},
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    createInterface({ input: this.#child.stderr! }).on('line', (line) => this.#read(line));
    this.exited = once(this.#child, 'close').then(
      ([code, signal]) =>
        `the plugin ended with ${signal ?? `exit code ${code}`}: ${['', ...this.#lines].join('\n')}`,
      (error: Error) => `the plugin could not be started: ${error.message}`,
    );
  }

  /** What the plugin logged of its latest decision on a container; undefined if that takes longer than `timeoutMs`. */
  async decision(event: string, containerId: string, timeoutMs: number): Promise<LoggedDecision | undefined> {
    const find = () =>
      this.#decisions.find((each) => each.event === event && each.containerId === containerId);
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      while (find() === undefined) await once(this.#signals, 'decision', { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return find();
  }

  /** Asks the process to end; kills it if it does not. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), STOP_MS);
    await this.exited;
    clearTimeout(timer);
  }

  /** Ends the process at once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #read(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
    const record = parseObject(line);
    if (typeof record?.address === 'string') this.#signals.emit('page', record.address);
    if (typeof record?.event !== 'string' || typeof record.containerId !== 'string') return;
    this.#decisions.unshift(record as LoggedDecision);
    this.#signals.emit('decision');
  }
}

/** The object a line of JSON holds. The log is our own, so only that it is one needs to be checked. */
function parseObject(line: string): (Partial<LoggedDecision> & { readonly address?: unknown }) | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
