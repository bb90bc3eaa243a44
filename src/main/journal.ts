/** What an event did, as log and journal tell it. CPU sets are in list format. */
export interface JournalRecord {
  /** Grows by one with each record. */
  readonly sequence: number;
  /** Wall clock, milliseconds since the epoch. */
  readonly time: number;
  /** Identifies the turn: the same in log, journal and the error that a user sees. */
  readonly operation: string;
  readonly event: string;
  /** What became of it, e.g. `placed`, `refused`, `released`. */
  readonly outcome: string;
  /** `namespace/pod/container`. */
  readonly container?: string;
  readonly containerId?: string;
  readonly kind?: string;
  readonly cpus?: string;
  readonly mems?: string;
  /** Why the container is of its kind, or why it was refused. */
  readonly reason?: string;
  /** Stable refusal code. */
  readonly code?: string;
  readonly moves?: readonly {
    readonly id: string;
    readonly container: string;
    readonly from: string;
    readonly to: string;
  }[];
  /** Containers that were told something else than before. */
  readonly updates?: number;
  readonly warnings?: readonly string[];
}

/** So many records a plugin keeps, of about 1 kB each. */
export const JOURNAL_RECORDS = 4000;

/** The last decisions, oldest dropped first. */
export class Journal {
  readonly #capacity: number;
  readonly #records: JournalRecord[] = [];
  #sequence = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  append(record: Omit<JournalRecord, 'sequence'>): JournalRecord {
    const kept = { sequence: ++this.#sequence, ...record };
    // The record with sequence s lives in slot s % capacity, so the newest takes the oldest's place.
    this.#records[kept.sequence % this.#capacity] = kept;
    return kept;
  }

  /** Number of the last record; 0 for none. */
  get last(): number {
    return this.#sequence;
  }

  /** Records after the one numbered `sequence` (0: from the oldest that is left), oldest first, at most `limit` of them. */
  since(sequence: number, limit = this.#capacity): JournalRecord[] {
    const first = Math.max(sequence, this.#sequence - this.#capacity) + 1;
    const last = Math.min(this.#sequence, first + limit - 1);
    const records: JournalRecord[] = [];
    for (let each = first; each <= last; each++) records.push(this.#records[each % this.#capacity]!);
    return records;
  }
}
