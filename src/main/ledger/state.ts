import { Cpuset } from '../../placement/cpuset.ts';
import { type Entry, isExclusive } from './entry.ts';

/**
 * The ledger's memory: every live container and the sets of CPUs they own. Only a committed `Draft` changes it, so a
 * turn that is given up half-way has changed nothing (invariant I7).
 */
export class LedgerState {
  readonly #entries = new Map<string, Entry>();
  /** The containers of each pod uid and name, so that a creation does not look through all there are. */
  readonly #idsByName = new Map<string, readonly string[]>();
  #unplaced = 0;
  #integer = Cpuset.EMPTY;
  #annotated = Cpuset.EMPTY;
  #epoch = 0;

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }
  /** How many containers run in the pool although they should own CPUs. */
  get unplaced(): number {
    return this.#unplaced;
  }
  /** Ids of the containers of this name in the pod: more than one where an older one has not ended yet. */
  idsWithName(podUid: string, name: string): readonly string[] {
    return this.#idsByName.get(nameKey(podUid, name)) ?? [];
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
      for (const [id, entry] of changes) this.#replace(id, entry);
      this.#integer = integer;
      this.#annotated = annotated;
      this.#epoch++;
    });
  }

  #replace(id: string, entry: Entry | undefined): void {
    const old = this.#entries.get(id);
    if (old?.unplaced !== undefined) this.#unplaced--;
    if (entry === undefined) {
      this.#entries.delete(id);
      if (old !== undefined) this.#unname(old);
      return;
    }
    if (entry.unplaced !== undefined) this.#unplaced++;
    this.#entries.set(id, entry);
    if (old !== undefined) return;
    const key = nameKey(entry.pod.uid, entry.container.name);
    this.#idsByName.set(key, [...(this.#idsByName.get(key) ?? []), id]);
  }

  #unname({ pod, container }: Entry): void {
    const key = nameKey(pod.uid, container.name);
    const others = this.idsWithName(pod.uid, container.name).filter((id) => id !== container.id);
    if (others.length === 0) this.#idsByName.delete(key);
    else this.#idsByName.set(key, others);
  }
}

function nameKey(podUid: string, name: string): string {
  return `${podUid}/${name}`;
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

  /** The containers of this name that the pod had when the draft was started, as they are now. */
  withName(podUid: string, name: string): Entry[] {
    return this.#base.idsWithName(podUid, name).flatMap((id) => this.get(id) ?? []);
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
