import { type Assignment, FREE } from './assignment.ts';
import { hasBit } from './bits.ts';
import { CostMeter, FRAGMENTED, VICTIM_TERMS } from './cost-meter.ts';
import { Cpuset } from './cpuset.ts';
import { comparePlans } from './plan.ts';
import type { Instance } from './reassign-instance.ts';

/** Placements of single victims that are looked at, at most. */
const MOST_CANDIDATES = 2048;
/**
 * How often a placement is tried together with others, at most. Hosts of 12 CPUs take one or two thousand. Five times as many
 * gave the same plan for each of 120 random requests with up to 16 victims on 64 to 1024 CPUs, in twice the time.
 */
const MOST_TRIES = 10_000;

/** A victim's possible placement. */
interface Candidate {
  readonly cpus: Int32Array;
  readonly terms: Int32Array;
}

/**
 * Makes the plan a best one if the instance is small: tries all placements of all victims, cheapest first, and cuts off
 * what cannot become cheaper than the best plan so far. False if there were too many; the plan is never worse than before.
 */
export function solveExactly(assignment: Assignment): boolean {
  const { instance } = assignment;
  const victims = [...instance.demand.keys()];
  const choices = countChoices(instance);
  if (choices.reduce((sum, count) => sum + count, 0) > MOST_CANDIDATES) return false;
  victims.sort((a, b) => choices[a]! - choices[b]! || a - b);
  return new ExactSearch(assignment, victims).run();
}

class ExactSearch {
  readonly #assignment: Assignment;
  readonly #victims: readonly number[];
  readonly #candidates: readonly (readonly Candidate[])[];
  /** By depth: terms of the victims placed so far, and the least that the others cost. */
  readonly #placed: Int32Array[];
  readonly #rest: Int32Array[];
  /** Cost of the best plan, and what the victims hold in it. */
  #best: Int32Array;
  #plan: readonly Int32Array[];
  #tries = MOST_TRIES;

  constructor(assignment: Assignment, victims: readonly number[]) {
    this.#assignment = assignment;
    this.#victims = victims;
    this.#best = assignment.cost.slice();
    this.#plan = victims.map((victim) => assignment.cpusOf(victim));
    this.#candidates = victims.map((victim) => candidatesOf(assignment.instance, victim));
    this.#placed = [...victims, 0].map(() => new Int32Array(FRAGMENTED + 1));
    this.#rest = [...this.#placed].map(() => new Int32Array(VICTIM_TERMS));
    for (let depth = victims.length - 1; depth >= 0; depth--) {
      const cheapest = this.#candidates[depth]![0]!.terms;
      this.#rest[depth] = this.#rest[depth + 1]!.map((value, term) => value + cheapest[term]!);
    }
  }

  run(): boolean {
    for (const victim of this.#victims) this.#assignment.release(victim);
    this.#place(0);
    this.#victims.forEach((victim, depth) => {
      this.#assignment.restore(victim, this.#plan[depth]!);
    });
    return this.#tries > 0;
  }

  #place(depth: number): void {
    const { cost, pooledHeld, owner, instance } = this.#assignment;
    const placed = this.#placed[depth]!;
    if (depth === this.#victims.length) {
      placed[FRAGMENTED] = cost[FRAGMENTED]!;
      if (pooledHeld > instance.sharable || comparePlans(placed, this.#best) >= 0) return;
      this.#best = placed.slice();
      this.#plan = this.#victims.map((victim) => this.#assignment.cpusOf(victim));
      return;
    }
    const victim = this.#victims[depth]!;
    const next = this.#placed[depth + 1]!;
    const rest = this.#rest[depth + 1]!;
    const least = new Int32Array(FRAGMENTED + 1);
    for (const { cpus, terms } of this.#candidates[depth]!) {
      if (--this.#tries <= 0) return;
      for (let term = 0; term < VICTIM_TERMS; term++) {
        next[term] = placed[term]! + terms[term]!;
        least[term] = next[term]! + rest[term]!;
      }
      // Candidates are in order of cost: none of the following can be better either.
      if (comparePlans(least, this.#best) >= 0) return;
      if (cpus.some((cpu) => owner[cpu] !== FREE)) continue;
      for (const cpu of cpus) this.#assignment.give(victim, cpu);
      this.#place(depth + 1);
      this.#assignment.release(victim);
    }
  }
}

/** By victim: in how many ways it can be placed, or more than enough if they are too many. */
function countChoices({ allowed, movable, demand, anchors }: Instance): readonly number[] {
  return allowed.map((words, victim) => {
    const options = Cpuset.fromWords(words).countCommon(Cpuset.fromWords(movable));
    const need = demand[victim]! - anchors[victim]!.length;
    let count = 1;
    for (let i = 1; i <= Math.min(need, options - need) && count <= MOST_CANDIDATES; i++) {
      count = (count * (options - i + 1)) / i;
    }
    return count;
  });
}

/** All placements of a victim, cheapest first; of equally cheap ones those of lower ids first. */
function candidatesOf(instance: Instance, victim: number): readonly Candidate[] {
  const meter = new CostMeter(instance);
  const { usable, movable } = instance;
  const allowed = instance.allowed[victim]!;
  const options = usable.filter((cpu) => hasBit(movable, cpu) && hasBit(allowed, cpu));
  const anchors = instance.anchors[victim]!;
  const demand = instance.demand[victim]!;
  const whole = Int32Array.from({ length: demand }, (_, i) => anchors[i] ?? -1);
  const candidates: Candidate[] = [];
  const add = (filled: number, from: number): void => {
    if (filled === demand) {
      const terms = new Int32Array(VICTIM_TERMS);
      meter.measure(victim, whole, 0, demand, terms);
      candidates.push({ cpus: whole.slice(anchors.length), terms });
      return;
    }
    for (let i = from; i <= options.length - (demand - filled); i++) {
      whole[filled] = options[i]!;
      add(filled + 1, i + 1);
    }
  };
  add(anchors.length, 0);
  return candidates.sort((a, b) => comparePlans(a.terms, b.terms));
}
