import type { CallFailure } from '../../workers/host-thread.ts';
import type { PlannerResult } from '../../workers/planner.ts';
import type { PlannerIncident } from '../../workers/planner-threads.ts';
import type { JournalRecord } from '../journal.ts';
import type { Entry } from '../ledger/entry.ts';
import type { RefusalCode } from '../ledger/refusal.ts';
import type { EventOutcome } from '../nri/session.ts';
import { Latencies } from './latencies.ts';

/** The parts of the program that run in threads of their own. */
export type WorkerName = 'host' | 'planner';

// What is alerted on is told before there is any: Prometheus sees a count grow only from what it was before.
const NO_REFUSALS: Readonly<Record<RefusalCode, number>> = {
  'bad-annotation': 0,
  'cpu-not-online': 0,
  'cpu-protected': 0,
  'namespace-may-not-pin': 0,
  'not-enough-cpus': 0,
  'pool-too-small': 0,
  'shared-container-starved': 0,
  'cannot-reassign': 0,
  'pool-empty': 0,
};
const NO_HOST_INCIDENTS: Readonly<Record<CallFailure['kind'], number>> = { died: 0, timeout: 0, error: 0 };
const NO_PLANNER_INCIDENTS: Readonly<Record<PlannerIncident['kind'], number>> = {
  ...NO_HOST_INCIDENTS,
  'out-of-memory': 0,
  'bad-plan': 0,
  'wrong-epoch': 0,
};

/**
 * What has happened since the start, in numbers. Its parts tell it in passing, so it does as little as it can: what takes
 * longer waits until the event is answered.
 */
export class Observations {
  readonly latencies = new Latencies();
  /** Refused events by code. */
  readonly refusals = new Map<string, number>(Object.entries(NO_REFUSALS));
  /** What was wrong without being a reason to refuse, such as annotations that were ignored. */
  warnings = 0;
  /** Updates of containers that an event did not concern, by the event that carried them. */
  readonly updates = new Map<string, number>();
  /** What went wrong with workers. */
  readonly incidents: Readonly<Record<WorkerName, Map<string, number>>> = {
    host: new Map(Object.entries(NO_HOST_INCIDENTS)),
    planner: new Map(Object.entries(NO_PLANNER_INCIDENTS)),
  };
  /** Containers moved for others, and how many of their CPUs changed. */
  moves = 0;
  movedCpus = 0;
  /** Time spent on improving plans, in milliseconds, and how many CPUs less had to change for it. */
  planningMs = 0;
  sparedCpus = 0;
  /** Registrations that the runtime accepted, and when it did last. */
  registrations = 0;
  registeredAt: number | undefined;
  isConnected = false;
  /** Whether the runtime has handed over its containers, or events that it only sends after that, on this connection. */
  isInStep = false;
  /** When it was last synchronized, and for how long, in milliseconds. */
  synchronizedAt: number | undefined;
  synchronizeMs: number | undefined;
  /** The last decision about each container that is there. */
  readonly #decided = new Map<string, { readonly cpus: Entry['cpus']; readonly at: number }>();

  /** @param entries the containers that are there now */
  noteDecision(record: JournalRecord, entries: ReadonlyMap<string, Entry>): void {
    const { event, outcome, code, containerId, moves = [], updates = 0, warnings = [], time } = record;
    this.warnings += warnings.length;
    if (outcome === 'refused') {
      count(this.refusals, code ?? '', 1);
      return;
    }
    if (updates > 0) count(this.updates, event, updates);
    if (containerId === undefined) {
      this.#noteAll(entries, time);
      return;
    }
    this.#note(containerId, entries, time);
    for (const { id } of moves) {
      this.moves++;
      this.movedCpus += this.#cpusLeft(id, entries);
      this.#note(id, entries, time);
    }
  }

  noteEvent(event: string, outcome: EventOutcome, ms: number): void {
    this.latencies.record(event, outcome, ms * 1000);
    if (outcome !== 'answered' && outcome !== 'refused') return;
    if (event === 'synchronize') {
      this.synchronizedAt = Date.now();
      this.synchronizeMs = ms;
    }
    // A runtime that starts a plugin itself may never list what it has (containerd 1.7), but it sends events.
    if (event !== 'configure') this.isInStep = true;
  }

  noteConnection(isConnected: boolean): void {
    this.isConnected = isConnected;
    if (isConnected) {
      this.registrations++;
      this.registeredAt = Date.now();
    } else {
      this.isInStep = false;
    }
  }

  noteIncident(worker: WorkerName, kind: string): void {
    count(this.incidents[worker], kind, 1);
  }

  notePlan({ ms, first, best }: PlannerResult): void {
    this.planningMs += ms;
    const [, firstCpus] = first;
    const [, bestCpus] = best;
    this.sparedCpus += Math.max(0, firstCpus - bestCpus);
  }

  /** When a container was last decided about, in milliseconds since the epoch. */
  decidedAt(id: string): number | undefined {
    return this.#decided.get(id)?.at;
  }

  #note(id: string, entries: ReadonlyMap<string, Entry>, at: number): void {
    const entry = entries.get(id);
    if (entry === undefined) this.#decided.delete(id);
    else this.#decided.set(id, { cpus: entry.cpus, at });
  }

  /** All containers were placed anew: some stayed where they were, some are gone. */
  #noteAll(entries: ReadonlyMap<string, Entry>, at: number): void {
    for (const id of this.#decided.keys()) if (!entries.has(id)) this.#decided.delete(id);
    for (const [id, { cpus }] of entries) {
      if (!this.#decided.get(id)?.cpus.equals(cpus)) this.#decided.set(id, { cpus, at });
    }
  }

  /** How many CPUs a container has left since the last decision about it. */
  #cpusLeft(id: string, entries: ReadonlyMap<string, Entry>): number {
    const [before, now] = [this.#decided.get(id), entries.get(id)];
    return before === undefined || now === undefined ? 0 : before.cpus.minus(now.cpus).size;
  }
}

function count<K>(counts: Map<K, number>, key: K, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
