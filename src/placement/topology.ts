import { Cpuset } from './cpuset.ts';

/** One NUMA node with its memory and its distances to the others. */
export interface NumaNode {
  /** The kernel's node id (`nodeN`); ids may be sparse. */
  readonly id: number;
  /** Online CPUs of the node; empty for memory-only nodes. */
  readonly cpus: Cpuset;
  readonly memoryBytes: number;
  /** Distance to each node of `Topology.nodes`, by position; 10 is local (ACPI SLIT). */
  readonly distances: readonly number[];
}

/**
 * What a reader (or a specification) says of a host. CPU sets hold online CPUs only; a level that the host does not
 * describe is an empty list.
 */
export interface TopologyParts {
  /** Highest CPU id the kernel can ever have (`possible`). */
  readonly maxCpuId: number;
  readonly online: Cpuset;
  /** Present but offline CPUs. */
  readonly offline: Cpuset;
  /** CPUs taken from the scheduler at boot (`isolcpus=`), online ones only. */
  readonly isolated: Cpuset;
  /** SMT siblings: one set per core. Covers `online`. */
  readonly cores: readonly Cpuset[];
  readonly clusters: readonly Cpuset[];
  /** Last-level cache domains of level 3 (lower where the host has no L3). */
  readonly llcs: readonly Cpuset[];
  /** Those of `llcs` that are of level 3; left out where all of them are. */
  readonly l3?: readonly Cpuset[];
  readonly dies: readonly Cpuset[];
  readonly packages: readonly Cpuset[];
  readonly nodes: readonly NumaNode[];
  /** Hybrid hosts: the CPUs of each kind of core, fastest kind first; a single entry or none elsewhere. */
  readonly coreKinds: readonly Cpuset[];
}

/**
 * A host's CPU topology: immutable, with the position of every CPU's core, LLC, package, node and core kind looked up by
 * CPU id. CPUs that the host puts in no LLC, package or node are put in one of their own kind's making: an LLC per
 * package, one package, one node 0; so every online CPU has a valid position at every level.
 */
export interface Topology extends TopologyParts {
  /** Position in `cores` by CPU id, -1 for CPUs that are not online. The others likewise. */
  readonly coreOf: Int32Array;
  readonly llcOf: Int32Array;
  readonly packageOf: Int32Array;
  readonly nodeOf: Int32Array;
  readonly kindOf: Int32Array;
}

/** Completes `parts` to a topology: fills undescribed levels, sorts every level by lowest CPU and builds the look-ups. */
export function createTopology(parts: TopologyParts): Topology {
  const { online } = parts;
  const cores = complete(parts.cores, online, (rest) => rest.toArray().map((id) => Cpuset.from([id])));
  const packages = complete(parts.packages, online, (rest) => [rest]);
  const llcs = complete(parts.llcs, online, (rest) => packages.map((cpus) => cpus.intersect(rest)));
  const coreKinds = complete(parts.coreKinds, online, (rest) => [rest]);
  const nodes = completeNodes(parts.nodes, online);
  return {
    ...parts,
    cores,
    llcs,
    packages,
    coreKinds,
    nodes,
    clusters: byLowestCpu(parts.clusters),
    dies: byLowestCpu(parts.dies),
    coreOf: positions(cores, parts.maxCpuId),
    llcOf: positions(llcs, parts.maxCpuId),
    packageOf: positions(packages, parts.maxCpuId),
    nodeOf: positions(
      nodes.map((node) => node.cpus),
      parts.maxCpuId,
    ),
    kindOf: positions(coreKinds, parts.maxCpuId),
  };
}

function complete(
  level: readonly Cpuset[],
  online: Cpuset,
  fill: (rest: Cpuset) => readonly Cpuset[],
): readonly Cpuset[] {
  const rest = online.minus(Cpuset.union(level));
  return byLowestCpu(rest.isEmpty ? level : [...level, ...fill(rest)]);
}

function completeNodes(nodes: readonly NumaNode[], online: Cpuset): readonly NumaNode[] {
  const rest = online.minus(Cpuset.union(nodes.map((node) => node.cpus)));
  if (rest.isEmpty) return nodes;
  if (nodes.length === 0) return [{ id: 0, cpus: rest, memoryBytes: 0, distances: [10] }];
  return nodes.map((node, position) => (position === 0 ? { ...node, cpus: node.cpus.union(rest) } : node));
}

function byLowestCpu(level: readonly Cpuset[]): readonly Cpuset[] {
  return level.filter((cpus) => !cpus.isEmpty).sort((a, b) => a.first - b.first);
}

function positions(level: readonly Cpuset[], maxCpuId: number): Int32Array {
  const of = new Int32Array(maxCpuId + 1).fill(-1);
  level.forEach((cpus, position) => {
    // Not with the set's iterator: five levels of 1024 CPUs take a plugin that has just started 0.6 of 2.6 ms more with it.
    for (let cpu = cpus.first; cpu >= 0; cpu = cpus.next(cpu + 1)) of[cpu] = position;
  });
  return of;
}
