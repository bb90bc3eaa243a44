import type { Plan } from '../../src/placement/plan.ts';
import { comparePlans, type PlanCost } from '../../src/placement/plan.ts';
import { planCost } from '../../src/placement/reassign.ts';
import type { Planner } from '../../src/workers/planner.ts';
import { until } from '../e2e/harness/until.ts';
import { bruteForce, type Case, randomCase } from '../placement/reassign-cases.ts';

/** A case on a small host with its worst plan and the least that one can cost. */
export interface WorstCase extends Case {
  readonly worst: Plan;
  readonly least: PlanCost;
}

/** Of so many random cases those that have a plan, and of these those whose worst plan is not also the best. */
export function worstCases(count: number): readonly WorstCase[] {
  return Array.from({ length: count }, (_, seed) => randomCase(seed)).flatMap((scene) => {
    const extremes = scene.request.victims.length > 0 ? bruteForce(scene) : undefined;
    if (extremes === undefined) return [];
    const cost = planCost(scene.topology, scene.request, extremes.worst);
    if (comparePlans(extremes.least, cost) >= 0) return [];
    return [{ ...scene, worst: { moves: extremes.worst, cost }, least: extremes.least }];
  });
}

/** Has a planner plan until it asks all its workers; they have to behave in epoch 0. */
export async function untilReady(planner: Planner, workers: number): Promise<void> {
  const { topology, request, worst } = worstCases(50)[0]!;
  await until(`${workers} workers are ready`, async () => {
    const { tasks } = planner.stats;
    await planner.improve(topology, request, worst, { epoch: 0, deadlineMs: 30_000, seed: 1 });
    return planner.stats.tasks - tasks === workers;
  });
}
