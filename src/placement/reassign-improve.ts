import { type Assignment, FREE } from './assignment.ts';
import { hasBit } from './bits.ts';
import { comparePlans, type PlanCost } from './plan.ts';
import type { Random } from './random.ts';
import { Greedy } from './reassign-greedy.ts';

/** Victims that are placed anew together, at most. */
const MOST_TOGETHER = 5;
/** One round in so many only exchanges two CPUs. */
const EXCHANGE_EVERY = 4;
/** What a round tries to lower: stranded cores, remote CPUs, broken cores, nodes, caches; and what any victim has of it. */
const TARGETS = [
  { term: 0, least: 0 },
  { term: 2, least: 0 },
  { term: 3, least: 0 },
  { term: 4, least: 1 },
  { term: 5, least: 1 },
];
/** How many victims are drawn by lot until one fits. */
const DRAWS = 8;
/** Placements begin anywhere on the host, so that equally good ones all come up. */
const TURNS = 1 << 20;

export interface ImproveOptions {
  readonly random: Random;
  /** Nothing can cost less; the search ends when the plan does not cost more. */
  readonly bound: PlanCost;
  /** Rounds without any improvement after which the search ends. */
  readonly patience: number;
  /** Asked before every round. */
  shouldStop(): boolean;
}

/**
 * Improves a plan by large neighbourhood search (Shaw, "Using constraint programming and local search methods to solve
 * vehicle routing problems", 1998): changes a little of it, and takes that back if the plan then costs more. A change that
 * costs the same is kept, so that the search does not stay in one place.
 */
export function improve(assignment: Assignment, options: ImproveOptions): void {
  const { random, bound, patience, shouldStop } = options;
  const { cost, instance } = assignment;
  const greedy = new Greedy(assignment);
  for (let idle = 0; idle < patience && comparePlans(cost, bound) > 0 && !shouldStop(); idle++) {
    const before = cost.slice();
    const undo =
      random(EXCHANGE_EVERY) === 0
        ? exchange(assignment, random)
        : placeAnew(assignment, greedy, chooseSome(assignment, random), random);
    const change = comparePlans(cost, before);
    if (change > 0 || assignment.pooledHeld > instance.sharable) undo();
    else if (change < 0) idle = 0;
  }
}

/** Takes the victims' CPUs away and places them again in the order given; returns how to undo that. */
function placeAnew(
  assignment: Assignment,
  greedy: Greedy,
  victims: readonly number[],
  random: Random,
): () => void {
  const held = victims.map((victim) => assignment.cpusOf(victim));
  for (const victim of victims) assignment.release(victim);
  const undo = () => {
    for (const victim of victims) assignment.release(victim);
    victims.forEach((victim, i) => {
      assignment.restore(victim, held[i]!);
    });
  };
  if (!victims.every((victim) => greedy.place(victim, random(TURNS)))) undo();
  return undo;
}

/** Gives a victim a CPU of another one, or a free one, for one of its own; returns how to undo that. */
function exchange(assignment: Assignment, random: Random): () => void {
  const { instance, owner } = assignment;
  const { usable, anchored, allowed } = instance;
  const victim = chooseOne(assignment, random);
  const given = assignment.cpuAt(victim, random(assignment.held(victim)));
  const gained = usable[random(usable.length)]!;
  const other = owner[gained]!;
  const isPossible =
    other !== victim &&
    anchored[given] === 0 &&
    anchored[gained] === 0 &&
    hasBit(allowed[victim]!, gained) &&
    (other === FREE || hasBit(allowed[other]!, given));
  if (!isPossible) return () => {};
  swap(assignment, given, gained);
  return () => swap(assignment, gained, given);
}

/** Lets the owners of two CPUs, of which the second may be free, have each other's. */
function swap(assignment: Assignment, first: number, second: number): void {
  const owner = assignment.owner[first]!;
  const other = assignment.owner[second]!;
  assignment.take(first);
  if (other !== FREE) assignment.take(second);
  assignment.give(owner, second);
  assignment.settle(owner);
  if (other === FREE) return;
  assignment.give(other, first);
  assignment.settle(other);
}

/** A victim that could be better off, if there seems to be one. */
function chooseOne(assignment: Assignment, random: Random): number {
  const count = assignment.instance.demand.length;
  const { term, least } = TARGETS[random(TARGETS.length)]!;
  let victim = random(count);
  for (let draw = 1; draw < DRAWS && assignment.term(victim, term) <= least; draw++) victim = random(count);
  return victim;
}

/** A victim that could be better off, and some that hold CPUs it would like; mostly in this order. */
function chooseSome(assignment: Assignment, random: Random): readonly number[] {
  const { instance, owner } = assignment;
  const { usable, anchored, wasOn, topology, layout } = instance;
  const first = chooseOne(assignment, random);
  const chosen = [first];
  const together = 1 + random(MOST_TOGETHER);
  for (let draw = 0; draw < DRAWS * together && chosen.length < together; draw++) {
    const cpu = usable[random(usable.length)]!;
    const victim = owner[cpu]!;
    if (victim === FREE || anchored[cpu] === 1 || chosen.includes(victim)) continue;
    const isNear = wasOn[first * layout.nodeCount + topology.nodeOf[cpu]!] === 1;
    if (isNear || random(DRAWS) === 0) chosen.push(victim);
  }
  return random(4) === 0 ? chosen.reverse() : chosen;
}
