import { Cpuset } from '../../placement/cpuset.ts';
import { chooseExclusive } from '../../placement/exclusive.ts';
import { memoryNodes } from '../../placement/memory.ts';
import {
  type ContainerFacts,
  type ContainerResources,
  classify,
  type PodFacts,
} from '../../placement/workload.ts';
import type { Journal, JournalRecord } from '../journal.ts';
import { byAge, type Entry, isExclusive, nameOf } from './entry.ts';
import { GrowthBudget } from './growth.ts';
import { applyMoves, placeAnnotated, placeInteger, poolOf } from './place.ts';
import type { Policy } from './policy.ts';
import { Refusal } from './refusal.ts';
import { type Draft, LedgerState } from './state.ts';
import { StickyCpus } from './sticky.ts';
import { adopt, placeOrPool, rebuild, type Seen, toEntry, toldByRuntime } from './synchronize.ts';
import { type ContainerUpdate, tellDifferences, wanted } from './updates.ts';

export type { ContainerUpdate } from './updates.ts';

/** What a new container is created with, and what others are told before it is. */
export interface CreateAnswer {
  /** The new container's own part. */
  readonly adjustment: ContainerUpdate;
  /** Memory nodes to prefer (memory policy `preferred`, annotated containers only). */
  readonly preferredNodes?: Cpuset;
  readonly updates: readonly ContainerUpdate[];
}

export interface LedgerOptions {
  readonly policy: Policy;
  readonly journal: Journal;
  /** Put before the number of an operation, so that operations of different processes differ. */
  readonly instance: string;
  /** A steady clock in milliseconds. */
  readonly now: () => number;
  /** Called with each decision once it is made. */
  readonly onDecision: (record: JournalRecord) => void;
}

type Details = Partial<Omit<JournalRecord, 'sequence' | 'time' | 'operation' | 'event'>>;

