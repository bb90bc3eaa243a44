import { isDeepStrictEqual } from 'node:util';
import type { Cpuset } from '../../placement/cpuset.ts';
import type { Move } from '../../placement/plan.ts';
import type { ContainerFacts, ContainerResources, PodFacts } from '../../placement/workload.ts';
import { DeadlineError } from '../actor.ts';
import { betterPlan, isLarge, type PlanImprover } from './better-plan.ts';
import { type CreateAnswer, type Creation, carryOut, prepareCreation } from './creation.ts';
import { describeCounts, describeOffline, describeUnplaced, released, told } from './details.ts';
import { byAge, type Entry, isExclusive, nameOf } from './entry.ts';
import { Growth } from './growth.ts';
import { poolOf } from './place.ts';
import type { Policy } from './policy.ts';
import { applyResources } from './resources.ts';
import { type Drifted, noteDoubts, noteSightings, type Sighting } from './sightings.ts';
import { type Draft, LedgerState } from './state.ts';
import { StickyCpus } from './sticky.ts';
import {
  asListed,
  placeOrPool,
  type ReadLists,
  type Recall,
  type Running,
  rebuild,
  type Seen,
} from './synchronize.ts';
import { type Decided, type Details, TurnLog, type TurnLogOptions } from './turn.ts';
import {
  type ContainerUpdate,
  type Differences,
  differencesOf,
  isInPlace,
  tellDifferences,
  tellSelf,
  vacatingIn,
} from './updates.ts';

export type { PlanImprover } from './better-plan.ts';
export type { CreateAnswer } from './creation.ts';
export type { Sighting } from './sightings.ts';
export type { ContainerUpdate } from './updates.ts';

/** The time that a turn may take. */
export interface TurnTime {
  /** What the runtime allows for its call, in milliseconds. */
  readonly requestTimeout: number;
  /** Whether it is too late to answer. */
  isOver(): boolean;
}

export interface LedgerOptions extends TurnLogOptions {
  readonly policy: Policy;
  /** Absent: the first plan of a reassignment is taken as it is. */
  readonly planner?: PlanImprover;
  /** A steady clock in milliseconds. */
  readonly now: () => number;
}

