import { improvePlan } from '../placement/reassign.ts';
import { createTopology, type Topology } from '../placement/topology.ts';
import { unpackTopology } from '../placement/topology-arrays.ts';
import { warmUpPlanning } from '../placement/warm-up.ts';
import { lowerPriority } from './low-priority.ts';
import { type PlannerAnswer, type PlannerTask, packTargets, unpackProblem } from './planner-task.ts';

// The planner's worker thread. Piscina calls the exported functions by name.

// The main thread serves the runtime meanwhile, and has to get a CPU at once when it needs one.
lowerPriority();

let cached: { readonly version: number; readonly topology: Topology } | undefined;

/** Searches for a better plan until the deadline, or until none is possible or in sight. Throws nothing. */
export function improve(task: PlannerTask): PlannerAnswer {
  const { epoch, seed, deadline, problem, cost } = task;
  const isOver = () => process.hrtime.bigint() >= deadline;
  if (isOver()) return failure('too-late', 'the deadline had passed before the search began');
  try {
    const { request, moves } = unpackProblem(problem);
    const plan = improvePlan(topologyOf(task), request, { moves, cost }, { seed, shouldStop: isOver });
    return { ok: true, epoch, cost: plan.cost, to: packTargets(problem, plan.moves) };
  } catch (error) {
    return failure('failed', error instanceof Error ? error.message : `${error}`);
  }
}

/** Makes the first real task as fast as later ones. */
export function warmUp(): void {
  warmUpPlanning();
}

function topologyOf({ topology, topologyVersion }: PlannerTask): Topology {
  if (cached?.version !== topologyVersion) {
    cached = { version: topologyVersion, topology: createTopology(unpackTopology(topology)) };
  }
  return cached.topology;
}

function failure(code: 'too-late' | 'failed', message: string): PlannerAnswer {
  return { ok: false, error: { code, message } };
}
