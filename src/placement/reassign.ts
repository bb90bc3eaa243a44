import { type Assignment, assign } from './assignment.ts';
import { Cpuset } from './cpuset.ts';
import { comparePlans, type Move, type Plan, type PlanCost, type ReassignRequest } from './plan.ts';
import { createRandom } from './random.ts';
import { boundCost } from './reassign-bound.ts';
import { type Construction, construct } from './reassign-construct.ts';
import { type CoreRestoration, restoreCores } from './reassign-cores.ts';
import { solveExactly } from './reassign-exact.ts';
import { improve } from './reassign-improve.ts';
import { createInstance, type Instance, loosen } from './reassign-instance.ts';
import type { Topology } from './topology.ts';

/**
 * Victims for which a first plan is improved on the spot. With more of them that would take longer than all else (20 ms for
 * 165 on 1024 CPUs, when the code has not run before) and win a hundredth: better plans for those are left to `improvePlan`.
 */
const FIRST_VICTIMS = 16;
/** Rounds of improvement that a first plan gets at most; and CPUs times rounds, as large containers take longer. */
const FIRST_ROUNDS = 200;
const FIRST_WORK = 10_000;
/**
 * Rounds without improvement after which there seems to be none, for each victim: in a first plan, and in a better one.
 *
 * With 10, 160 victims on 1024 CPUs take 40 to 60 ms and have nine tenths of what can be won in any time; with 20, twice
 * as long for the next twentieth. Each further victim that stays on its nodes is worth less than the pod's waiting.
 */
const FIRST_PATIENCE = 25;
const PATIENCE = 10;

/**
 * A plan, or why there is none, in CPUs: `victims` need `needed` CPUs to hold together, of which they can be given
 * `available`.
 *
 * - `too-few-cpus`: fewer are free, and left of their own, than all victims need
 * - `forbidden`: these victims' forbidden sets leave too few for them
 * - `min-shared`: no more can be given out without leaving the pool less than `minShared`
 */
export type ReassignResult =
  | { readonly ok: true; readonly plan: Plan }
  | {
      readonly ok: false;
      readonly reason: 'too-few-cpus' | 'forbidden' | 'min-shared';
      readonly victims: readonly string[];
      readonly needed: number;
      readonly available: number;
    };

/**
 * Plans where the victims of a request go (docs/placement.md, "Live reassignment"). A plan is found whenever there is one;
 * on small instances it is a best one, with many victims one that `improvePlan` can improve. The same request always gets the
 * same plan.
 */
export function planReassignment(topology: Topology, request: ReassignRequest): ReassignResult {
  const instance = instanceOf(topology, request);
  if (instance.usable.length < instance.totalDemand) {
    return {
      ok: false,
      reason: 'too-few-cpus',
      victims: request.victims.map((victim) => victim.id),
      needed: instance.totalDemand,
      available: instance.usable.length,
    };
  }
  const built = constructAnyhow(instance);
  if (!built.ok) return { ...built, victims: built.victims.map((victim) => request.victims[victim]!.id) };
  if (request.victims.length <= FIRST_VICTIMS) improveFirst(built.assignment, built.restoration);
  return { ok: true, plan: built.assignment.toPlan() };
}

function improveFirst(assignment: Assignment, restoration: CoreRestoration): void {
  const bound = boundCost(assignment, restoration);
  if (comparePlans(assignment.cost, bound) === 0 || solveExactly(assignment)) return;
  const { totalDemand, demand } = assignment.instance;
  let rounds = Math.min(FIRST_ROUNDS, FIRST_WORK / totalDemand);
  improve(assignment, {
    random: createRandom(0),
    bound,
    patience: FIRST_PATIENCE * demand.length,
    shouldStop: () => rounds-- <= 0,
  });
}

/**
 * Searches for a better plan until `shouldStop()`, or until nothing better is possible or in sight. Never returns a worse
 * plan; the same seed gives the same one unless stopped. `plan` is one that `checkPlan` finds nothing wrong with.
 */
export function improvePlan(
  topology: Topology,
  request: ReassignRequest,
  plan: Plan,
  { seed, shouldStop }: { readonly seed: number; shouldStop(): boolean },
): Plan {
  const instance = createInstance(topology, request);
  const placements = placementsIn(request, plan.moves);
  const keeps = placements.every((cpus, victim) => instance.anchors[victim]!.every((cpu) => cpus.has(cpu)));
  const assignment = assign(keeps ? instance : loosen(instance), placements);
  const bound = boundCost(assignment, restoreCores(assignment.instance));
  improve(assignment, {
    random: createRandom(seed),
    bound,
    patience: PATIENCE * request.victims.length,
    shouldStop,
  });
  return assignment.toPlan();
}

/** What a plan costs that `checkPlan` finds nothing wrong with. */
export function planCost(topology: Topology, request: ReassignRequest, moves: readonly Move[]): PlanCost {
  return assign(loosen(instanceOf(topology, request)), placementsIn(request, moves)).planCost;
}

/** A cost that no plan for the request stays below; 0 throughout if there is no plan. */
export function lowerBound(topology: Topology, request: ReassignRequest): PlanCost {
  const built = constructAnyhow(createInstance(topology, request));
  return built.ok ? boundCost(built.assignment, built.restoration) : [0, 0, 0, 0, 0, 0, 0];
}

/** Instances of requests that a plan was sought for: those of workers are held against them, which takes half as long then. */
const instances = new WeakMap<ReassignRequest, Instance>();

function instanceOf(topology: Topology, request: ReassignRequest): Instance {
  let instance = instances.get(request);
  if (instance?.topology !== topology) {
    instance = createInstance(topology, request);
    instances.set(request, instance);
  }
  return instance;
}

/** Containers keep their CPUs outside the request, except what is left of a core; without that only if it must be. */
function constructAnyhow(instance: Instance): Construction {
  const anchored = construct(instance);
  return anchored.ok ? anchored : construct(loosen(instance));
}

/** By victim: where the moves take it. */
function placementsIn({ victims }: ReassignRequest, moves: readonly Move[]): readonly Cpuset[] {
  const toOf = new Map(moves.map(({ id, to }) => [id, to]));
  return victims.map(({ id }) => toOf.get(id) ?? Cpuset.EMPTY);
}
