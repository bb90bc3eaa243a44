import { inspect } from 'node:util';
import type { Piscina } from 'piscina';
import type { WorkerFile } from './worker-file.ts';

/** Something that went wrong in a worker; it has cost no more than a better plan. */
export interface PlannerIncident {
  readonly kind: 'died' | 'timeout' | 'out-of-memory' | 'bad-plan' | 'wrong-epoch' | 'error';
  readonly message: string;
}

export interface PlannerThreadsOptions {
  readonly workers: number;
  /** Threads are started at once and kept, and started again after an incident; otherwise they end when idle for `idleMs`. */
  readonly warm: boolean;
  readonly idleMs: number;
  readonly file: WorkerFile;
  onIncident(incident: PlannerIncident): void;
}

/** Room for one task at a time. After an incident it stays empty for a while, which doubles from incident to incident. */
export interface Slot {
  readonly index: number;
  task: AbortController | undefined;
  restMs: number;
  /** On the clock of `performance.now()`. */
  restsUntil: number;
}

/** What a planner worker exports. */
export type PlannerFunction = 'improve' | 'warmUp';

const SHORTEST_REST_MS = 100;
const LONGEST_REST_MS = 30_000;
/** Starting a thread and warming it up; on a busy host it takes a while. */
const WARM_UP_MS = 30_000;
/** Several times what the largest hosts need. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 };

/** The planner's worker threads: starts them, gives them tasks, ends those that hang and lets those rest that fail. */
export class PlannerThreads {
  readonly #options: PlannerThreadsOptions;
  readonly #slots: readonly Slot[];
  #pool: Promise<Piscina> | undefined;
  /** That pool, once it is open. */
  #opened: Piscina | undefined;
  #isClosed = false;
  #hasLostTask = false;

  constructor(options: PlannerThreadsOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.workers }, (_, index) => ({
      index,
      task: undefined,
      restMs: 0,
      restsUntil: 0,
    }));
    if (options.warm) this.warmUp();
  }

  /** Slots whose task a thread begins at once. */
  ready(): readonly Slot[] {
    return this.#free().slice(0, this.#idleThreads);
  }

  /** Starts the threads that are not running, and has each plan something made up: the first real task is faster then. */
  warmUp(): void {
    const slots = this.#free();
    if (slots.length <= this.#idleThreads) return;
    // Piscina starts a thread only for a task that no idle one can take, so these are given one too.
    for (const slot of slots) void this.run(slot, 'warmUp', undefined, WARM_UP_MS);
  }

  /**
   * What the worker's function returns for a task, unchecked; the thread is ended when that takes longer than
   * `timeoutMs`. `undefined` after an incident, and after `close`.
   */
  async run(
    slot: Slot,
    name: PlannerFunction,
    task: unknown,
    timeoutMs: number,
  ): Promise<{ readonly answer: unknown } | undefined> {
    const controller = new AbortController();
    slot.task = controller;
    const timer = setTimeout(() => {
      controller.abort({
        kind: 'timeout',
        message: `no answer after ${timeoutMs} ms`,
      } satisfies PlannerIncident);
    }, timeoutMs);
    try {
      this.#pool ??= this.#open();
      return { answer: await this.#post(await this.#pool, name, task, controller.signal) };
    } catch (error) {
      const { signal } = controller;
      this.fail(slot, signal.aborted ? (signal.reason as PlannerIncident) : incidentOf(error));
      return undefined;
    } finally {
      clearTimeout(timer);
      slot.task = undefined;
    }
  }

  /** Reports an incident of a slot's, and lets it rest. */
  fail(slot: Slot, incident: PlannerIncident): void {
    if (this.#isClosed) return;
    slot.restMs = Math.min(Math.max(2 * slot.restMs, SHORTEST_REST_MS), LONGEST_REST_MS);
    slot.restsUntil = performance.now() + slot.restMs;
    // A timer may be up to a millisecond early.
    if (this.#options.warm) setTimeout(() => this.warmUp(), slot.restMs + 1).unref();
    this.report(slot, incident);
  }

  /** Reports an incident of a slot's that it need not rest for. */
  report(slot: Slot, { kind, message }: PlannerIncident): void {
    if (this.#isClosed) return;
    this.#options.onIncident({ kind, message: `planner worker ${slot.index}: ${message}` });
  }

  /** Forgets earlier incidents of a slot that has done well. */
  succeed(slot: Slot): void {
    if (slot.restsUntil <= performance.now()) slot.restMs = 0;
  }

  /** Ends all threads; tasks are given up. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const pool = await this.#pool?.catch(() => undefined);
    // Piscina would reject the lost task's promise, which nobody has; the threads end with the process.
    if (!this.#hasLostTask) await pool?.destroy();
  }

  /** Slots with neither a task nor a rest. */
  #free(): readonly Slot[] {
    if (this.#isClosed) return [];
    const now = performance.now();
    return this.#slots.filter((slot) => slot.task === undefined && slot.restsUntil <= now);
  }

  get #idleThreads(): number {
    return this.#opened?.idleThreads ?? 0;
  }

  async #open(): Promise<Piscina> {
    const { workers, warm, idleMs, file } = this.#options;
    try {
      // Loaded here, as many hosts never need it.
      const { Piscina } = await import('piscina');
      const pool = new Piscina({
        filename: file.path,
        // Looked for when a thread starts.
        name: 'improve' satisfies PlannerFunction,
        execArgv: [...file.execArgv],
        // Threads are only ever started for a task: so those that died stay away as long as their slots rest.
        minThreads: 0,
        maxThreads: workers,
        idleTimeout: warm ? Number.POSITIVE_INFINITY : idleMs,
        concurrentTasksPerWorker: 1,
        // A worker that sleeps in Atomics.wait() could do nothing else meanwhile.
        atomics: 'disabled',
        resourceLimits: RESOURCE_LIMITS,
        recordTiming: false,
      });
      pool.on('error', (error: unknown) => {
        // Such as an answer that was on its way when its thread was ended.
        if (this.#isClosed) return;
        const { message } = incidentOf(error);
        this.#options.onIncident({ kind: 'died', message: `a planner worker without a task: ${message}` });
      });
      // Piscina keeps tasks queued for threads that died while they started, though no other will come for them. Tasks that
      // such a thread had are told first.
      pool.on('workerDestroy', () => {
        setImmediate(() => {
          if (pool.threads.length === 0) this.#giveUp();
        });
      });
      this.#opened = pool;
      return pool;
    } catch (error) {
      this.#pool = undefined;
      throw error;
    }
  }

  #giveUp(): void {
    for (const { task } of this.#slots) {
      task?.abort({ kind: 'died', message: 'ended before it had started' } satisfies PlannerIncident);
    }
  }

  #post(pool: Piscina, name: PlannerFunction, task: unknown, signal: AbortSignal): Promise<unknown> {
    try {
      return pool.run(task, { name, signal });
    } catch (error) {
      // The system gave us no thread. Piscina has queued the task nevertheless.
      this.#hasLostTask = true;
      throw error;
    }
  }
}

function incidentOf(error: unknown): PlannerIncident {
  // Some errors do not survive the way from one thread to another.
  if (!(error instanceof Error)) return { kind: 'error', message: inspect(error) };
  const { message, code } = error as NodeJS.ErrnoException;
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return { kind: 'out-of-memory', message };
  // The words of piscina, which has no code for it.
  return { kind: message.startsWith('worker exited') ? 'died' : 'error', message };
}
