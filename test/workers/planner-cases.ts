import type { Plan } from '../../src/placement/plan.ts';
import { comparePlans, type PlanCost } from '../../src/placement/plan.ts';
import { planCost } from '../../src/placement/reassign.ts';
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
