import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { TopologyError } from '../placement/sysfs.ts';
import type { TopologyParts } from '../placement/topology.ts';
import { type PackedTopology, unpackTopology } from '../placement/topology-arrays.ts';
import { type CpusetReading, type CpusetRequest, type CpusetSeen, pausesMs } from './cgroup.ts';
import { type CallFailure, type HostThread, startHostThread } from './host-thread.ts';
import type { HostReading } from './host-watch.ts';
import type { WorkerFile } from './worker-file.ts';

export type { CpusetReading, CpusetRequest, CpusetSeen };

export interface HostOptions {
  /** `/`, or where a container has the host's root mounted. */
  readonly hostRoot: string;
  /** How often the host is looked at for hotplug, in milliseconds; also how soon a hung worker is suspected. */
  readonly pollMs: number;
  /** Called with each topology that differs from the one before; the one that `start` gives is version 1. Must not throw. */
  onTopology(parts: TopologyParts, version: number): void;
  /** Called when the worker died, hung or failed, and once when a host that could be read no longer can. */
  onIncident(incident: CallFailure): void;
  /** Milliseconds after which a worker that does not answer counts as hung; 10 s if left out. */
  readonly callTimeoutMs?: number;
  /** Where the worker starts, if not in this project's own file. */
  readonly file?: WorkerFile;
  /** A worker for this host that was started before all this was known; it is the first one. */
  readonly started?: HostThread;
}

/** The host worker cannot be started, or does not work: says why. */
export class HostWorkerError extends Error {
  override readonly name = 'HostWorkerError';
}

const CALL_TIMEOUT_MS = 10_000;
/** A new thread also has to load its script before it answers. */
const START_TIMEOUT_MS = 20_000;
const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 30_000;

/**
 * What the host is, read by a worker: its topology, kept up to date, and the cpusets of its containers. A worker that dies
 * or hangs is replaced, and the next one sees what changed meanwhile.
 */
export class Host {
  readonly #options: HostOptions;
  readonly #callTimeoutMs: number;
  readonly #closing = new AbortController();
  #thread: HostThread | undefined;
  #topology: PackedTopology | undefined;
  #version = 1;
  /** The marks of a topology read twice; undefined makes the next look read it all. */
  #marks: string | undefined;
  #lastError: string | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#callTimeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT_MS;
  }

  /**
   * Starts the worker and, with the topology it reads, the watch. Called once.
   *
   * @throws TopologyError when the host does not say which CPUs are online
   * @throws HostWorkerError when the worker cannot be started or does not answer; it is not tried again
   */
  async start(): Promise<TopologyParts> {
    const thread = this.#options.started ?? this.#startThread();
    this.#thread = thread;
    const outcome = await thread.call((service) => service.readHost(undefined), this.#startTimeoutMs);
    // Only with marks can the answer be that nothing has changed.
    const reading = outcome.kind === 'answer' ? outcome.value! : outcome;
    if (reading.kind === 'topology') {
      this.#topology = reading.topology;
      void this.#watch(thread);
      return unpackTopology(reading.topology);
    }
    void this.close();
    throw reading.kind === 'unreadable'
      ? new TopologyError(reading.message)
      : new HostWorkerError(reading.message);
  }

  /**
   * Reads the cpusets of containers from their cgroups, in the order asked for, at most a few hundred a second.
   *
   * @param timeoutMs how long to wait, in milliseconds; if left out, as long as so many containers should take
   * @returns undefined if they are not to be had now: no worker is there, or it was not quick enough
   */
  async readCpusets(
    requests: readonly CpusetRequest[],
    timeoutMs = this.#callTimeoutMs + 2 * pausesMs(requests.length),
  ): Promise<readonly CpusetReading[] | undefined> {
    const outcome = await this.#thread?.call((service) => service.readCpusets(requests), timeoutMs);
    if (outcome?.kind === 'error') this.#report(outcome);
    // Whether the worker hangs or died is for the watch to find out and to report.
    return outcome?.kind === 'answer' ? outcome.value : undefined;
  }

  /** Ends the worker; calls under way have no answer. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#thread?.terminate();
  }

  get #startTimeoutMs(): number {
    return Math.max(START_TIMEOUT_MS, this.#callTimeoutMs);
  }

  #startThread(): HostThread {
    this.#thread = startHostThread(this.#options.hostRoot, this.#options.file);
    return this.#thread;
  }

  /** Looks at the host every `pollMs`, and with a new thread when one is lost, until it is closed. */
  async #watch(first: HostThread): Promise<void> {
    const { pollMs } = this.#options;
    const closing = this.#closing.signal;
    let thread = first;
    let isNew = false;
    let backoffMs = MIN_BACKOFF_MS;
    for (;;) {
      if (!isNew) await pause(pollMs, thread.ended);
      if (closing.aborted) return;
      const isAlive = await this.#look(thread, isNew ? this.#startTimeoutMs : this.#callTimeoutMs);
      if (closing.aborted) return;
      if (isAlive) {
        // Not at the first answer: a thread that always dies after it would be started ten times a second.
        if (!isNew) backoffMs = MIN_BACKOFF_MS;
        isNew = false;
        continue;
      }
      void thread.terminate();
      await pause(backoffMs, closing);
      if (closing.aborted) return;
      backoffMs = Math.min(2 * backoffMs, MAX_BACKOFF_MS);
      thread = this.#startThread();
      isNew = true;
    }
  }

  /** @returns false if the thread is dead or hung */
  async #look(thread: HostThread, timeoutMs: number): Promise<boolean> {
    const outcome = await thread.call((service) => service.readHost(this.#marks), timeoutMs);
    if (this.#closing.signal.aborted) return true;
    if (outcome.kind === 'answer') this.#accept(outcome.value);
    else this.#report(outcome);
    return outcome.kind === 'answer' || outcome.kind === 'error';
  }

  #accept(reading: HostReading | undefined): void {
    if (reading?.kind === 'unreadable') {
      this.#report({ kind: 'error', message: reading.message });
      return;
    }
    this.#lastError = undefined;
    if (reading === undefined) return;
    const { marks, topology } = reading;
    const isSame = isDeepStrictEqual(topology, this.#topology);
    // Read again next time if it is new: the kernel tells of a CPU's caches only after it says that the CPU is online.
    this.#marks = isSame ? marks : undefined;
    if (isSame) return;
    this.#topology = topology;
    this.#version++;
    this.#options.onTopology(unpackTopology(topology), this.#version);
  }

  /** What keeps going wrong in the same way is reported once. */
  #report(incident: CallFailure): void {
    if (incident.kind === 'error') {
      if (incident.message === this.#lastError) return;
      this.#lastError = incident.message;
    }
    this.#options.onIncident(incident);
  }
}

/** Ends early, without an error, when `signal` aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
