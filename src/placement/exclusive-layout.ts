import { oncePerTopology } from './once-per-topology.ts';
import type { Topology } from './topology.ts';

/** The cores of one kind, node, package and LLC: inside it only the state of a core matters, not which one it is. */
export interface Cell {
  readonly llc: number;
  /** Positions in the topology, ascending. */
  readonly cores: readonly number[];
}

/**
 * Cells that are alike in all that is not a sum over cores or LLCs: same kind, node and package. On most hosts an area is a
 * NUMA node. Where an LLC reaches over several areas (one L3 for two nodes, say) its part of each is an area of its own.
 */
export interface Area {
  readonly kind: number;
  readonly node: number;
  readonly package: number;
  /** The LLC if it reaches into other areas, else -1. */
  readonly sharedLlc: number;
  /** Positions in `CellLayout.cells`. */
  readonly cells: readonly number[];
}

/** A topology cut into cells and areas. */
export interface CellLayout {
  readonly cells: readonly Cell[];
  readonly areas: readonly Area[];
  /** By CPU: its cell; -1 for CPUs that are not online. */
  readonly cellOf: Int32Array;
  /** By cell. */
  readonly areaOf: Int32Array;
  /** By core: its CPUs. */
  readonly cpusOf: readonly (readonly number[])[];
}

/** The layout of a topology. */
export const cellLayoutOf = oncePerTopology(createCellLayout);

function createCellLayout(topology: Topology): CellLayout {
  const { cores, kindOf, llcOf, nodeOf, packageOf } = topology;
  // A core is counted to the domains of its lowest CPU.
  const placeOf = ({ first }: { readonly first: number }) => [
    kindOf[first]!,
    nodeOf[first]!,
    packageOf[first]!,
    llcOf[first]!,
  ];
  const coresOfCells = groupPositions(cores, (core) => placeOf(core).join());
  const places = coresOfCells.map(([core]) => placeOf(cores[core!]!));
  const cellsOfLlc = new Map<number, number>();
  for (const [, , , llc] of places) cellsOfLlc.set(llc!, (cellsOfLlc.get(llc!) ?? 0) + 1);
  const sharedLlcOf = (llc: number) => (cellsOfLlc.get(llc)! > 1 ? llc : -1);
  const cellsOfAreas = groupPositions(places, ([kind, node, pkg, llc]) =>
    [kind, node, pkg, sharedLlcOf(llc!)].join(),
  );

  const cellOf = new Int32Array(topology.maxCpuId + 1).fill(-1);
  const areaOf = new Int32Array(coresOfCells.length);
  coresOfCells.forEach((positions, cell) => {
    for (const position of positions) for (const cpu of cores[position]!) cellOf[cpu] = cell;
  });
  cellsOfAreas.forEach((cells, area) => {
    for (const cell of cells) areaOf[cell] = area;
  });
  return {
    cells: coresOfCells.map((positions, cell) => ({ llc: places[cell]![3]!, cores: positions })),
    areas: cellsOfAreas.map((cells) => {
      const [kind, node, pkg, llc] = places[cells[0]!]!;
      return { kind: kind!, node: node!, package: pkg!, sharedLlc: sharedLlcOf(llc!), cells };
    }),
    cellOf,
    areaOf,
    cpusOf: cores.map((core) => core.toArray()),
  };
}

/** The positions of items with the same key, in the order in which the keys come. */
function groupPositions<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
): readonly (readonly number[])[] {
  const groups = new Map<string, number[]>();
  items.forEach((item, position) => {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [position]);
    else group.push(position);
  });
  return [...groups.values()];
}
