import { type Assignment, FREE } from './assignment.ts';
import { hasBit } from './bits.ts';
import type { Groups } from './core-layout.ts';

/** More CPUs than a cell has, and more than a core has: keep the parts of a rank apart. */
const CELL = 1 << 14;
const CORE = 1 << 5;
const UNLIMITED = Number.POSITIVE_INFINITY;

/**
 * Places one victim at a time as well as the free CPUs allow, in the order of `PlanCost`: what it can keep, cores that
 * become whole by it, whole cores of its own nodes, what else is there, and only then other nodes.
 */
export class Greedy {
  readonly #assignment: Assignment;
  /** By core, node and cache: CPUs the victim being placed holds there. All zero between placements. */
  readonly #inCore: Int32Array;
  readonly #onNode: Int32Array;
  readonly #inLlc: Int32Array;
  /** By cell: CPUs in cores that are wholly free for the victim and not larger than what it is missing. */
  readonly #wholeIn: Int32Array;
  #victim = -1;
  /** Whole cores the victim holds, or held when it was filled last. */
  #whole = 0;
  #turn = 0;

  constructor(assignment: Assignment) {
    const { layout } = assignment.instance;
    this.#assignment = assignment;
    this.#inCore = new Int32Array(layout.coreCount);
    this.#onNode = new Int32Array(layout.nodeCount);
    this.#inLlc = new Int32Array(layout.llcCount);
    this.#wholeIn = new Int32Array(layout.cellCount);
  }

  /** Gives a victim all that it is missing, and settles it. False if not enough is free for it; it then has all there is. */
  complete(victim: number): boolean {
    this.#victim = victim;
    return this.#fill([]);
  }

