import { Cpuset } from '../../placement/cpuset.ts';
import {
  chooseExclusive,
  type ExclusiveRequest,
  exclusiveCost,
  exclusiveCriteria,
} from '../../placement/exclusive.ts';
import type { ExclusiveCriterion } from '../../placement/exclusive-cost.ts';
import type { Topology } from '../../placement/topology.ts';
import type { ContainerView } from '../admin/api.ts';
import { type LiveState, ownsCpus } from './live.ts';

/** The best choice within a part of the host, held against the CPUs that the container has. */
export interface Candidate {
  /** The part: `node 1`, `LLC 3`. */
  readonly where: string;
  /** Undefined: too few CPUs are free there. */
  readonly cpus: Cpuset | undefined;
  readonly verdict: 'loses' | 'equal' | 'better';
  /** What decides, in words. */
  readonly why: string;
}

/** What is told in words of its own: of the place that has more of it, and of the one that has less. */
const TOLD = {
  nodeDistance: ['its NUMA nodes are farther apart', 'its NUMA nodes are nearer to each other'],
  cpu0: ['it uses the core of CPU 0', 'it spares the core of CPU 0'],
} as const;

/** What is counted, as something there can be more or fewer of. */
const COUNTED: Readonly<Record<Exclude<ExclusiveCriterion, keyof typeof TOLD>, string>> = {
  notPreferred: 'CPUs that are not isolated',
  brokenCpus: 'CPUs in cores that it would not have wholly',
  splitCores: 'cores that it would be the first to split',
  foreignCpus: 'CPUs in cores shared with other pods',
  coreKinds: 'kinds of core',
  nodes: 'NUMA nodes',
  packages: 'packages',
  llcs: 'last-level caches',
  llcCoresLeft: 'whole cores left over in its last-level caches, a looser fit',
  nodeCoresLeft: 'whole cores left over in its NUMA nodes, a looser fit',
  packageCoresLeft: 'whole cores left over in its packages, a looser fit',
  cores: 'cores',
  notJoining: 'CPUs that the pool uses',
};

/**
 * Compares an integer container's CPUs with the best that each other NUMA node, and each LLC of its own nodes, could give it
 * (docs/placement.md, "Choosing exclusive CPUs"): by what is free now, which is not what was free when it was placed.
 */
export function candidates(live: LiveState, view: ContainerView): readonly Candidate[] {
  const { topology } = live;
  const chosen = live.cpus(view.cpus);
  const request = requestNow(live, view, chosen);
  const cost = exclusiveCost(topology, request, chosen);
  return domains(topology, chosen).map(([where, cpus]) => {
    const free = request.free.intersect(cpus);
    const best = chooseExclusive(topology, { ...request, free });
    if (best === undefined) {
      const why = free.isEmpty
        ? 'no CPU is free for it'
        : `only ${free.size} of ${request.count} CPUs are free for it`;
      return { where, cpus: best, verdict: 'loses', why };
    }
    return { where, cpus: best, ...compare(request, cost, exclusiveCost(topology, request, best)) };
  });
}

function compare(
  { priority }: ExclusiveRequest,
  chosen: readonly number[],
  other: readonly number[],
): Pick<Candidate, 'verdict' | 'why'> {
  const position = chosen.findIndex((value, index) => value !== other[index]);
  if (position === -1) return { verdict: 'equal', why: 'as good; the lower ids decide' };
  const [ours, theirs] = [chosen[position]!, other[position]!];
  const criterion = exclusiveCriteria(priority)[position]!;
  const loses = theirs > ours;
  const verdict = loses ? 'loses' : 'better';
  if (criterion === 'nodeDistance' || criterion === 'cpu0') {
    return { verdict, why: TOLD[criterion][loses ? 0 : 1] };
  }
  return { verdict, why: `${loses ? 'more' : 'fewer'} ${COUNTED[criterion]}: ${theirs}, not ${ours}` };
}

/** What the container would ask for if it were placed now, with the CPUs it has among the free ones. */
function requestNow(
  { state, topology, cpus }: LiveState,
  view: ContainerView,
  chosen: Cpuset,
): ExclusiveRequest {
  const { isolatedCpus, priority } = state.settings;
  const others = state.containers.filter((other) => ownsCpus(other) && other.id !== view.id);
  const taken = Cpuset.union(others.map((other) => cpus(other.cpus)));
  const withheld = [state.reserved, state.protected, view.forbidden].map(cpus);
  const isSibling = (other: ContainerView) => other.podUid === view.podUid && other.kind === 'integer';
  return {
    count: chosen.size,
    free: topology.online
      .minus(Cpuset.union(withheld))
      .minus(isolatedCpus === 'exclude' ? topology.isolated : Cpuset.EMPTY)
      .minus(taken)
      .union(chosen),
    taken,
    samePod: Cpuset.union(others.filter(isSibling).map((other) => cpus(other.cpus))),
    preferred: isolatedCpus === 'prefer' ? topology.isolated : Cpuset.EMPTY,
    priority,
  };
}

/** Where else it could be: on other nodes, with other caches of its own nodes, or anywhere. */
function domains(topology: Topology, chosen: Cpuset): readonly (readonly [where: string, cpus: Cpuset])[] {
  const { nodes, llcs, online } = topology;
  const own = nodes.filter(({ cpus }) => cpus.intersects(chosen));
  const isInOwn = (llc: Cpuset) => own.some(({ cpus }) => llc.isSubsetOf(cpus) && llc.size < cpus.size);
  const named: (readonly [string, Cpuset])[] = [
    ...llcs.map((llc, position) => [`LLC ${position}`, isInOwn(llc) ? llc : Cpuset.EMPTY] as const),
    ...nodes.map(({ id, cpus }) => [`node ${id}`, cpus] as const),
  ];
  return [
    ...named.filter(([, cpus]) => !cpus.isEmpty && !chosen.isSubsetOf(cpus)),
    ['anywhere', online] as const,
  ];
}
