import { oncePerTopology } from './once-per-topology.ts';
import type { Topology } from './topology.ts';

/** Items grouped by a key: those of group `g` are `items[start[g]]` up to but not including `items[start[g + 1]]`. */
export interface Groups {
  readonly start: Int32Array;
  readonly items: Int32Array;
}

/**
 * A topology as arrays of numbers, for searches that look at many placements. A *cell* is the cores that share both node
 * and last-level cache: inside a cell only the state of a core matters, not which one it is.
 */
export interface CoreLayout {
  readonly coreCount: number;
  readonly cellCount: number;
  readonly nodeCount: number;
  readonly llcCount: number;
  /** By core: its online CPUs, and how many they are. */
  readonly cpus: Groups;
  readonly coreSize: Int32Array;
  readonly smallestCore: number;
  readonly largestCore: number;
  /** By core, and by cell: where it belongs. */
  readonly cellOf: Int32Array;
  readonly cellNode: Int32Array;
  readonly cellLlc: Int32Array;
  /** By cell: its cores; by node: its cells. */
  readonly cores: Groups;
  readonly cells: Groups;
}

/**
 * The arrays of `topology`, made once for it: a quarter of the time that the first plan takes on 1024 CPUs. A core is
 * counted to the node and cache of its lowest CPU.
 */
export const coreLayoutOf = oncePerTopology(createCoreLayout);

function createCoreLayout(topology: Topology): CoreLayout {
  const coreCount = topology.cores.length;
  const nodeCount = topology.nodes.length;
  const llcCount = topology.llcs.length;
  const cpus = groupBy(topology.coreOf, coreCount);
  const coreSize = new Int32Array(coreCount);
  const cellOf = new Int32Array(coreCount);
  const cellNode: number[] = [];
  const cellLlc: number[] = [];
  const known = new Map<number, number>();
  for (let core = 0; core < coreCount; core++) {
    const begin = cpus.start[core]!;
    coreSize[core] = cpus.start[core + 1]! - begin;
    const node = topology.nodeOf[cpus.items[begin]!]!;
    const llc = topology.llcOf[cpus.items[begin]!]!;
    let cell = known.get(node * llcCount + llc);
    if (cell === undefined) {
      cell = known.size;
      known.set(node * llcCount + llc, cell);
      cellNode.push(node);
      cellLlc.push(llc);
    }
    cellOf[core] = cell;
  }
  return {
    coreCount,
    cellCount: known.size,
    nodeCount,
    llcCount,
    cpus,
    coreSize,
    smallestCore: coreSize.reduce((a, b) => Math.min(a, b), topology.online.size),
    largestCore: coreSize.reduce((a, b) => Math.max(a, b), 0),
    cellOf,
    cellNode: Int32Array.from(cellNode),
    cellLlc: Int32Array.from(cellLlc),
    cores: groupBy(cellOf, known.size),
    cells: groupBy(Int32Array.from(cellNode), nodeCount),
  };
}

/** Groups 0, 1, 2, … by the group each is in; what is in group -1 is left out. */
function groupBy(groupOf: Int32Array, count: number): Groups {
  const start = new Int32Array(count + 1);
  for (const group of groupOf) if (group >= 0) start[group + 1]!++;
  for (let group = 0; group < count; group++) start[group + 1]! += start[group]!;
  const items = new Int32Array(start[count]!);
  const next = start.slice();
  for (let item = 0; item < groupOf.length; item++) {
    const group = groupOf[item]!;
    if (group >= 0) items[next[group]!++] = item;
  }
  return { start, items };
}
