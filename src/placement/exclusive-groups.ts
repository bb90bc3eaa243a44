import { nodeDistance } from './exclusive-cost.ts';
import type { CoreGroup, Survey } from './exclusive-survey.ts';
import { type CostScale, type CostTable, combine, NO_CORES, type TableLimits } from './exclusive-table.ts';
import type { Topology } from './topology.ts';

/** How much there is to take, or must be. */
export interface Supply {
  readonly cpus: number;
  /** CPUs that complete whole cores; all CPUs where broken cores don't matter at first (priority `numa`). */
  readonly wholeCpus: number;
}

/** A group with the costs of taking CPUs from it. */
export interface PricedGroup extends CoreGroup {
  /** Position in `Survey.groups`. */
  readonly position: number;
  readonly table: CostTable;
  readonly supply: Supply;
}

/** What is the same for all sets of groups in one search. */
export interface Search {
  readonly topology: Topology;
  readonly siblingsFirst: boolean;
  /** CPUs in the answer. */
  readonly count: number;
  readonly survey: Survey;
  readonly scale: CostScale;
  readonly limits: TableLimits;
  /** What any answer costs at least by broken CPUs, split cores and foreign CPUs, as a multiple of their lowest weight. */
  readonly leastBroken: number;
  /** What a set of groups must supply to have an answer of interest; not all that do have one. */
  readonly demand: Supply;
}

/** A set of groups to choose CPUs from, in the order in which it was built up. Immutable. */
export class GroupSet {
  readonly groups: readonly PricedGroup[];
  readonly supply: Supply;
  /** What every answer that uses these groups, and maybe more, costs at least by the criteria that decide first. */
  readonly bound: readonly number[];

  readonly #search: Search;
  readonly #smaller: GroupSet | undefined;
  readonly #kinds: readonly number[];
  readonly #nodes: readonly number[];
  readonly #packages: readonly number[];
  readonly #sharedLlcs: readonly number[];
  readonly #distance: number;
  #table: CostTable | undefined;

  private constructor(search: Search, smaller?: GroupSet, group?: PricedGroup) {
    this.#search = search;
    this.#smaller = smaller;
    if (smaller === undefined || group === undefined) {
      this.groups = this.#kinds = this.#nodes = this.#packages = this.#sharedLlcs = [];
      this.supply = { cpus: 0, wholeCpus: 0 };
      this.#distance = 0;
    } else {
      this.groups = [...smaller.groups, group];
      this.supply = addSupply(smaller.supply, group.supply);
      this.#kinds = including(smaller.#kinds, group.kind);
      this.#nodes = including(smaller.#nodes, group.node);
      this.#packages = including(smaller.#packages, group.package);
      this.#sharedLlcs =
        group.sharedLlc < 0 ? smaller.#sharedLlcs : including(smaller.#sharedLlcs, group.sharedLlc);
      this.#distance =
        this.#nodes === smaller.#nodes ? smaller.#distance : nodeDistance(search.topology, this.#nodes);
    }
    this.bound = this.#firstCriteria(search.leastBroken);
  }

  static empty(search: Search): GroupSet {
    return new GroupSet(search);
  }

  with(group: PricedGroup): GroupSet {
    return new GroupSet(this.#search, this, group);
  }

  /** As `bound` of the set with that group, or less, without making one: most are only made to be dropped. */
  boundWith(group: PricedGroup): readonly number[] {
    return this.#firstCriteria(this.#search.leastBroken, group);
  }

  /** The cost of the best answer that uses no other groups, lowest ids included; undefined if there is none of interest. */
  cost(): readonly number[] | undefined {
    const { survey, scale, limits, demand } = this.#search;
    const { need } = limits;
    if (!covers(this.supply, demand)) return undefined;
    const { high: highs, low: lows } = this.#table ?? this.#combined(need);
    const high = highs[need] ?? Number.POSITIVE_INFINITY;
    if (high === Number.POSITIVE_INFINITY) return undefined;
    const low = lows[need]!;
    const unspent = Math.floor((low % scale.llcCoresLeft) / scale.unspent);
    return [
      ...this.#firstCriteria(Math.floor(high / scale.foreignCpus)),
      (high % scale.foreignCpus) + this.#sharedLlcs.length * scale.llcs,
      Math.floor(low / scale.llcCoresLeft) + sumAt(survey.freeInLlc, this.#sharedLlcs),
      unspent + sumAt(survey.freeInNode, this.#nodes),
      unspent + sumAt(survey.freeInPackage, this.#packages),
      low % scale.unspent,
      ...this.groups.map((group) => group.position).sort((a, b) => a - b),
    ];
  }

  /** @param added counted as if it were part of the set, except for distances */
  #firstCriteria(broken: number, added?: PricedGroup): readonly number[] {
    const kinds = countWith(this.#kinds, added?.kind);
    const nodes = countWith(this.#nodes, added?.node);
    const packages = countWith(this.#packages, added?.package);
    return this.#search.siblingsFirst
      ? [broken, kinds, nodes, packages, this.#distance]
      : [nodes, packages, this.#distance, broken, kinds];
  }

  #tableOfAll(): CostTable {
    this.#table ??= this.#combined(0);
    return this.#table;
  }

  #combined(from: number): CostTable {
    const last = this.groups.at(-1);
    if (this.#smaller === undefined || last === undefined) return NO_CORES;
    return combine(this.#smaller.#tableOfAll(), last.table, this.#search.limits, from);
  }
}

export function addSupply(a: Supply, b: Supply): Supply {
  return { cpus: a.cpus + b.cpus, wholeCpus: a.wholeCpus + b.wholeCpus };
}

export function covers(supply: Supply, demand: Supply): boolean {
  return supply.cpus >= demand.cpus && supply.wholeCpus >= demand.wholeCpus;
}

function countWith(positions: readonly number[], added: number | undefined): number {
  return positions.length + (added === undefined || positions.includes(added) ? 0 : 1);
}

function including(positions: readonly number[], position: number): readonly number[] {
  return positions.includes(position) ? positions : [...positions, position];
}

function sumAt(values: Int32Array, positions: readonly number[]): number {
  return positions.reduce((sum, position) => sum + values[position]!, 0);
}
