import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { comparePlans } from '../../src/placement/plan.ts';
import { packTopology } from '../../src/placement/topology-arrays.ts';
import { improve } from '../../src/workers/planner.worker.ts';
import { type PlannerTask, packProblem } from '../../src/workers/planner-task.ts';
import { worstCases } from './planner-cases.ts';

const DEADLINE = 1000n;

/** A task the first plan of which can be improved. */
function task(): PlannerTask {
  const { topology, request, worst } = worstCases(50)[0]!;
  return {
    epoch: 1,
    seed: 1,
    deadline: DEADLINE,
    topology: packTopology(topology),
    topologyVersion: 1,
    problem: packProblem(request, worst.moves),
    cost: worst.cost,
  };
}

describe("the planner's worker", () => {
  it('improves the plan it is given while there is time', (t) => {
    t.mock.method(process.hrtime, 'bigint', () => 0n);
    const answer = improve(task());
    assert.ok(answer.ok && comparePlans(answer.cost, task().cost) < 0);
  });

  it('does not begin when the deadline has passed', (t) => {
    t.mock.method(process.hrtime, 'bigint', () => DEADLINE);
    const answer = improve(task());
    assert.equal(!answer.ok && answer.error.code, 'too-late');
  });

  it('answers with the plan that it has when the deadline passes', (t) => {
    const clock = t.mock.method(process.hrtime, 'bigint', () => DEADLINE);
    clock.mock.mockImplementationOnce(() => 0n);
    const answer = improve(task());
    assert.deepEqual(answer.ok && answer.cost, task().cost);
  });
});
