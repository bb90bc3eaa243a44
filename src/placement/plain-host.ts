import { Cpuset } from './cpuset.ts';
import { cellLayoutOf } from './exclusive-layout.ts';
import { oncePerTopology } from './once-per-topology.ts';
import type { Topology } from './topology.ts';

/** The CPUs of a core; on a host without SMT both are the same. */
export interface Siblings {
  readonly lower: number;
  readonly higher: number;
  /** Position in `PlainHost.cells`. */
  readonly cell: number;
}

/** A cell (see `Cell`) of a plain host. */
export interface PlainCell {
  readonly llc: number;
  readonly node: number;
  readonly package: number;
  /** Ascending by their lower CPUs. */
  readonly cores: readonly Siblings[];
}

/** A host on which all cores have one CPU, or all have two, and none is in two domains of a kind. */
export interface PlainHost {
  readonly threads: number;
  readonly cells: readonly PlainCell[];
  /** Positions of the cells of each node, apart by kind of core and package. */
  readonly neighbourhoods: readonly (readonly number[])[];
  /** The core of CPU 0, which is best spared. */
  readonly cpu0: Siblings | undefined;
  /** By CPU. */
  readonly siblingsOf: readonly Siblings[];
}

/** The host that a topology describes; undefined if it is not plain. */
export const plainHostOf = oncePerTopology((topology: Topology): PlainHost | undefined => {
  const { cells, areas, areaOf, cpusOf } = cellLayoutOf(topology);
  const threads = cpusOf[0]?.length ?? 0;
  const domains = [topology.kindOf, topology.llcOf, topology.nodeOf, topology.packageOf];
  const isPlain = (cpus: readonly number[]): boolean =>
    cpus.length === threads && domains.every((of) => of[cpus[0]!] === of[cpus.at(-1)!]);
  if (threads > 2 || !cpusOf.every(isPlain)) return undefined;
  const siblingsOf: Siblings[] = [];
  const neighbourhoods = new Map<string, number[]>();
  const plainCells = cells.map(({ llc, cores }, cell): PlainCell => {
    const { kind, node, package: pkg } = areas[areaOf[cell]!]!;
    const neighbourhood = [kind, node, pkg].join();
    neighbourhoods.set(neighbourhood, [...(neighbourhoods.get(neighbourhood) ?? []), cell]);
    const siblings = cores.map((core) => ({ lower: cpusOf[core]![0]!, higher: cpusOf[core]!.at(-1)!, cell }));
    for (const core of siblings) siblingsOf[core.lower] = siblingsOf[core.higher] = core;
    return { llc, node, package: pkg, cores: siblings };
  });
  return {
    threads,
    cells: plainCells,
    neighbourhoods: [...neighbourhoods.values()],
    cpu0: siblingsOf[0],
    siblingsOf,
  };
});

/**
 * How many cores are among some CPUs, wholly or by one CPU of two. Between two choices few CPUs change hands, so only their
 * cores are counted anew: counting all took a third of the time of a choice on 1024 CPUs.
 */
export class CoreCount {
  /** By cell, without the core of CPU 0. */
  readonly wholeInCell: number[];
  readonly halfInCell: number[];
  readonly wholeInLlc: number[];
  readonly wholeInNode: number[];
  readonly wholeInPackage: number[];

  readonly #host: PlainHost;
  #half = 0;
  #cpus = Cpuset.EMPTY;

  constructor(host: PlainHost, topology: Topology) {
    const zeros = (length: number): number[] => new Array<number>(length).fill(0);
    this.#host = host;
    this.wholeInCell = zeros(host.cells.length);
    this.halfInCell = zeros(host.cells.length);
    this.wholeInLlc = zeros(topology.llcs.length);
    this.wholeInNode = zeros(topology.nodes.length);
    this.wholeInPackage = zeros(topology.packages.length);
  }

  /** The online CPUs that are counted. */
  get cpus(): Cpuset {
    return this.#cpus;
  }

  set cpus(cpus: Cpuset) {
    const before = this.#cpus;
    this.#cpus = cpus;
    if (before === cpus) return;
    const changed = before.symmetricDifference(cpus);
    for (let cpu = changed.first; cpu >= 0; cpu = changed.next(cpu + 1)) {
      const core = this.#host.siblingsOf[cpu]!;
      if (cpu !== core.lower && changed.has(core.lower)) continue; // counted with its sibling
      this.#count(core, before, -1);
      this.#count(core, cpus, 1);
    }
  }

  /** Whether there are cores of which one CPU is counted and the other is not. */
  get hasHalf(): boolean {
    return this.#half > 0;
  }

  #count(core: Siblings, cpus: Cpuset, sign: number): void {
    const hasLower = cpus.has(core.lower);
    const hasHigher = cpus.has(core.higher);
    if (hasLower !== hasHigher) this.#half += sign;
    if (hasLower !== hasHigher && core !== this.#host.cpu0) this.halfInCell[core.cell]! += sign;
    if (!hasLower || !hasHigher) return;
    const { llc, node, package: pkg } = this.#host.cells[core.cell]!;
    if (core !== this.#host.cpu0) this.wholeInCell[core.cell]! += sign;
    this.wholeInLlc[llc]! += sign;
    this.wholeInNode[node]! += sign;
    this.wholeInPackage[pkg]! += sign;
  }
}
