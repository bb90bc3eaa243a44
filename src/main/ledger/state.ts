import { Cpuset } from '../../placement/cpuset.ts';
import { type Entry, isExclusive } from './entry.ts';

/**
 * The ledger's memory: every live container and the sets of CPUs they own. Only a committed `Draft` changes it, so a
 * turn that is given up half-way has changed nothing (invariant I7).
 */
export class LedgerState {
  readonly #entries = new Map<string, Entry>();
  #integer = Cpuset.EMPTY;
  #annotated = Cpuset.EMPTY;
  #epoch = 0;

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }
  /** CPUs of all placed integer containers. */
  get integer(): Cpuset {
    return this.#integer;
  }
  /** CPUs of all placed annotated containers. */
  get annotated(): Cpuset {
    return this.#annotated;
  }
  /** Grows by one with every commit. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Starts a change. At most one draft of a state is committed at a time; see `Draft`. */
  draft(): Draft {
    return new Draft(this, (changes, integer, annotated) => {
      for (const [id, entry] of changes) {
        if (entry === undefined) this.#entries.delete(id);
        else this.#entries.set(id, entry);
      }
      this.#integer = integer;
      this.#annotated = annotated;
      this.#epoch++;
    });
  }
}

type Commit = (changes: ReadonlyMap<string, Entry | undefined>, integer: Cpuset, annotated: Cpuset) => void;

/** A view of the state with changes laid over it, which become real on `commit` or are dropped with the draft. */
export class Draft {
  readonly #base: LedgerState;
  readonly #baseEpoch: number;
  readonly #commit: Commit;
  readonly #changes = new Map<string, Entry | undefined>();
  #integer: Cpuset;
  #annotated: Cpuset;
  #annotatedIsStale = false;

  constructor(base: LedgerState, commit: Commit) {
    this.#base = base;
    this.#baseEpoch = base.epoch;
    this.#commit = commit;
    this.#integer = base.integer;
    this.#annotated = base.annotated;
  }

  /** The epoch that this draft becomes when committed. */
  get epoch(): number {
    return this.#baseEpoch + 1;
  }

  /** Whether nothing was committed since the draft was started. */
  get isCurrent(): boolean {
    return this.#base.epoch === this.#baseEpoch;
  }

  get integer(): Cpuset {
    return this.#integer;
  }

  get annotated(): Cpuset {
    // Annotated containers may share CPUs: what one leaves can still be another's, so a removal means counting anew.
    if (this.#annotatedIsStale) {
      const sets: Cpuset[] = [];
      this.forEach((entry) => {
        if (entry.workload.kind === 'annotated') sets.push(entry.cpus);
      });
      this.#annotated = Cpuset.union(sets);
      this.#annotatedIsStale = false;
    }
    return this.#annotated;
  }

  /** CPUs with an owner, integer or annotated. */
  get reserved(): Cpuset {
    return this.integer.union(this.annotated);
  }

  get(id: string): Entry | undefined {
    return this.#changes.has(id) ? this.#changes.get(id) : this.#base.entries.get(id);
  }

  /** Adds or replaces a container. */
  set(entry: Entry): void {
    this.#forget(this.get(entry.container.id));
    this.#changes.set(entry.container.id, entry);
    if (!isExclusive(entry)) return;
    if (entry.workload.kind === 'integer') this.#integer = this.#integer.union(entry.cpus);
    else if (!this.#annotatedIsStale) this.#annotated = this.#annotated.union(entry.cpus);
  }

  delete(id: string): void {
    this.#forget(this.get(id));
    this.#changes.set(id, undefined);
  }

  /** All containers, in an order that depends on the history alone. */
  forEach(visit: (entry: Entry) => void): void {
    for (const [id, entry] of this.#base.entries) {
      if (!this.#changes.has(id)) visit(entry);
      else {
        const changed = this.#changes.get(id);
        if (changed !== undefined) visit(changed);
      }
    }
    for (const [id, entry] of this.#changes) {
      if (entry !== undefined && !this.#base.entries.has(id)) visit(entry);
    }
  }

  filter(keep: (entry: Entry) => boolean): Entry[] {
    const found: Entry[] = [];
    this.forEach((entry) => {
      if (keep(entry)) found.push(entry);
    });
    return found;
  }

  commit(): void {
    this.#commit(this.#changes, this.integer, this.annotated);
  }

  #forget(entry: Entry | undefined): void {
    if (entry === undefined || !isExclusive(entry)) return;
    if (entry.workload.kind === 'integer') this.#integer = this.#integer.minus(entry.cpus);
    else this.#annotatedIsStale = true;
  }
}