  /**
   * The same for a victim that was released. Of what it held before it gives up no more than makes cores whole again.
   *
   * @param turn where to begin among cells and cores that are equally good
   */
  place(victim: number, turn: number): boolean {
    const { homes, leftovers } = this.#assignment.instance;
    this.#victim = victim;
    this.#turn = turn;
    const keeping = (givenUp: number) => [homes[victim]!, ...leftovers[victim]!.slice(givenUp)].flat();
    // How many cores become whole depends on what is free, but never falls with what is given up.
    let least = 0;
    let most = leftovers[victim]!.length;
    if (most === 0) return this.#fill(homes[victim]!);
    this.#fill(keeping(most));
    const unavoidable = Math.max(0, this.#missingCores());
    while (least < most) {
      const middle = (least + most) >> 1;
      this.#assignment.release(victim);
      this.#fill(keeping(middle));
      if (this.#missingCores() <= unavoidable) most = middle;
      else least = middle + 1;
    }
    this.#assignment.release(victim);
    return this.#fill(keeping(least));
  }

  #fill(kept: readonly number[]): boolean {
    this.#whole = 0;
    this.#countAll(1);
    for (const cpu of kept) this.#holdIfFree(cpu);

    this.#completeCores();
    this.#takeWholeCores(1, UNLIMITED);
    this.#takeWholeCores(0, this.#missingCores());
    this.#takeRest(1);
    this.#takeWholeCores(0, UNLIMITED);
    this.#takeRest(0);

    this.#countAll(-1);
    this.#assignment.settle(this.#victim);
    return this.#assignment.missing(this.#victim) === 0;
  }

  /** Whole cores that the victim held before and has none for yet. */
  #missingCores(): number {
    const { leftovers, untouched } = this.#assignment.instance;
    return leftovers[this.#victim]!.length + untouched[this.#victim]! - this.#whole;
  }

  /** Takes what makes a core whole that the victim holds a part of; the cheapest first. */
  #completeCores(): void {
    const assignment = this.#assignment;
    const { layout, topology } = assignment.instance;
    for (let lacking = 1; lacking < layout.largestCore; lacking++) {
      for (let i = 0; i < assignment.held(this.#victim); i++) {
        if (assignment.missing(this.#victim) < lacking) return;
        const core = topology.coreOf[assignment.cpuAt(this.#victim, i)]!;
        if (layout.coreSize[core]! - this.#inCore[core]! !== lacking) continue;
        if (this.#freeIn(core) === lacking) this.#holdFrom(core, lacking);
      }
    }
  }

  /** Takes at most `limit` wholly free cores from the victim's own nodes (`own` 1) or from others (0). */
  #takeWholeCores(own: number, limit: number): void {
    const { cores, coreSize, largestCore } = this.#assignment.instance.layout;
    let left = limit;
    while (left > 0) {
      const cell = this.#bestCell(own);
      if (cell < 0) return;
      for (let size = largestCore; size > 0; size--) {
        const count = countOf(cores, cell);
        for (let i = 0; i < count && left > 0; i++) {
          const core = this.#nth(cores, cell, i);
          if (coreSize[core] !== size || !this.#isWholeAndFits(core)) continue;
          this.#holdFrom(core, size);
          left--;
        }
      }
    }
  }

  /** The cell to take whole cores from: the fullest one that has enough, or else the one that has most. */
  #bestCell(own: number): number {
    const { instance } = this.#assignment;
    const { layout, wasOn } = instance;
    const missing = this.#assignment.missing(this.#victim);
    if (missing < layout.smallestCore) return -1;
    const enough = missing - layout.largestCore + 1;
    let best = -1;
    let bestRank = Number.POSITIVE_INFINITY;
    for (let node = 0; node < layout.nodeCount; node++) {
      if (wasOn[this.#victim * layout.nodeCount + node] !== own) continue;
      const onNode = this.#countWhole(node);
      if (onNode === 0) continue;
      const nodeRank = this.#onNode[node]! > 0 ? 0 : onNode >= enough ? 1 : 2;
      const count = countOf(layout.cells, node);
      for (let i = 0; i < count; i++) {
        const cell = this.#nth(layout.cells, node, i);
        const cpus = this.#wholeIn[cell]!;
        if (cpus === 0) continue;
        const llcRank = this.#inLlc[layout.cellLlc[cell]!]! > 0 ? 0 : 1;
        const sizeRank = cpus >= enough ? cpus : CELL + CELL - cpus;
        const rank = (nodeRank * 2 + llcRank) * 2 * CELL + sizeRank;
        if (rank < bestRank) {
          best = cell;
          bestRank = rank;
        }
      }
    }
    return best;
  }

  /** Counts what can be taken as whole cores in each cell of a node; returns the sum. */
  #countWhole(node: number): number {
    const { layout } = this.#assignment.instance;
    let total = 0;
    for (let i = layout.cells.start[node]!; i < layout.cells.start[node + 1]!; i++) {
      const cell = layout.cells.items[i]!;
      this.#wholeIn[cell] = this.#countWholeInCell(cell);
      total += this.#wholeIn[cell]!;
    }
    return total;
  }

  #countWholeInCell(cell: number): number {
    const { instance, wholeInCell } = this.#assignment;
    const { layout, restricted } = instance;
    const allFit = layout.largestCore <= this.#assignment.missing(this.#victim);
    if (wholeInCell[cell] === 0 || (allFit && restricted[this.#victim] === 0)) return wholeInCell[cell]!;
    let cpus = 0;
    for (let i = layout.cores.start[cell]!; i < layout.cores.start[cell + 1]!; i++) {
      const core = layout.cores.items[i]!;
      if (this.#isWholeAndFits(core)) cpus += layout.coreSize[core]!;
    }
    return cpus;
  }

  /** Takes CPUs of cores that stay broken, as few of those as can be, and rather orphans than parts of whole cores. */
  #takeRest(own: number): void {
    for (;;) {
      const missing = this.#assignment.missing(this.#victim);
      const core = missing === 0 ? -1 : this.#bestCore(own, missing);
      if (core < 0) return;
      this.#holdFrom(core, Math.min(this.#freeIn(core), missing));
    }
  }

  #bestCore(own: number, missing: number): number {
    const { instance, freeInCell, wholeInCell, freeInCore } = this.#assignment;
    const { layout, wasOn } = instance;
    let best = -1;
    let bestRank = Number.POSITIVE_INFINITY;
    for (let node = 0; node < layout.nodeCount; node++) {
      if (wasOn[this.#victim * layout.nodeCount + node] !== own) continue;
      const nodeRank = this.#onNode[node]! > 0 ? 0 : 1;
      const cells = countOf(layout.cells, node);
      for (let i = 0; i < cells; i++) {
        const cell = this.#nth(layout.cells, node, i);
        if (freeInCell[cell] === 0) continue;
        const llcRank = this.#inLlc[layout.cellLlc[cell]!]! > 0 ? 0 : 1;
        // A cell none of whose cores can rank better is not looked into.
        const most = Math.min(missing, wholeInCell[cell] === 0 ? layout.largestCore - 1 : layout.largestCore);
        const waste = freeInCell[cell] === wholeInCell[cell] ? 1 : 0;
        if (rankRest(llcRank, most, nodeRank, llcRank, waste, 1) >= bestRank) continue;
        const cores = countOf(layout.cores, cell);
        for (let j = 0; j < cores; j++) {
          const core = this.#nth(layout.cores, cell, j);
          const free = this.#freeIn(core);
          if (free === 0) continue;
          const brokenRank = this.#inCore[core]! > 0 ? 0 : 1;
          const wasteRank = freeInCore[core] === layout.coreSize[core] ? 1 : 0;
          const rank = rankRest(brokenRank, Math.min(free, missing), nodeRank, llcRank, wasteRank, free);
          if (rank < bestRank) {
            best = core;
            bestRank = rank;
          }
        }
      }
    }
    return best;
  }

  #isWholeAndFits(core: number): boolean {
    const size = this.#assignment.instance.layout.coreSize[core]!;
    return (
      this.#assignment.freeInCore[core] === size &&
      size <= this.#assignment.missing(this.#victim) &&
      this.#freeIn(core) === size
    );
  }

  /** CPUs of the core that the victim can take. */
  #freeIn(core: number): number {
    const { instance, freeInCore, owner } = this.#assignment;
    const free = freeInCore[core]!;
    if (free === 0 || instance.restricted[this.#victim] === 0) return free;
    const { start, items } = instance.layout.cpus;
    const allowed = instance.allowed[this.#victim]!;
    let count = 0;
    for (let i = start[core]!; i < start[core + 1]!; i++) {
      if (owner[items[i]!] === FREE && hasBit(allowed, items[i]!)) count++;
    }
    return count;
  }

  #holdFrom(core: number, count: number): void {
    const { start, items } = this.#assignment.instance.layout.cpus;
    let left = count;
    for (let i = start[core]!; left > 0; i++) if (this.#holdIfFree(items[i]!)) left--;
  }

  #holdIfFree(cpu: number): boolean {
    const { owner, instance } = this.#assignment;
    if (
      owner[cpu] !== FREE ||
      this.#assignment.missing(this.#victim) === 0 ||
      !hasBit(instance.allowed[this.#victim]!, cpu)
    )
      return false;
    this.#assignment.give(this.#victim, cpu);
    this.#count(cpu, 1);
    return true;
  }

  #countAll(by: number): void {
    const held = this.#assignment.held(this.#victim);
    for (let i = 0; i < held; i++) this.#count(this.#assignment.cpuAt(this.#victim, i), by);
  }

  #count(cpu: number, by: number): void {
    const { topology, layout } = this.#assignment.instance;
    const core = topology.coreOf[cpu]!;
    this.#inCore[core]! += by;
    this.#onNode[topology.nodeOf[cpu]!]! += by;
    this.#inLlc[topology.llcOf[cpu]!]! += by;
    if (by > 0 && this.#inCore[core] === layout.coreSize[core]) this.#whole++;
  }

  #nth(groups: Groups, group: number, i: number): number {
    const begin = groups.start[group]!;
    return groups.items[begin + ((i + this.#turn) % (groups.start[group + 1]! - begin))]!;
  }
}

function countOf(groups: Groups, group: number): number {
  return groups.start[group + 1]! - groups.start[group]!;
}

/** One number for what counts, in this order; `taken` and `free` are CPUs of a core, the others 0 or 1. */
function rankRest(
  broken: number,
  taken: number,
  node: number,
  llc: number,
  waste: number,
  free: number,
): number {
  return (broken * CORE + CORE - taken) * 8 * CORE + (node * 4 + llc * 2 + waste) * CORE + free;
}
