import { Cpuset } from './cpuset.ts';
import type { ExclusiveRequest } from './exclusive-cost.ts';
import { type Area, type Cell, type CellLayout, cellLayoutOf } from './exclusive-layout.ts';
import type { CoreRun, CoreShape } from './exclusive-table.ts';
import { oncePerTopology } from './once-per-topology.ts';
import type { Topology } from './topology.ts';

/** What is to be had of a cell. Immutable: as long as it is the same object, so is what follows from it. */
export interface CacheDomain {
  readonly llc: number;
  /** Whether some of its CPUs are in every answer. */
  readonly isFixed: boolean;
  /** Cores with open CPUs, by shape. */
  readonly runs: readonly CoreRun[];
  /** Wholly free cores. */
  readonly wholeFree: number;
  /** The lowest core with CPUs that are open or fixed; -1 if there is none. */
  readonly firstCore: number;
}

/** What is to be had of an area, which is something. Immutable, as its domains. */
export interface CoreGroup extends Area {
  readonly isFixed: boolean;
  /** Those with CPUs that are open or fixed, in the order of their lowest core; the first one's is the group's. */
  readonly domains: readonly CacheDomain[];
  readonly firstCore: number;
}

/** How many cores there are of a shape, as far as it matters to whole cores. */
export interface ShapeCount {
  readonly shape: CoreShape;
  cores: number;
}

/** What a request finds on the host; positions are those of the topology. */
export interface Survey {
  /** Groups with CPUs that are open or fixed, in the order of their lowest core. */
  readonly groups: readonly CoreGroup[];
  /** All cores with open CPUs. */
  readonly shapes: Iterable<ShapeCount>;
  /** Wholly free cores, by position of the LLC, node or package. */
  readonly freeInLlc: Int32Array;
  readonly freeInNode: Int32Array;
  readonly freeInPackage: Int32Array;
}

/** All that a request says of CPUs. */
type Claims = Readonly<Record<'free' | 'open' | 'fixed' | 'joining' | 'foreign' | 'own', Cpuset>>;

const NO_CLAIMS: Claims = {
  free: Cpuset.EMPTY,
  open: Cpuset.EMPTY,
  fixed: Cpuset.EMPTY,
  joining: Cpuset.EMPTY,
  foreign: Cpuset.EMPTY,
  own: Cpuset.EMPTY,
};

/** Two for each topology, as two kinds of request come in turn: one for CPUs to try first, one for all that are free. */
const surveyorsOf = oncePerTopology((topology) => {
  const layout = cellLayoutOf(topology);
  return [new Surveyor(topology, layout), new Surveyor(topology, layout)] as const;
});

/**
 * Looks at all CPUs. From one request to the next few of them change hands, so only the cells of those are looked at anew:
 * with 1024 CPUs that takes a tenth of the time, and as long as with 64.
 *
 * @param open the CPUs to choose from, part of `request.free`
 * @param fixed the CPUs that are in every answer
 * @returns a survey that is good until the next one of this topology
 */
export function survey(topology: Topology, request: ExclusiveRequest, open: Cpuset, fixed: Cpuset): Survey {
  const { free, taken, held = Cpuset.EMPTY, samePod = Cpuset.EMPTY, joining = Cpuset.EMPTY } = request;
  const claims = { free, open, fixed, joining, foreign: taken.minus(samePod), own: samePod.union(held) };
  const [first, second] = surveyorsOf(topology);
  const changed = first.changed(claims);
  const otherwise = second.changed(claims);
  return changed.size <= otherwise.size ? first.look(claims, changed) : second.look(claims, otherwise);
}

/** Remembers what it saw last. */
class Surveyor {
  readonly #topology: Topology;
  readonly #layout: CellLayout;
  readonly #domains: CacheDomain[];
  readonly #groups: (CoreGroup | undefined)[];
  readonly #shapes = new Map<number, ShapeCount>();
  readonly #freeInLlc: Int32Array;
  readonly #freeInNode: Int32Array;
  readonly #freeInPackage: Int32Array;
  #claims = NO_CLAIMS;

  constructor(topology: Topology, layout: CellLayout) {
    this.#topology = topology;
    this.#layout = layout;
    this.#domains = this.#layout.cells.map((cell) => this.#lookAt(cell));
    this.#groups = this.#layout.areas.map(() => undefined);
    this.#freeInLlc = new Int32Array(topology.llcs.length);
    this.#freeInNode = new Int32Array(topology.nodes.length);
    this.#freeInPackage = new Int32Array(topology.packages.length);
  }

