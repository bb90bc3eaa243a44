import type { Plan, ReassignRequest } from '../../placement/plan.ts';
import type { Topology } from '../../placement/topology.ts';
import type { PlannedMoves } from './place.ts';
import type { Policy } from './policy.ts';

/** Looks for better plans off the main thread (docs/placement.md, "Live reassignment"). */
export interface PlanImprover {
  /** Never rejects, and settles within `deadlineMs` with the best valid plan found, `first` if there is none better. */
  improve(
    topology: Topology,
    request: ReassignRequest,
    first: Plan,
    options: { readonly epoch: number; readonly deadlineMs: number; readonly seed: number },
  ): Promise<Plan>;
}

/** Whether a reassignment is worth the workers' time. */
export function isLarge({ request }: PlannedMoves, { reassignment }: Policy): boolean {
  const { minContainers, minCpus } = reassignment;
  const cpus = request.victims.reduce((sum, victim) => sum + victim.cpus.size, 0);
  return request.victims.length > minContainers || cpus > minCpus;
}

/**
 * The best plan that is found in the time which the policy gives for it.
 *
 * @param requestTimeout what the runtime allows for its call, in milliseconds
 * @param epoch of the ledger that the first plan was made from
 */
export async function betterPlan(
  planner: PlanImprover,
  { request, plan, leavesRoom }: PlannedMoves,
  { topology, reassignment }: Policy,
  requestTimeout: number,
  epoch: number,
): Promise<Plan> {
  const { timeoutShare, msPerContainer } = reassignment;
  const deadlineMs = Math.min(requestTimeout * timeoutShare, request.victims.length * msPerContainer);
  const better = await planner.improve(topology, request, plan, { epoch, deadlineMs, seed: epoch });
  return leavesRoom(better) ? better : plan;
}
