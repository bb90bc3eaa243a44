import { Cpuset } from '../../placement/cpuset.ts';
import { type Entry, forbiddenTo, isApart, isExclusive, liftedQuota } from './entry.ts';
import { PoolGroups, type PoolTerms } from './pool-groups.ts';

/**
 * The ledger's memory: every live container and the sets of CPUs they own, with indexes of what turns ask for, so that a turn
 * need not look at all containers. Only a committed `Draft` changes it, so a turn that is given up half-way has changed
 * nothing (invariant I7).
 */
export class LedgerState {
  readonly #isInPlace: (owner: Entry) => boolean;
  readonly #entries = new Map<string, Entry>();
  readonly #idsByPod = new Map<string, readonly string[]>();
  /** By CPU: how many annotated containers own it. */
  readonly #annotatedOn = new Map<number, number>();
  readonly #poolGroups = new PoolGroups();
  readonly #unsettled = new Map<string, Entry>();
  #unplaced = 0;
  #integer = Cpuset.EMPTY;
  #annotated = Cpuset.EMPTY;
  #reserved = Cpuset.EMPTY;
  #epoch = 0;

  /** @param isInPlace whether a container that owns CPUs was told all that is wanted of it, as far as is known */
  constructor(isInPlace: (owner: Entry) => boolean) {
    this.#isInPlace = isInPlace;
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }
  /** How many containers run in the pool although they should own CPUs. */
  get unplaced(): number {
    return this.#unplaced;
  }
  /** Ids of the containers of a pod, as far as it is known which pod they are of. */
  idsOfPod(podUid: string): readonly string[] {
    return this.#idsByPod.get(podUid) ?? [];
  }
  /** How many annotated containers own a CPU. */
  annotatedOn(cpu: number): number {
    return this.#annotatedOn.get(cpu) ?? 0;
  }
  /** The containers of the pool that were found nowhere else. */
  get poolGroups(): Pick<PoolGroups, 'forEach'> {
    return this.#poolGroups;
  }
  /** Containers that own CPUs and are not in place, and those of the pool that were found elsewhere. */
  get unsettled(): ReadonlyMap<string, Entry> {
    return this.#unsettled;
  }
  /** CPUs of all placed integer containers. */
  get integer(): Cpuset {
    return this.#integer;
  }
  /** CPUs of all placed annotated containers. */
  get annotated(): Cpuset {
    return this.#annotated;
  }
  /** Both together: the same object as long as neither changes. */
  get reserved(): Cpuset {
    return this.#reserved;
  }
  /** Grows by one with every commit. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Starts a change. At most one draft of a state is committed at a time; see `Draft`. */
  draft(): Draft {
    return new Draft(this, (changes, { integer, annotated, reserved }) => {
      for (const [id, entry] of changes) this.#replace(id, entry);
      this.#integer = integer;
      this.#annotated = annotated;
      this.#reserved = reserved;
      this.#epoch++;
    });
  }

  #replace(id: string, entry: Entry | undefined): void {
    const old = this.#entries.get(id);
    if (old !== undefined) this.#unindex(old);
    if (entry === undefined) {
      this.#entries.delete(id);
    } else {
      this.#entries.set(id, entry);
      this.#index(entry);
    }
    if (old?.pod.uid === entry?.pod.uid) return;
    if (old !== undefined) this.#setIdsOfPod(old.pod.uid, (ids) => ids.filter((each) => each !== id));
    if (entry !== undefined) this.#setIdsOfPod(entry.pod.uid, (ids) => [...ids, id]);
  }

  #index(entry: Entry): void {
    const { id } = entry.container;
    if (entry.unplaced !== undefined) this.#unplaced++;
    if (isExclusive(entry)) {
      if (entry.workload.kind === 'annotated') this.#countAnnotated(entry.cpus, 1);
      if (!this.#isInPlace(entry)) this.#unsettled.set(id, entry);
    } else if (isApart(entry)) {
      this.#unsettled.set(id, entry);
    } else {
      this.#poolGroups.add(entry);
    }
  }

  #unindex(entry: Entry): void {
    const { id } = entry.container;
    if (entry.unplaced !== undefined) this.#unplaced--;
    if (entry.workload.kind === 'annotated') this.#countAnnotated(entry.cpus, -1);
    if (!this.#unsettled.delete(id) && !isExclusive(entry)) this.#poolGroups.delete(entry);
  }

  #countAnnotated(cpus: Cpuset, change: number): void {
    for (const cpu of cpus) this.#annotatedOn.set(cpu, this.annotatedOn(cpu) + change);
  }

  #setIdsOfPod(podUid: string, change: (ids: readonly string[]) => readonly string[]): void {
    if (podUid === '') return;
    const ids = change(this.idsOfPod(podUid));
    if (ids.length === 0) this.#idsByPod.delete(podUid);
    else this.#idsByPod.set(podUid, ids);
  }
}