/**
 * The single writer: which container owns which CPUs, and what the runtime was told. Every public method is one turn: it
 * either decides, commits and answers, or throws a `Refusal` and has changed nothing. The caller runs turns one at a time.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  #policy: Policy;
  readonly #growth = new Growth();
  readonly #state = new LedgerState((owner) => isInPlace(owner, this.#policy));
  readonly #sticky = new StickyCpus();
  readonly #turns: TurnLog;
  /** Whether containers may have released CPUs in a turn that gave none of them to unplaced ones. */
  #hasReleased = false;
  /** How often unplaced containers were tried again. */
  #retries = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#policy = options.policy;
    this.#turns = new TurnLog(options);
  }

  get policy(): Policy {
    return this.#policy;
  }

  /**
   * New rules, or the host has other CPUs online: everything is placed by them, and what can stay stays. Nobody is told here;
   * what is now wanted differs from what was told, and travels with the next answer.
   */
  changePolicy(policy: Policy): void {
    if (policy === this.#policy) return;
    const isReadAnew = !isDeepStrictEqual(policy.classify, this.#policy.classify);
    this.#turn('policy', undefined, (draft) => {
      this.#policy = policy;
      const before = [...this.#state.entries.values()];
      const warnings = this.#rebuild(draft, before, () => isReadAnew);
      draft.commit();
      for (const entry of before) {
        if (!isExclusive(this.#state.entries.get(entry.container.id)!)) this.#remember(entry);
      }
      const offline = describeOffline(this.#state.entries.values(), policy.topology.online);
      return { answer: undefined, details: this.#summary('placed anew', 0, [...warnings, ...offline]) };
    });
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

  /** Containers that are not as wanted. */
  differences(): Differences {
    return differencesOf(this.#state.draft(), this.#policy);
  }

  /**
   * Starts anew from what the runtime lists; stopped containers must not be in the list.
   *
   * @param keepsUnlisted whether containers stay that are not in the list: where no event is missed, these are still being
   *   created, and some runtimes do not list such ones
   */
  synchronize(listed: readonly Seen[], keepsUnlisted = false): readonly ContainerUpdate[] {
    return this.#turn('synchronize', undefined, (draft) => {
      const before = [...this.#state.entries.values()];
      // Of one that is listed twice the last one counts.
      const byId = new Map(listed.map((seen) => [seen.container.id, seen]));
      const unlisted = keepsUnlisted ? before.filter(({ container }) => !byId.has(container.id)) : [];
      const lists: ReadLists = new Map();
      const running = [...byId].map(([id, seen]) =>
        asListed(seen, this.#state.entries.get(id), this.#policy, lists),
      );
      const isReadAnew = ({ pod, container }: Seen) =>
        !isDeepStrictEqual(pod.annotations, this.#state.entries.get(container.id)?.pod.annotations);
      const warnings = this.#rebuild(draft, [...running, ...unlisted], isReadAnew);
      const updates = this.#tell(draft);
      draft.commit();
      // Once all are told, there is room that pinned containers needed to withdraw to.
      this.#hasReleased = true;
      for (const entry of before) if (!this.#state.entries.has(entry.container.id)) this.#remember(entry);
      return { answer: updates, details: this.#summary('synchronized', updates.length, warnings) };
    });
  }

  /**
   * Places a new container. With `time`, a large reassignment is planned by the workers first, for which the caller has to
   * wait; everything else is answered at once.
   *
   * @throws Refusal when the container must not be created as asked; DeadlineError when `time` is over before the plan is there
   */
  create(pod: PodFacts, container: ContainerFacts): CreateAnswer;
  create(pod: PodFacts, container: ContainerFacts, time: TurnTime): CreateAnswer | Promise<CreateAnswer>;
  create(pod: PodFacts, container: ContainerFacts, time?: TurnTime): CreateAnswer | Promise<CreateAnswer> {
    const turn = this.#turns.begin('create', { pod, container });
    this.#growth.noteEvent(this.#options.now());
    try {
      const prepared = this.#prepare(pod, container);
      const { planned } = prepared.clearance;
      const { planner } = this.#options;
      if (
        planned === undefined ||
        planner === undefined ||
        time === undefined ||
        !isLarge(planned, this.#policy)
      ) {
        return turn.end(this.#finish(prepared, prepared.clearance.moves));
      }
      return betterPlan(planner, planned, this.#policy, time.requestTimeout, this.#state.epoch)
        .then((plan) => {
          if (time.isOver()) throw new DeadlineError('no plan was ready in time, nothing was changed');
          // Turns run one at a time, so the plan's epoch is still that of the ledger. Were it not, it would have to be
          // decided anew.
          if (prepared.draft.isCurrent) return turn.end(this.#finish(prepared, plan.moves));
          const anew = this.#prepare(pod, container);
          return turn.end(this.#finish(anew, anew.clearance.moves));
        })
        .catch(turn.fail);
    } catch (error) {
      return turn.fail(error);
    }
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
    this.#growth.noteEvent(this.#options.now());
    return this.#turn('update', { pod, container }, (draft) => {
      const details = applyResources(draft, this.#policy, pod, container, requested, this.#recall);
      const updates = tellDifferences(draft, this.#policy, {
        self: container.id,
        growsAlong: this.#growth.isCalm,
      });
      const own = tellSelf(draft, this.#policy, draft.get(container.id)!, vacatingIn(draft));
      draft.commit();
      this.#hasReleased = true;
      return { answer: [...updates, own], details: { ...details, ...told(own), updates: updates.length } };
    });
  }

  /** The container's process is gone: its CPUs are free, and the pool grows as far as the budget allows. */
  stop(id: string): readonly ContainerUpdate[] {
    const entry = this.#state.entries.get(id);
    if (entry === undefined) return [];
    this.#growth.noteEvent(this.#options.now());
    return this.#turn('stop', entry, (draft) => {
      draft.delete(id);
      this.#retryUnplaced(draft);
      const updates = this.#tell(draft);
      draft.commit();
      this.#hasReleased = false;
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
      this.#hasReleased = true;
      this.#remember(entry);
      return { answer: undefined, details: released(entry) };
    });
  }

  /**
   * The sandbox of a pod was stopped, and with it everything that ran in it. Mostly nothing is left by then; but of a container that
   * could not be created after it was placed, CRI-O tells nothing else. A pod can have a new sandbox, whose containers live on.
   */
  removePod({ id, uid }: Pick<PodFacts, 'id' | 'uid'>): void {
    for (const container of this.#state.idsOfPod(uid)) {
      if (this.#state.entries.get(container)?.pod.id === id) this.remove(container);
    }
  }

  /**
   * Sends what is still different, with no event to carry it.
   *
   * @returns updates for the runtime; what becomes of them has to be told to `doubt`
   */
  reconcile(): readonly ContainerUpdate[] {
    return this.#turn('reconcile', undefined, (draft) => {
      this.#retryUnplaced(draft);
      const updates = this.#tell(draft);
      draft.commit();
      this.#hasReleased = false;
      return { answer: updates, details: { outcome: 'told', updates: updates.length } };
    });
  }

  /** Whether CPUs may have been released that unplaced containers were not given yet. */
  get hasRetryDue(): boolean {
    return this.#hasReleased && this.#state.unplaced > 0;
  }

  /** Gives unplaced containers another chance, with no event to do so. As with a new policy, nobody is told here. */
  retry(): void {
    this.#turn('retry', undefined, (draft) => {
      this.#retryUnplaced(draft);
      draft.commit();
      this.#hasReleased = false;
      return { answer: undefined, details: this.#summary('tried again', 0, []) };
    });
  }

  /**
   * Compares what was sent without an event with what the ledger wants since then. Such updates wait for the runtime's lock,
   * so one may have been applied after an answer that was decided later: then it counts as where the container is.
   *
   * @param failed the runtime could not apply all of them, and does not say which: any of these containers may be anywhere
   */
  doubt(sent: readonly ContainerUpdate[], failed: boolean): void {
    const draft = this.#state.draft();
    if (noteDoubts(draft, this.#policy.topology.online, sent, failed)) draft.commit();
  }

  /**
   * Compares where containers were found with where they were told to be.
   *
   * @returns the containers found elsewhere that were not known to be
   */
  observe(sightings: readonly Sighting[]): readonly Drifted[] {
    const draft = this.#state.draft();
    const { hasChanged, elsewhere } = noteSightings(draft, this.#policy, sightings);
    if (hasChanged) draft.commit();
    return elsewhere;
  }

  #prepare(pod: PodFacts, container: ContainerFacts): Creation {
    const draft = this.#state.draft();
    // Trying each time took 3.4 ms of a creation beside 50 unplaced containers on 1024 CPUs, otherwise 0.1 ms.
    if (this.#hasReleased) this.#retryUnplaced(draft);
    return prepareCreation(draft, this.#policy, pod, container, this.#recall);
  }

  #finish(creation: Creation, moves: readonly Move[]): Decided<CreateAnswer> {
    const decided = carryOut(creation, this.#policy, moves, this.#growth.isCalm);
    creation.draft.commit();
    this.#hasReleased = creation.superseded.length > 0;
    for (const old of creation.superseded) this.#remember(old);
    return decided;
  }

  /**
   * Places all containers anew in a draft that is emptied for it.
   *
   * @param isReadAnew whether what is wrong with a container's annotations has not been said before
   * @returns warnings
   */
  #rebuild(
    draft: Draft,
    running: readonly Running[],
    isReadAnew: (seen: Seen) => boolean,
  ): readonly string[] {
    for (const id of this.#state.entries.keys()) draft.delete(id);
    return rebuild(draft, this.#policy, running, this.#recall).flatMap(({ entry, warnings }) =>
      isReadAnew(entry) ? warnings.map((warning) => `${nameOf(entry)}: ${warning}`) : [],
    );
  }

  #summary(outcome: string, updates: number, warnings: readonly string[]): Details {
    const entries = [...this.#state.entries.values()];
    return {
      outcome,
      reason: describeCounts(entries),
      updates,
      warnings: [...warnings, ...describeUnplaced(entries)],
    };
  }

  /**
   * Containers that could not be placed get another chance, oldest first. Not when a container leaves CPUs because it is
   * resized: the runtime changes that one last, so its CPUs are given away in a later turn.
   *
   * One that can never be placed could always use up the tries before younger ones. So each has a share; and of all tries a quarter is
   * kept for one of them, each time another one, and a quarter for the container that the turn is about.
   */
  #retryUnplaced(draft: Draft): void {
    if (this.#state.unplaced === 0) return;
    const waiting = draft.filter(({ unplaced }) => unplaced !== undefined).sort(byAge);
    const favoured = this.#retries++ % waiting.length;
    for (const [position, entry] of waiting.entries()) {
      const kept = position <= favoured ? 1 / 2 : 1 / 4;
      draft.shareTries(waiting.length - position, kept, position === favoured ? 1 / 4 : 0);
      draft.delete(entry.container.id);
      placeOrPool(draft, this.#policy, entry, this.#recall);
    }
    draft.shareTries(1);
  }

  #tell(draft: Draft): ContainerUpdate[] {
    const takeGrowth = () => this.#growth.take(this.#policy.poolGrowth, this.#options.now());
    return tellDifferences(draft, this.#policy, { takeGrowth });
  }

  readonly #recall: Recall = (seen) => this.#sticky.recall(seen, this.#options.now());

  #remember(entry: Entry): void {
    if (entry.workload.kind === 'integer' && isExclusive(entry))
      this.#sticky.remember(entry, this.#options.now());
  }

  /** Runs one turn and writes it to the journal, refused or not. */
  #turn<T>(event: string, seen: Seen | undefined, decide: (draft: Draft) => Decided<T>): T {
    const turn = this.#turns.begin(event, seen);
    try {
      return turn.end(decide(this.#state.draft()));
    } catch (error) {
      return turn.fail(error);
    }
  }
}
