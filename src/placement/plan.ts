import { Cpuset } from './cpuset.ts';

/** An integer container that holds requested CPUs and has to move off them. */
export interface Victim {
  readonly id: string;
  /** What it holds now. */
  readonly cpus: Cpuset;
  /** CPUs it may not be given. */
  readonly forbidden: Cpuset;
}

/** What a live reassignment starts from (docs/placement.md, "Live reassignment"). */
export interface ReassignRequest {
  /** The CPUs the annotated container asks for; no victim may hold one of them afterwards. */
  readonly requested: Cpuset;
  /** Disjoint; each holds a requested CPU, and each keeps its number of CPUs. Nobody else moves. */
  readonly victims: readonly Victim[];
  /** Free CPUs that victims may be given, besides what they hold outside `requested` themselves. */
  readonly available: Cpuset;
  /** What the shared pool would be if no victim held anything outside `requested`. */
  readonly pool: Cpuset;
  /** CPUs that have to stay in the pool. */
  readonly minShared: number;
}

/** One container's old and new CPUs. */
export interface Move {
  readonly id: string;
  readonly from: Cpuset;
  readonly to: Cpuset;
}

/**
 * What a plan disturbs, most important first; each is a sum over the moved containers, less is better.
 *
 * - `strandedCores`: whole cores lost because the request takes part of them, and not made up for by another whole core
 * - `changedCpus`: CPUs a container did not hold before
 * - `remoteCpus`: CPUs outside the nodes it held CPUs of, where its memory is
 * - `brokenCores`: cores of which it holds some but not all online CPUs
 * - `nodes`, `llcs`: NUMA nodes and last-level caches it spans
 * - `fragmentedCpus`: CPUs left free in a core that is not wholly free
 */
export type PlanCost = readonly [
  strandedCores: number,
  changedCpus: number,
  remoteCpus: number,
  brokenCores: number,
  nodes: number,
  llcs: number,
  fragmentedCpus: number,
];

/** Where every victim goes, in the order of the request. */
export interface Plan {
  readonly moves: readonly Move[];
  readonly cost: PlanCost;
}

/** Negative if `a` is the better plan, positive if `b` is, 0 if they are equally good. */
export function comparePlans(a: PlanCost | Int32Array, b: PlanCost | Int32Array): number {
  for (let term = 0; term < a.length; term++) {
    const difference = a[term]! - b[term]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The CPUs that victims can hold afterwards: available ones and their own ones, outside the request. */
export function usableCpus(request: ReassignRequest): Cpuset {
  const own = Cpuset.union(request.victims.map((victim) => victim.cpus));
  return request.available.union(own).minus(request.requested);
}

/**
 * What is wrong with moves that somebody else worked out, `undefined` if they can be carried out: every victim is moved
 * once, from what it holds to as many usable CPUs, none requested, forbidden or given twice, and the pool keeps enough.
 */
export function checkPlan(request: ReassignRequest, moves: readonly Move[]): string | undefined {
  const missing = new Map(request.victims.map((victim) => [victim.id, victim]));
  const usable = usableCpus(request);
  for (const { id, from, to } of moves) {
    const victim = missing.get(id);
    if (victim === undefined) return `container ${id} is not to be moved, or is moved twice`;
    missing.delete(id);
    if (!from.equals(victim.cpus)) return `container ${id} holds ${victim.cpus}, not ${from}`;
    if (to.size !== from.size) return `container ${id} gets ${to.size} CPUs instead of ${from.size}`;
    if (to.intersects(request.requested)) {
      return `container ${id} gets requested CPUs: ${to.intersect(request.requested)}`;
    }
    if (to.intersects(victim.forbidden)) {
      return `container ${id} gets CPUs forbidden to it: ${to.intersect(victim.forbidden)}`;
    }
    if (!to.isSubsetOf(usable)) return `container ${id} gets CPUs that are not free: ${to.minus(usable)}`;
  }
  for (const id of missing.keys()) return `container ${id} is not moved`;
  const given = Cpuset.union(moves.map(({ to }) => to));
  if (given.size < moves.reduce((sum, { to }) => sum + to.size, 0)) return doubleGift(moves);
  const shared = request.pool.minus(given).size;
  if (shared < request.minShared) {
    return `the shared pool keeps ${shared} CPUs, at least ${request.minShared} are needed`;
  }
  return undefined;
}

/** Which container gets CPUs of one before it. */
function doubleGift(moves: readonly Move[]): string | undefined {
  let given = Cpuset.EMPTY;
  for (const { id, to } of moves) {
    if (to.intersects(given)) return `container ${id} gets CPUs of another one: ${to.intersect(given)}`;
    given = given.union(to);
  }
  return undefined;
}