/**
 * The single writer: which container owns which CPUs, and what the runtime was told. Every public method is one turn: it
 * either decides, commits and answers, or throws a `Refusal` and has changed nothing. The caller runs turns one at a time.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  #policy: Policy;
  readonly #growth = new GrowthBudget();
  readonly #state = new LedgerState();
  readonly #sticky = new StickyCpus();
  #operations = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#policy = options.policy;
  }

  get policy(): Policy {
    return this.#policy;
  }

  /** New rules, in force from the next turn on; a synchronization applies them to what is there. */
  setPolicy(policy: Policy): void {
    this.#policy = policy;
  }

  /** Every live container. */
  get entries(): ReadonlyMap<string, Entry> {
    return this.#state.entries;
  }

  /** The shared pool. */
  get pool(): Cpuset {
    return poolOf(this.#state.draft(), this.#policy);
  }

  get epoch(): number {
    return this.#state.epoch;
  }

  /** Starts anew from what the runtime lists; stopped containers must not be in the list. */
  synchronize(listed: readonly Seen[]): readonly ContainerUpdate[] {
    return this.#turn('synchronize', undefined, (draft) => {
      const before = [...this.#state.entries.values()];
      for (const entry of before) draft.delete(entry.container.id);
      const warnings = rebuild(draft, this.#policy, listed, (seen) => this.#recall(seen));
      const updates = this.#tell(draft);
      draft.commit();
      for (const entry of before) if (!this.#state.entries.has(entry.container.id)) this.#remember(entry);
      return {
        answer: updates,
        details: {
          outcome: 'synchronized',
          reason: describeCounts(this.#state.entries.values()),
          updates: updates.length,
          warnings: [...warnings, ...describeUnplaced(this.#state.entries.values())],
        },
      };
    });
  }

  /** @throws Refusal when the container must not be created as asked */
  create(pod: PodFacts, container: ContainerFacts): CreateAnswer {
    return this.#turn('create', { pod, container }, (draft) => {
      const superseded = draft.filter(
        (entry) =>
          entry.container.id === container.id ||
          (pod.uid !== '' && entry.pod.uid === pod.uid && entry.container.name === container.name),
      );
      for (const entry of superseded) draft.delete(entry.container.id);
      const { entry, warnings } = toEntry({ pod, container }, this.#policy, draft.epoch);
      if (entry.unplaced !== undefined) throw new Refusal('bad-annotation', entry.unplaced);

      const previous = [...superseded.map(({ cpus }) => cpus), ...this.#recall(entry)];
      const { cpus, moves } = this.#placeNew(draft, entry, previous);
      const movesTold = describeMoves(draft, moves);
      applyMoves(draft, moves);
      draft.set({ ...entry, cpus });
      const updates = tellDifferences(draft, this.#policy, { self: container.id });
      const adjustment = this.#tellSelf(draft, container.id);
      draft.commit();
      superseded.forEach((old) => {
        this.#remember(old);
      });
      const prefers = entry.workload.kind === 'annotated' && this.#policy.numaMemoryPolicy === 'preferred';
      return {
        answer: {
          adjustment,
          updates,
          ...(prefers && { preferredNodes: memoryNodes(this.#policy.topology, cpus) }),
        },
        details: {
          outcome: 'placed',
          kind: entry.workload.kind,
          reason: entry.reason,
          ...told(adjustment),
          moves: movesTold,
          updates: updates.length,
          warnings,
        },
      };
    });
  }

  /**
   * A container's resources change in place, or the kubelet repeats them.
   *
   * @returns updates of other containers, then the container's own, which always carries its cpuset
   * @throws Refusal when it cannot grow
   */
  update(
    pod: PodFacts,
    container: ContainerFacts,
    requested: ContainerResources,
  ): readonly ContainerUpdate[] {
    return this.#turn('update', { pod, container }, (draft) => {
      const known = draft.get(container.id);
      const details =
        known === undefined
          ? this.#adoptUnknown(draft, pod, withResources(container, requested))
          : this.#reclassify(draft, known, withResources(known.container, requested));
      const updates = tellDifferences(draft, this.#policy, { self: container.id });
      const own = this.#tellSelf(draft, container.id);
      draft.commit();
      return { answer: [...updates, own], details: { ...details, ...told(own), updates: updates.length } };
    });
  }

  /** The container's process is gone: its CPUs are free, and the pool grows as far as the budget allows. */
  stop(id: string): readonly ContainerUpdate[] {
    const entry = this.#state.entries.get(id);
    if (entry === undefined) return [];
    return this.#turn('stop', entry, (draft) => {
      draft.delete(id);
      this.#retryUnplaced(draft);
      const updates = this.#tell(draft);
      draft.commit();
      this.#remember(entry);
      return { answer: updates, details: { ...released(entry), updates: updates.length } };
    });
  }

  /** The container is gone. After a stop there is nothing left to do. Its answer can carry no updates. */
  remove(id: string): void {
    const entry = this.#state.entries.get(id);
    if (entry === undefined) return;
    this.#turn('remove', entry, (draft) => {
      draft.delete(id);
      draft.commit();
      this.#remember(entry);
      return { answer: undefined, details: released(entry) };
    });
  }

  #placeNew(draft: Draft, entry: Entry, previous: readonly Cpuset[]) {
    const { workload, pod } = entry;
    switch (workload.kind) {
      case 'annotated':
        return { cpus: workload.cpus, moves: placeAnnotated(draft, this.#policy, pod, workload.cpus) };
      case 'integer': {
        const { count, forbidden } = workload;
        return { cpus: placeInteger(draft, this.#policy, { pod, count, forbidden, previous }), moves: [] };
      }
      case 'shared': {
        const pool = poolOf(draft, this.#policy);
        if (pool.minus(workload.forbidden).isEmpty) {
          throw new Refusal(
            'pool-empty',
            `no CPU is left for shared containers${pool.isEmpty ? '' : ` outside of its forbidden CPUs ${workload.forbidden}`}`,
          );
        }
        return { cpus: Cpuset.EMPTY, moves: [] };
      }
    }
  }

  /** A container that no event or listing has shown before: taken as it is, and put right if need be. */
  #adoptUnknown(draft: Draft, pod: PodFacts, container: ContainerFacts): Details {
    const { entry, warnings } = toEntry({ pod, container }, this.#policy, draft.epoch);
    adopt(draft, this.#policy, { ...entry, told: toldByRuntime(container, this.#policy) }, (seen) =>
      this.#recall(seen),
    );
    const adopted = draft.get(container.id)!;
    return {
      outcome: 'adopted',
      kind: entry.workload.kind,
      reason: adopted.unplaced ?? entry.reason,
      warnings,
    };
  }

  /** Applies new resources to a known container: it may grow, shrink or change its kind. */
  #reclassify(draft: Draft, known: Entry, container: ContainerFacts): Details {
    const kept = { ...known, container };
    if (known.workload.kind === 'annotated') {
      draft.set(kept);
      return { outcome: 'kept', kind: 'annotated', reason: known.reason };
    }
    const { workload, reason, warnings } = classify(known.pod, container, this.#policy.classify);
    const entry: Entry = { ...kept, workload, reason };
    const details = { kind: workload.kind, reason, warnings };
    const had = known.cpus;
    if (workload.kind !== 'integer') {
      draft.set({ ...entry, cpus: Cpuset.EMPTY, unplaced: undefined });
      this.#retryUnplaced(draft);
      return { ...details, outcome: had.isEmpty ? 'kept' : 'resized' };
    }
    const { count, forbidden, atLeast } = workload;
    if (had.size === count || (atLeast && had.size > count)) {
      draft.set({ ...entry, workload: { ...workload, count: had.size } });
      return { ...details, outcome: 'kept' };
    }
    draft.delete(container.id);
    if (had.size > count) {
      const request = { count, free: had, taken: draft.reserved, priority: this.#policy.priority };
      draft.set({ ...entry, cpus: chooseExclusive(this.#policy.topology, request)! });
      this.#retryUnplaced(draft);
    } else if (known.unplaced !== undefined) {
      placeOrPool(draft, this.#policy, entry, (seen) => this.#recall(seen));
    } else {
      const wish = { pod: known.pod, count, forbidden, held: had, previous: this.#recall(entry) };
      draft.set({ ...entry, cpus: placeInteger(draft, this.#policy, wish) });
    }
    return { ...details, reason: draft.get(container.id)!.unplaced ?? reason, outcome: 'resized' };
  }

  /** Containers that could not be placed get another chance, oldest first. */
  #retryUnplaced(draft: Draft): void {
    for (const entry of draft.filter(({ unplaced }) => unplaced !== undefined).sort(byAge)) {
      draft.delete(entry.container.id);
      placeOrPool(draft, this.#policy, entry, (seen) => this.#recall(seen));
    }
  }

  #tell(draft: Draft): ContainerUpdate[] {
    const takeGrowth = (count: number) =>
      this.#growth.take(count, this.#policy.poolGrowth, this.#options.now());
    return tellDifferences(draft, this.#policy, { takeGrowth });
  }

  /** Marks the container that the event is about as told all that it should be, and says what that is. */
  #tellSelf(draft: Draft, id: string): ContainerUpdate {
    const entry = draft.get(id)!;
    const want = wanted(entry, poolOf(draft, this.#policy), this.#policy);
    draft.set({ ...entry, told: want, epoch: draft.epoch });
    return {
      id,
      ...(want.cpus !== undefined && { cpus: want.cpus }),
      ...(want.mems !== undefined && { mems: want.mems }),
      ...(want.quota !== undefined && { quota: want.quota }),
    };
  }

  #recall(seen: Seen): readonly Cpuset[] {
    return this.#sticky.recall(seen, this.#options.now());
  }

  #remember(entry: Entry): void {
    if (entry.workload.kind === 'integer' && isExclusive(entry))
      this.#sticky.remember(entry, this.#options.now());
  }

  /** Runs one turn and writes it to the journal, refused or not. */
  #turn<T>(
    event: string,
    seen: Seen | undefined,
    decide: (draft: Draft) => { answer: T; details: Details },
  ): T {
    const operation = `${this.#options.instance}-${++this.#operations}`;
    const record = (details: Details): void => {
      this.#options.onDecision(
        this.#options.journal.append({
          time: Date.now(),
          operation,
          event,
          ...(seen !== undefined && { container: nameOf(seen), containerId: seen.container.id }),
          outcome: 'done',
          ...details,
        }),
      );
    };
    try {
      const { answer, details } = decide(this.#state.draft());
      record(details);
      return answer;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      record({ outcome: 'refused', code: error.code, reason: error.message });
      throw new Refusal(
        error.code,
        `weka-nri-cpuset refused to ${event} container ${seen === undefined ? '' : nameOf(seen)}: ${error.message} [operation ${operation}]`,
      );
    }
  }
}

/** The same container with the resources that an update asks for; cpusets asked for are not: those are ours to decide. */
function withResources(container: ContainerFacts, requested: ContainerResources): ContainerFacts {
  const { quota, period, shares, memoryLimit } = container.resources;
  return {
    ...container,
    resources: {
      ...container.resources,
      quota: requested.quota ?? quota,
      period: requested.period ?? period,
      shares: requested.shares ?? shares,
      memoryLimit: requested.memoryLimit ?? memoryLimit,
    },
  };
}

function told(update: ContainerUpdate): Details {
  return {
    ...(update.cpus !== undefined && { cpus: update.cpus.toString() }),
    ...(update.mems !== undefined && { mems: update.mems }),
  };
}

function released(entry: Entry): Details {
  return { outcome: 'released', kind: entry.workload.kind, cpus: entry.cpus.toString() };
}

function describeMoves(draft: Draft, moves: readonly { id: string; from: Cpuset; to: Cpuset }[]) {
  return moves.map(({ id, from, to }) => ({
    id,
    container: nameOf(draft.get(id)!),
    from: from.toString(),
    to: to.toString(),
  }));
}

function describeCounts(entries: Iterable<Entry>): string {
  const counts = { annotated: 0, integer: 0, shared: 0, unplaced: 0 };
  for (const entry of entries) counts[entry.unplaced === undefined ? entry.workload.kind : 'unplaced']++;
  return Object.entries(counts)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
}

function describeUnplaced(entries: Iterable<Entry>): string[] {
  return [...entries].flatMap((entry) =>
    entry.unplaced === undefined ? [] : [`${nameOf(entry)} runs in the shared pool: ${entry.unplaced}`],
  );
}
