import { CostMeter, FRAGMENTED, VICTIM_TERMS } from './cost-meter.ts';
import { Cpuset } from './cpuset.ts';
import type { Holdings } from './matching.ts';
import type { Move, Plan, PlanCost } from './plan.ts';
import type { Instance } from './reassign-instance.ts';

/** Owner of a CPU that no victim holds. */
export const FREE = -1;
const UNUSABLE = -2;

/**
 * Who holds which CPU while a plan is made, and what that costs. It is a plan once no victim misses a CPU. Free CPUs are
 * counted at every step; a victim's part of the cost is brought up to date by `settle`.
 */
export class Assignment implements Holdings {
  readonly instance: Instance;
  /** By CPU: the victim that holds it, `FREE`, or another negative number if no victim can have it. */
  readonly owner: Int32Array;
  /** By core: CPUs that are free. */
  readonly freeInCore: Int32Array;
  /** By cell: CPUs that are free, and how many of them are in cores that are wholly free. */
  readonly freeInCell: Int32Array;
  readonly wholeInCell: Int32Array;
  /** The terms of `PlanCost`. */
  readonly cost = new Int32Array(FRAGMENTED + 1);
  /** Pool CPUs that victims hold. */
  pooledHeld = 0;
  /** The CPUs of victim `v` are those from `instance.start[v]` on, `#held[v]` of them. */
  readonly #slots: Int32Array;
  readonly #held: Int32Array;
  readonly #slotOf: Int32Array;
  /** By victim: its terms when it was settled last. */
  readonly #terms: Int32Array;
  readonly #fresh = new Int32Array(VICTIM_TERMS);
  readonly #meter: CostMeter;

  /** Every victim holds its homes, without those left over. */
  constructor(instance: Instance) {
    const { layout, usable, topology, homes, demand, totalDemand } = instance;
    const size = topology.maxCpuId + 1;
    this.instance = instance;
    this.owner = new Int32Array(size).fill(UNUSABLE);
    this.freeInCore = new Int32Array(layout.coreCount);
    this.freeInCell = new Int32Array(layout.cellCount);
    this.wholeInCell = new Int32Array(layout.cellCount);
    this.#slots = new Int32Array(totalDemand);
    this.#held = new Int32Array(demand.length);
    this.#slotOf = new Int32Array(size);
    this.#terms = new Int32Array(demand.length * VICTIM_TERMS);
    this.#meter = new CostMeter(instance);
    for (const cpu of usable) {
      this.owner[cpu] = FREE;
      this.#changeFree(cpu, 1);
    }
    homes.forEach((cpus, victim) => {
      for (const cpu of cpus) this.give(victim, cpu);
    });
  }

  missing(victim: number): number {
    return this.instance.demand[victim]! - this.#held[victim]!;
  }

  /** How many CPUs the victim holds, and which one is the `i`th of them. */
  held(victim: number): number {
    return this.#held[victim]!;
  }

  cpuAt(victim: number, i: number): number {
    return this.#slots[this.instance.start[victim]! + i]!;
  }

  /** A copy of what the victim holds. */
  cpusOf(victim: number): Int32Array {
    const begin = this.instance.start[victim]!;
    return this.#slots.slice(begin, begin + this.#held[victim]!);
  }

  /** Lets the victim, which is missing some, hold a CPU that is free. */
  give(victim: number, cpu: number): void {
    const slot = this.instance.start[victim]! + this.#held[victim]!++;
    this.#slots[slot] = cpu;
    this.#slotOf[cpu] = slot;
    this.owner[cpu] = victim;
    this.pooledHeld += this.instance.pooled[cpu]!;
    this.#changeFree(cpu, -1);
  }

  /** Frees a CPU that some victim holds. */
  take(cpu: number): void {
    const victim = this.owner[cpu]!;
    const slot = this.#slotOf[cpu]!;
    const last = this.#slots[this.instance.start[victim]! + --this.#held[victim]!]!;
    this.#slots[slot] = last;
    this.#slotOf[last] = slot;
    this.owner[cpu] = FREE;
    this.pooledHeld -= this.instance.pooled[cpu]!;
    this.#changeFree(cpu, 1);
  }

  /** Frees all CPUs of a victim that are not anchored. */
  release(victim: number): void {
    const begin = this.instance.start[victim]!;
    for (let slot = begin + this.#held[victim]! - 1; slot >= begin; slot--) {
      const cpu = this.#slots[slot]!;
      if (this.instance.anchored[cpu] === 0) this.take(cpu);
    }
  }

  /** Gives a victim that was released all of `cpus`, and settles it. */
  restore(victim: number, cpus: Iterable<number>): void {
    for (const cpu of cpus) if (this.owner[cpu] === FREE) this.give(victim, cpu);
    this.settle(victim);
  }

  /** Brings `cost` up to date with what the victim holds. */
  settle(victim: number): void {
    const begin = this.instance.start[victim]!;
    this.#meter.measure(victim, this.#slots, begin, begin + this.#held[victim]!, this.#fresh);
    const base = victim * VICTIM_TERMS;
    for (let term = 0; term < VICTIM_TERMS; term++) {
      this.cost[term]! += this.#fresh[term]! - this.#terms[base + term]!;
      this.#terms[base + term] = this.#fresh[term]!;
    }
  }

  /** One term of a victim's cost when it was settled last. */
  term(victim: number, term: number): number {
    return this.#terms[victim * VICTIM_TERMS + term]!;
  }

  /** The plan that this is. */
  toPlan(): Plan {
    const moves = this.instance.request.victims.map(
      ({ id, cpus }, victim): Move => ({ id, from: cpus, to: Cpuset.from([...this.cpusOf(victim)]) }),
    );
    return { moves, cost: this.planCost };
  }

  /** What the plan that this is costs. */
  get planCost(): PlanCost {
    const [stranded, changed, remote, broken, nodes, llcs, fragmented] = this.cost;
    return [stranded!, changed!, remote!, broken!, nodes!, llcs!, fragmented!];
  }

  #changeFree(cpu: number, by: number): void {
    const core = this.instance.topology.coreOf[cpu]!;
    this.#countFree(core, -1);
    this.freeInCore[core]! += by;
    this.#countFree(core, 1);
  }

  /** Adds the free CPUs of a core to the sums, or takes them out (`sign` -1). */
  #countFree(core: number, sign: number): void {
    const { coreSize, cellOf } = this.instance.layout;
    const free = this.freeInCore[core]! * sign;
    this.freeInCell[cellOf[core]!]! += free;
    if (this.freeInCore[core] === coreSize[core]) this.wholeInCell[cellOf[core]!]! += free;
    else this.cost[FRAGMENTED]! += free;
  }
}

/** The assignment that a plan is: what each victim holds in it. Anchors, if there are any, are where the plan has them. */
export function assign(instance: Instance, placements: readonly Iterable<number>[]): Assignment {
  const assignment = new Assignment(instance);
  for (let victim = 0; victim < placements.length; victim++) assignment.release(victim);
  placements.forEach((cpus, victim) => {
    assignment.restore(victim, cpus);
  });
  return assignment;
}