/** The CPUs that have an owner. */
interface Owned {
  readonly integer: Cpuset;
  readonly annotated: Cpuset;
  readonly reserved: Cpuset;
}

/** Containers of the pool that are alike. */
export interface Alike extends PoolTerms {
  /** Where a container was found by looking, when that is not where it was told to be: then it is the only one. */
  readonly seen: Cpuset | undefined;
  /** Whether it has to be told its quota, which was lifted: then it is the only one, too. */
  readonly wantsQuota: boolean;
  readonly all: () => Iterable<Entry>;
}

/** How often a turn may choose again, counted in choices for an integer container. With 1024 CPUs each takes 0.7 ms. */
const TRIES = 256;
/** Where many containers are to be placed, most of them need no tries, or few: smaller shares than this would be too small. */
const MOST_SHARES = 8;

type Commit = (changes: ReadonlyMap<string, Entry | undefined>, owned: Owned) => void;

/** A view of the state with changes laid over it, which become real on `commit` or are dropped with the draft. */
export class Draft {
  readonly #base: LedgerState;
  readonly #baseEpoch: number;
  readonly #commit: Commit;
  readonly #changes = new Map<string, Entry | undefined>();
  /** Ids of containers that the base does not have in that pod, by pod. */
  readonly #addedToPod = new Map<string, string[]>();
  /** Changed containers of the pool, and those that own CPUs or were found elsewhere: as in the base, for those changed. */
  readonly #poolGroups = new PoolGroups();
  readonly #others = new Map<string, Entry>();
  #integer: Cpuset;
  #annotated: Cpuset;
  /** By CPU: how many annotated containers more own it than in the base. */
  readonly #annotatedSince = new Map<number, number>();
  #reserved: Cpuset | undefined;
  #tries = TRIES;
  /** Of these, those that the next placement may not take. */
  #triesKept = 0;

  constructor(base: LedgerState, commit: Commit) {
    this.#base = base;
    this.#baseEpoch = base.epoch;
    this.#commit = commit;
    this.#integer = base.integer;
    this.#annotated = base.annotated;
    this.#reserved = base.reserved;
  }

  /** The epoch that this draft becomes when committed. */
  get epoch(): number {
    return this.#baseEpoch + 1;
  }

  /** Whether nothing was committed since the draft was started. */
  get isCurrent(): boolean {
    return this.#base.epoch === this.#baseEpoch;
  }

  /**
   * Asks whether another choice may be looked for that leaves all containers of the pool something. A turn has to be over in time,
   * whatever is forbidden to whom: without a limit for all of its choices together, thirty containers that cannot be placed took
   * 5 s, a plan for 150 victims 4 s. Once there are no more tries, only the first choice counts.
   *
   * @param price what it takes, compared to a choice for an integer container
   */
  takeTry(price = 1): boolean {
    if (this.#tries - price < this.#triesKept) return false;
    this.#tries -= price;
    return true;
  }

  /**
   * Lets the next placement take a share of the tries that are left, and no more: one that cannot succeed would leave none to
   * those after it.
   *
   * @param toCome how many there are still to be placed, that one included: they have equal shares, and who comes last all of it
   * @param kept the part of all tries of the turn that is not shared
   * @param extra the part of that which this one may take as well
   */
  shareTries(toCome: number, kept = 0, extra = 0): void {
    const share = (this.#tries - kept * TRIES) / Math.min(toCome, MOST_SHARES);
    this.#triesKept = Math.max(0, this.#tries - share - extra * TRIES);
  }

  get integer(): Cpuset {
    return this.#integer;
  }

  get annotated(): Cpuset {
    return this.#annotated;
  }

  /** CPUs with an owner, integer or annotated. */
  get reserved(): Cpuset {
    this.#reserved ??= this.integer.union(this.annotated);
    return this.#reserved;
  }

  get(id: string): Entry | undefined {
    return this.#changes.has(id) ? this.#changes.get(id) : this.#base.entries.get(id);
  }

  /** Adds or replaces a container. */
  set(entry: Entry): void {
    const { id } = entry.container;
    const before = this.get(id);
    this.#unlist(id);
    const isKnownOfPod = (known: Entry | undefined) => known?.pod.uid === entry.pod.uid;
    if (!isKnownOfPod(this.#base.entries.get(id)) && !isKnownOfPod(this.#changes.get(id)))
      this.#noteAdded(entry.pod.uid, id);
    this.#changes.set(id, entry);
    if (isExclusive(entry) || isApart(entry)) this.#others.set(id, entry);
    else this.#poolGroups.add(entry);
    // Who is only told something keeps its CPUs: to take and give them again was a third of a turn that moves 320 containers.
    if (before?.cpus === entry.cpus && before.workload === entry.workload) return;
    if (before !== undefined) this.#disown(before);
    this.#own(entry);
  }

  delete(id: string): void {
    const before = this.get(id);
    this.#unlist(id);
    this.#changes.set(id, undefined);
    if (before !== undefined) this.#disown(before);
  }

  /** The containers of a pod, as far as it is known which pod they are of. */
  ofPod(podUid: string): Entry[] {
    const known = this.#base.idsOfPod(podUid);
    const added = this.#addedToPod.get(podUid);
    const ids = added === undefined ? known : [...known, ...added];
    return ids.flatMap((id) => this.get(id) ?? []).filter(({ pod }) => pod.uid === podUid);
  }

  /** All containers, in an order that depends on the history alone. */
  forEach(visit: (entry: Entry) => void): void {
    for (const [id, entry] of this.#base.entries) {
      const current = this.#changes.has(id) ? this.#changes.get(id) : entry;
      if (current !== undefined) visit(current);
    }
    for (const [id, entry] of this.#changes) {
      if (entry !== undefined && !this.#base.entries.has(id)) visit(entry);
    }
  }

  /** Visits the containers of the pool, those that are alike at once. To look at one of each took half of the time of it. */
  forEachInPool(visit: (alike: Alike) => void): void {
    this.#base.poolGroups.forEach(({ told, forbidden, members }) => {
      const all = () => this.#unchanged(members);
      if (members.size > this.#changes.size || hasAny(all()))
        visit({ told, forbidden, seen: undefined, wantsQuota: false, all });
    });
    this.#poolGroups.forEach(({ told, forbidden, members }) => {
      // As they are now: what is done for one may change them all.
      visit({ told, forbidden, seen: undefined, wantsQuota: false, all: () => [...members.values()] });
    });
    this.#forEachOther((entry) => {
      if (isExclusive(entry)) return;
      const { told, workload, seen } = entry;
      const wantsQuota = liftedQuota(entry) !== undefined;
      visit({ told: told.cpus, forbidden: forbiddenTo(workload), seen, wantsQuota, all: () => [entry] });
    });
  }

