import { Worker } from 'node:worker_threads';
import { wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { HostService } from './host-service.ts';
import { type WorkerFile, workerFile } from './worker-file.ts';

/** What a host worker is started with. */
export interface HostWorkerData {
  readonly hostRoot: string;
}

/** Why a call has no answer: the thread ended, it was not quick enough, or it threw. */
export interface CallFailure {
  readonly kind: 'died' | 'timeout' | 'error';
  readonly message: string;
}

export type CallOutcome<T> = { readonly kind: 'answer'; readonly value: T } | CallFailure;

/** In MiB: twice what the topology of 8192 CPUs takes. The young generation keeps what it has grown to: 1 of it saves 3. */
const LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 1 };

/**
 * One host worker from start to end. Every call to it settles: with its answer, at its deadline or with the thread's end,
 * after which comlink alone would wait for ever.
 */
export class HostThread {
  readonly #worker: Worker | undefined;
  /** Kept for as long as the thread: comlink takes leave of a worker whose last proxy is garbage. */
  readonly #service: HostService | undefined;
  readonly #ended = new AbortController();
  readonly #onEnd = new Set<(failure: CallFailure) => void>();
  #cause: CallFailure = { kind: 'died', message: 'the host worker has ended' };

  constructor(file: WorkerFile, data: HostWorkerData) {
    // tsx comes too late for the first file of a thread: in sources that is a line of JavaScript.
    const isSource = file.path.endsWith('.ts');
    try {
      this.#worker = new Worker(isSource ? requireSource(file.path) : file.path, {
        name: 'host',
        eval: isSource,
        execArgv: [...file.execArgv],
        workerData: data,
        resourceLimits: LIMITS,
      });
    } catch (error) {
      this.#end(`the host worker cannot be started: ${(error as Error).message}`);
      return;
    }
    this.#service = wrap<HostService>(nodeEndpoint(this.#worker));
    let uncaught: string | undefined;
    this.#worker.once('error', (error) => {
      uncaught = error.message;
    });
    this.#worker.once('exit', (code) => {
      this.#end(`the host worker ended: ${uncaught ?? `exit code ${code}`}`);
    });
  }

  /** Aborts when the thread has ended. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  call<T>(ask: (service: HostService) => Promise<T>, timeoutMs: number): Promise<CallOutcome<T>> {
    return new Promise((resolve) => {
      if (this.#service === undefined || this.ended.aborted) return resolve(this.#cause);
      const settle = (outcome: CallOutcome<T>) => {
        clearTimeout(timer);
        this.#onEnd.delete(settle);
        resolve(outcome);
      };
      const timer = setTimeout(() => {
        settle({ kind: 'timeout', message: `no answer from the host worker within ${timeoutMs} ms` });
      }, timeoutMs);
      this.#onEnd.add(settle);
      ask(this.#service).then(
        (value) => settle({ kind: 'answer', value }),
        (error: unknown) => settle({ kind: 'error', message: `the host worker failed: ${error}` }),
      );
    });
  }

  /** Ends the thread whatever it does; a thread that waits in the kernel ends after that. */
  async terminate(): Promise<void> {
    await this.#worker?.terminate();
  }

  #end(message: string): void {
    this.#cause = { kind: 'died', message };
    this.#ended.abort();
    for (const settle of this.#onEnd) settle(this.#cause);
  }
}

/** Starts a worker for a host, to be handed to a `Host` later: it loads its program meanwhile. */
export function startHostThread(hostRoot: string, file = workerFile('host')): HostThread {
  return new HostThread(file, { hostRoot });
}

function requireSource(path: string): string {
  return `require('tsx/cjs'); require(${JSON.stringify(path)})`;
}
