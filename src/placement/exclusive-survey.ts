import { Cpuset } from './cpuset.ts';
import type { ExclusiveRequest } from './exclusive-cost.ts';
import type { CoreRun, CoreShape } from './exclusive-table.ts';
import type { Topology } from './topology.ts';

/** The cores of one group that share an LLC. */
export interface CacheDomain {
  readonly llc: number;
  /** Whether some of its CPUs are in every answer. */
  readonly isFixed: boolean;
  readonly runs: readonly CoreRun[];
}

/**
 * Cores that are alike in all that is not a sum over cores or LLCs: same kind, node and package. On most hosts a group is a
 * NUMA node. Where an LLC reaches over several such groups (one L3 for two nodes, say) its part of each is a group of its own.
 */
export interface CoreGroup {
  readonly kind: number;
  readonly node: number;
  readonly package: number;
  /** The LLC if it reaches into other groups, else -1. */
  readonly sharedLlc: number;
  readonly isFixed: boolean;
  readonly domains: readonly CacheDomain[];
}

/** What a request finds on the host; positions are those of the topology. */
export interface Survey {
  /** Groups with CPUs that are open or fixed, in the order of their lowest core. */
  readonly groups: readonly CoreGroup[];
  /** All cores with open CPUs, by what matters of their shape to whole cores. */
  readonly runs: readonly CoreRun[];
  /** Wholly free cores, by position of the LLC, node or package. */
  readonly freeInLlc: Int32Array;
  readonly freeInNode: Int32Array;
  readonly freeInPackage: Int32Array;
}

interface Core {
  readonly position: number;
  readonly shape: CoreShape;
}

/** The cores of one kind, node, package and LLC. */
interface Cell {
  /** Any of their CPUs. */
  readonly cpu: number;
  readonly area: number;
  readonly llc: number;
  readonly cores: Core[];
}

/**
 * Looks once at all CPUs.
 *
 * @param open the CPUs to choose from, part of `request.free`
 * @param fixed the CPUs that are in every answer
 */
export function survey(topology: Topology, request: ExclusiveRequest, open: Cpuset, fixed: Cpuset): Survey {
  const { free, taken, held = Cpuset.EMPTY, samePod = Cpuset.EMPTY, joining = Cpuset.EMPTY } = request;
  const { kindOf, llcOf, nodeOf, packageOf, coreOf } = topology;
  const foreign = taken.minus(samePod);
  const own = samePod.union(held);
  const freeInCore = new Int32Array(topology.cores.length);
  for (const cpu of free) freeInCore[coreOf[cpu]!]!++;

  const freeInLlc = new Int32Array(topology.llcs.length);
  const freeInNode = new Int32Array(topology.nodes.length);
  const freeInPackage = new Int32Array(topology.packages.length);
  const cells = new Map<number, Cell>();
  topology.cores.forEach((core, position) => {
    const fixedCpus = core.countCommon(fixed);
    if (freeInCore[position] === 0 && fixedCpus === 0) return;
    const { size, first: cpu } = core;
    const llc = llcOf[cpu]!;
    const wholeFree = freeInCore[position] === size && fixedCpus === 0;
    if (wholeFree) {
      freeInLlc[llc]!++;
      freeInNode[nodeOf[cpu]!]!++;
      freeInPackage[packageOf[cpu]!]!++;
    }
    const openCpus = open === free ? freeInCore[position]! : core.countCommon(open);
    if (openCpus === 0 && fixedCpus === 0) return;
    const shape: CoreShape = {
      size,
      fixed: fixedCpus,
      open: openCpus,
      joining: joining.isEmpty ? 0 : core.intersect(open).countCommon(joining),
      neighbour: core.intersects(foreign) ? 'foreign' : core.intersects(own) ? 'own' : 'none',
      wholeFree,
      isCpu0: position === coreOf[0],
    };
    const area =
      (kindOf[cpu]! * topology.nodes.length + nodeOf[cpu]!) * topology.packages.length + packageOf[cpu]!;
    const key = area * topology.llcs.length + llc;
    const cell = cells.get(key);
    if (cell === undefined) cells.set(key, { cpu, area, llc, cores: [{ position, shape }] });
    else cell.cores.push({ position, shape });
  });
  const groups = groupsOf(topology, [...cells.values()]);
  return { groups, runs: plainRuns(groups), freeInLlc, freeInNode, freeInPackage };
}

function groupsOf(topology: Topology, cells: readonly Cell[]): readonly CoreGroup[] {
  const cellsOfLlc = new Int32Array(topology.llcs.length);
  for (const cell of cells) cellsOfLlc[cell.llc]!++;
  const sharedLlcOf = (cell: Cell) => (cellsOfLlc[cell.llc]! > 1 ? cell.llc : -1);
  const members = groupBy(cells, (cell) => cell.area * (topology.llcs.length + 1) + sharedLlcOf(cell) + 1);
  return members.map((alike) => {
    const any = alike[0]!;
    const domains = alike.map(({ llc, cores }) => ({
      llc,
      isFixed: cores.some((core) => core.shape.fixed > 0),
      runs: runsOf(cores),
    }));
    return {
      kind: topology.kindOf[any.cpu]!,
      node: topology.nodeOf[any.cpu]!,
      package: topology.packageOf[any.cpu]!,
      sharedLlc: sharedLlcOf(any),
      isFixed: domains.some((domain) => domain.isFixed),
      domains,
    };
  });
}

/** Cores with open CPUs, by shape. */
function runsOf(cores: readonly Core[]): readonly CoreRun[] {
  const withOpen = cores.filter((core) => core.shape.open > 0);
  return groupBy(withOpen, (core) => shapeKey(core.shape)).map((alike) => ({
    shape: alike[0]!.shape,
    cores: alike.map((core) => core.position),
  }));
}

/** All runs, those together that differ by nothing that matters to whole cores. */
function plainRuns(groups: readonly CoreGroup[]): readonly CoreRun[] {
  const runs = new Map<number, { shape: CoreShape; cores: number[] }>();
  for (const { domains } of groups) {
    for (const run of domains.flatMap((domain) => domain.runs)) {
      const key = plainKey(run.shape);
      const shape = { ...run.shape, joining: 0, wholeFree: false, isCpu0: false };
      if (!runs.has(key)) runs.set(key, { shape, cores: [] });
      runs.get(key)!.cores.push(...run.cores);
    }
  }
  return [...runs.values()];
}

/** A number that equal shapes share. */
function shapeKey(shape: CoreShape): number {
  return ((plainKey(shape) * RADIX + shape.joining) * 2 + Number(shape.wholeFree)) * 2 + Number(shape.isCpu0);
}

/** A number that shapes share which are equal in what matters to whole cores. */
function plainKey({ size, fixed, open, neighbour }: CoreShape): number {
  const owner = neighbour === 'foreign' ? 2 : neighbour === 'own' ? 1 : 0;
  return ((size * RADIX + fixed) * RADIX + open) * 3 + owner;
}

/** More than the CPUs of any core. */
const RADIX = 1024;

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => number): readonly (readonly Item[])[] {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}
