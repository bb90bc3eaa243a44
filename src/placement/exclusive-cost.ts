import { Cpuset } from './cpuset.ts';
import type { Topology } from './topology.ts';

/** What is asked of a choice of exclusive CPUs. All sets hold online CPUs; `free`, `taken` and `held` are disjoint. */
export interface ExclusiveRequest {
  /** CPUs in the answer, including `held`. */
  readonly count: number;
  /** CPUs that may be chosen, without `held`. */
  readonly free: Cpuset;
  /** CPUs with another owner; their free siblings are orphans. */
  readonly taken: Cpuset;
  /** CPUs that are part of every answer: those of a container that grows in place. */
  readonly held?: Cpuset;
  /** The part of `taken` that other containers of the same pod hold. */
  readonly samePod?: Cpuset;
  /** CPUs to use before all others, whatever else that costs. */
  readonly preferred?: Cpuset;
  /** CPUs that wait to join the shared pool: chosen where nothing but the ids decides otherwise. */
  readonly joining?: Cpuset;
  /** Which of the two first criteria comes first: whole cores or few NUMA nodes. */
  readonly priority: 'siblings' | 'numa';
}

/** What is counted of an answer, each the fewer the better (docs/placement.md, "Choosing exclusive CPUs"). */
export type ExclusiveCriterion =
  /** CPUs outside `preferred` (0 without it). */
  | 'notPreferred'
  /** CPUs in cores that are not wholly in the answer. */
  | 'brokenCpus'
  /** Such cores that nobody had a CPU of before. */
  | 'splitCores'
  /** CPUs in cores shared with an owner outside the pod. */
  | 'foreignCpus'
  | 'coreKinds'
  | 'nodes'
  | 'packages'
  /** Sum of the NUMA distances over all pairs of nodes used. */
  | 'nodeDistance'
  | 'llcs'
  /** 1 if a CPU of the core of CPU 0 is used. */
  | 'cpu0'
  /** Wholly free cores left over in the LLCs used; then in the nodes and the packages used. */
  | 'llcCoresLeft'
  | 'nodeCoresLeft'
  | 'packageCoresLeft'
  | 'cores'
  /** CPUs outside `joining` (0 without it). */
  | 'notJoining';

const WHOLE_CORES = ['brokenCpus', 'splitCores', 'foreignCpus', 'coreKinds'] as const;
const CLOSE_NODES = ['nodes', 'packages', 'nodeDistance'] as const;
const FEW_CACHES = ['llcs', 'cpu0'] as const;
const FIT = ['llcCoresLeft', 'nodeCoresLeft', 'packageCoresLeft', 'cores', 'notJoining'] as const;
/** The criteria by which an answer is good; the others only decide among answers that are as good. */
const GOOD = {
  siblings: ['notPreferred', ...WHOLE_CORES, ...CLOSE_NODES, ...FEW_CACHES],
  numa: ['notPreferred', ...CLOSE_NODES, ...WHOLE_CORES, ...FEW_CACHES],
} as const;

type GoodCriterion = (typeof GOOD)['siblings'][number];

/** What no answer is better than. */
const BEST: Readonly<Record<GoodCriterion, number>> = {
  notPreferred: 0,
  brokenCpus: 0,
  splitCores: 0,
  foreignCpus: 0,
  coreKinds: 1,
  nodes: 1,
  packages: 1,
  nodeDistance: 0,
  llcs: 1,
  cpu0: 0,
};

/** The criteria in the order in which they decide: the names of the positions of `exclusiveCost`. */
export function exclusiveCriteria(priority: ExclusiveRequest['priority']): readonly ExclusiveCriterion[] {
  return [...GOOD[priority], ...FIT];
}

/** The cost of an answer, by criterion in the order of `exclusiveCriteria`; lowest ids, the last criterion, apart. */
export function exclusiveCost(
  topology: Topology,
  request: ExclusiveRequest,
  chosen: Cpuset,
): readonly number[] {
  const { joining } = request;
  const left = request.free.minus(chosen);
  const coresLeft = topology.cores.filter((core) => core.isSubsetOf(left)).map((core) => core.first);
  const leftIn = (domainOf: Int32Array) => {
    const used = positionsOf(domainOf, chosen);
    return coresLeft.filter((cpu) => used.has(domainOf[cpu]!)).length;
  };
  const values: Record<(typeof FIT)[number], number> = {
    llcCoresLeft: leftIn(topology.llcOf),
    nodeCoresLeft: leftIn(topology.nodeOf),
    packageCoresLeft: leftIn(topology.packageOf),
    cores: positionsOf(topology.coreOf, chosen).size,
    notJoining: joining === undefined ? 0 : chosen.size - chosen.countCommon(joining),
  };
  return [...goodCost(topology, request, chosen), ...FIT.map((criterion) => values[criterion])];
}

/** The part of the cost that says how good an answer is: by whole cores, nodes, LLCs and sparing CPU 0. */
export function goodCost(topology: Topology, request: ExclusiveRequest, chosen: Cpuset): readonly number[] {
  const { taken, held = Cpuset.EMPTY, samePod = Cpuset.EMPTY, preferred } = request;
  const foreign = taken.minus(samePod);
  const cores = positionsOf(topology.coreOf, chosen);
  const nodes = positionsOf(topology.nodeOf, chosen);
  let brokenCpus = 0;
  let splitCores = 0;
  let foreignCpus = 0;
  for (const position of cores) {
    const core = topology.cores[position]!;
    if (core.isSubsetOf(chosen)) continue;
    const cpus = core.countCommon(chosen);
    brokenCpus += cpus;
    if (!core.intersects(taken) && !core.intersects(held)) splitCores++;
    if (core.intersects(foreign)) foreignCpus += cpus;
  }
  const values: Record<GoodCriterion, number> = {
    notPreferred:
      preferred === undefined || preferred.isEmpty ? 0 : chosen.size - chosen.countCommon(preferred),
    brokenCpus,
    splitCores,
    foreignCpus,
    coreKinds: positionsOf(topology.kindOf, chosen).size,
    nodes: nodes.size,
    packages: positionsOf(topology.packageOf, chosen).size,
    nodeDistance: nodeDistance(topology, [...nodes]),
    llcs: positionsOf(topology.llcOf, chosen).size,
    cpu0: cores.has(topology.coreOf[0] ?? -1) ? 1 : 0,
  };
  return GOOD[request.priority].map((criterion) => values[criterion]);
}

/** The least that `goodCost` can be, on any host and for any request. */
export function leastGoodCost(priority: ExclusiveRequest['priority']): readonly number[] {
  return GOOD[priority].map((criterion) => BEST[criterion]);
}

/**
 * Negative if `a` is the lower cost, positive if `b` is, 0 if they are equal. The first position that differs decides; a
 * cost that is shorter is compared as far as it goes.
 */
export function compareCosts(a: readonly number[], b: readonly number[]): number {
  const length = Math.min(a.length, b.length);
  for (let position = 0; position < length; position++) {
    const difference = a[position]! - b[position]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Sum of the distances between `nodes` (positions in the topology), every pair once. */
export function nodeDistance(topology: Topology, nodes: readonly number[]): number {
  let sum = 0;
  for (const a of nodes) for (const b of nodes) if (a < b) sum += topology.nodes[a]!.distances[b] ?? 0;
  return sum;
}

function positionsOf(positions: Int32Array, cpus: Cpuset): ReadonlySet<number> {
  const seen = new Set<number>();
  for (const cpu of cpus) {
    const position = positions[cpu] ?? -1;
    if (position >= 0) seen.add(position); // else a held CPU that has gone offline
  }
  return seen;
}