  /** The CPUs of which something else is said than last time. */
  changed(claims: Claims): Cpuset {
    let cpus = Cpuset.EMPTY;
    for (const claim of Object.keys(claims) as (keyof Claims)[]) {
      const [before, now] = [this.#claims[claim], claims[claim]];
      if (before !== now) cpus = cpus.union(before.symmetricDifference(now));
    }
    return cpus;
  }

  /** @param changed what `changed` says of the claims */
  look(claims: Claims, changed: Cpuset): Survey {
    const { cells, areas, cellOf, areaOf } = this.#layout;
    this.#claims = claims;
    const changedCells = new Set<number>();
    for (const cpu of changed) changedCells.add(cellOf[cpu] ?? -1);
    // CPUs that are held may be offline.
    changedCells.delete(-1);
    const changedAreas = new Set<number>();
    for (const cell of changedCells) {
      const area = areaOf[cell]!;
      this.#count(this.#domains[cell]!, areas[area]!, -1);
      this.#domains[cell] = this.#lookAt(cells[cell]!);
      this.#count(this.#domains[cell]!, areas[area]!, 1);
      changedAreas.add(area);
    }
    for (const area of changedAreas) this.#groups[area] = this.#groupOf(areas[area]!);
    const groups = this.#groups.filter((group) => group !== undefined);
    return {
      groups: groups.sort((a, b) => a.firstCore - b.firstCore),
      shapes: this.#shapes.values(),
      freeInLlc: this.#freeInLlc,
      freeInNode: this.#freeInNode,
      freeInPackage: this.#freeInPackage,
    };
  }

  #lookAt({ llc, cores }: Cell): CacheDomain {
    const runs = new Map<number, { readonly shape: CoreShape; readonly cores: number[] }>();
    let isFixed = false;
    let wholeFree = 0;
    let firstCore = -1;
    for (const position of cores) {
      const shape = this.#shapeOf(position);
      if (shape.wholeFree) wholeFree++;
      if (shape.fixed > 0) isFixed = true;
      if (shape.open === 0 && shape.fixed === 0) continue;
      if (firstCore < 0) firstCore = position;
      if (shape.open === 0) continue;
      const key = shapeKey(shape);
      const run = runs.get(key);
      if (run === undefined) runs.set(key, { shape, cores: [position] });
      else run.cores.push(position);
    }
    return { llc, isFixed, runs: [...runs.values()], wholeFree, firstCore };
  }

  #shapeOf(position: number): CoreShape {
    const { free, open, fixed, joining, foreign, own } = this.#claims;
    const cpus = this.#layout.cpusOf[position]!;
    const count = { free: 0, open: 0, fixed: 0, joining: 0 };
    let neighbour: CoreShape['neighbour'] = 'none';
    for (const cpu of cpus) {
      if (free.has(cpu)) count.free++;
      if (fixed.has(cpu)) count.fixed++;
      if (open.has(cpu)) {
        count.open++;
        if (joining.has(cpu)) count.joining++;
      }
      if (foreign.has(cpu)) neighbour = 'foreign';
      else if (neighbour === 'none' && own.has(cpu)) neighbour = 'own';
    }
    return {
      size: cpus.length,
      fixed: count.fixed,
      open: count.open,
      joining: count.joining,
      neighbour,
      wholeFree: count.free === cpus.length && count.fixed === 0,
      isCpu0: position === this.#topology.coreOf[0],
    };
  }

  #groupOf(area: Area): CoreGroup | undefined {
    const domains = area.cells
      .map((cell) => this.#domains[cell]!)
      .filter(({ firstCore }) => firstCore >= 0)
      .sort((a, b) => a.firstCore - b.firstCore);
    if (domains.length === 0) return undefined;
    const isFixed = domains.some((domain) => domain.isFixed);
    return { ...area, isFixed, domains, firstCore: domains[0]!.firstCore };
  }

  /** Adds the cores of a domain to the counts, or takes them out (`sign` -1). */
  #count({ llc, runs, wholeFree }: CacheDomain, area: Area, sign: number): void {
    this.#freeInLlc[llc]! += sign * wholeFree;
    this.#freeInNode[area.node]! += sign * wholeFree;
    this.#freeInPackage[area.package]! += sign * wholeFree;
    for (const { shape, cores } of runs) {
      const key = plainKey(shape);
      let count = this.#shapes.get(key);
      if (count === undefined) {
        count = { shape: { ...shape, joining: 0, wholeFree: false, isCpu0: false }, cores: 0 };
        this.#shapes.set(key, count);
      }
      count.cores += sign * cores.length;
      if (count.cores === 0) this.#shapes.delete(key);
    }
  }
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