  /** Visits the containers that own CPUs, except those that were in place when the draft was started and are unchanged. */
  forEachUnsettledOwner(visit: (entry: Entry) => void): void {
    this.#forEachOther((entry) => {
      if (isExclusive(entry)) visit(entry);
    });
  }

  filter(keep: (entry: Entry) => boolean): Entry[] {
    const found: Entry[] = [];
    this.forEach((entry) => {
      if (keep(entry)) found.push(entry);
    });
    return found;
  }

  commit(): void {
    this.#commit(this.#changes, this);
  }

  #forEachOther(visit: (entry: Entry) => void): void {
    for (const [id, entry] of this.#base.unsettled) if (!this.#changes.has(id)) visit(entry);
    for (const entry of this.#others.values()) visit(entry);
  }

  *#unchanged(part: ReadonlyMap<string, Entry>): Generator<Entry> {
    for (const [id, entry] of part) if (!this.#changes.has(id)) yield entry;
  }

  #noteAdded(podUid: string, id: string): void {
    const ids = this.#addedToPod.get(podUid);
    if (ids === undefined) this.#addedToPod.set(podUid, [id]);
    else if (!ids.includes(id)) ids.push(id);
  }

  #unlist(id: string): void {
    const changed = this.#changes.get(id);
    if (changed !== undefined && !this.#others.delete(id)) this.#poolGroups.delete(changed);
  }

  #own(entry: Entry): void {
    if (!isExclusive(entry)) return;
    this.#reserved = undefined;
    if (entry.workload.kind === 'integer') this.#integer = this.#integer.union(entry.cpus);
    else {
      for (const cpu of entry.cpus) this.#countAnnotated(cpu, 1);
      this.#annotated = this.#annotated.union(entry.cpus);
    }
  }

  #disown(entry: Entry): void {
    if (!isExclusive(entry)) return;
    this.#reserved = undefined;
    if (entry.workload.kind === 'integer') this.#integer = this.#integer.minus(entry.cpus);
    else {
      // Annotated containers may share CPUs: what one leaves can still be another's.
      const left = entry.cpus.toArray().filter((cpu) => this.#countAnnotated(cpu, -1) === 0);
      this.#annotated = this.#annotated.minus(Cpuset.from(left));
    }
  }

  /** @returns how many annotated containers own the CPU then */
  #countAnnotated(cpu: number, change: number): number {
    const since = (this.#annotatedSince.get(cpu) ?? 0) + change;
    this.#annotatedSince.set(cpu, since);
    return this.#base.annotatedOn(cpu) + since;
  }
}

function hasAny(entries: Iterable<Entry>): boolean {
  for (const _ of entries) return true;
  return false;
}
