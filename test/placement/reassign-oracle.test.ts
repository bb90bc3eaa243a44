import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkPlan, comparePlans } from '../../src/placement/plan.ts';
import { improvePlan, lowerBound, planCost, planReassignment } from '../../src/placement/reassign.ts';
import { bruteForce, describeCase, randomCase } from './reassign-cases.ts';

const CASES = Array.from({ length: 3000 }, (_, seed) => randomCase(seed)).filter(
  ({ request }) => request.victims.length > 0,
);

describe('on hosts of up to 12 CPUs, compared with trying every plan', () => {
  const solved = CASES.map((scene) => ({
    ...scene,
    text: describeCase(scene),
    extremes: bruteForce(scene),
    result: planReassignment(scene.topology, scene.request),
  }));

  it('finds a plan exactly where there is one', () => {
    const possible = solved.filter(({ extremes }) => extremes !== undefined).length;
    assert.ok(possible > 1000 && possible < 2000, `the cases are too easy or too hard: ${possible} possible`);
    for (const { extremes, result, text } of solved) assert.equal(result.ok, extremes !== undefined, text);
  });

  it('finds a plan that can be carried out and costs the least', () => {
    for (const { topology, request, extremes, result, text } of solved) {
      if (!result.ok) continue;
      assert.equal(checkPlan(request, result.plan.moves), undefined, text);
      assert.deepEqual(result.plan.cost, extremes?.least, text);
      assert.deepEqual(planCost(topology, request, result.plan.moves), extremes?.least, text);
    }
  });

  it('says where there is no plan what is too little of what', () => {
    for (const { request, result, text } of solved) {
      if (result.ok) continue;
      assert.ok(result.available < result.needed, text);
      const named = request.victims.filter(({ id }) => result.victims.includes(id));
      const needed = named.reduce((sum, { cpus }) => sum + cpus.size, 0);
      assert.equal(result.needed, needed, text);
    }
  });

  it('has a lower bound that no plan stays below', () => {
    for (const { topology, request, extremes, text } of solved) {
      if (extremes === undefined) continue;
      assert.ok(comparePlans(lowerBound(topology, request), extremes.least) <= 0, text);
    }
  });

  it('improves the worst plan, mostly to a best one, and never makes one worse', () => {
    let best = 0;
    let improved = 0;
    for (const [seed, { topology, request, extremes, result, text }] of solved.entries()) {
      if (extremes === undefined || seed % 4 > 0) continue;
      const plan = { moves: extremes.worst, cost: planCost(topology, request, extremes.worst) };
      const better = improvePlan(topology, request, plan, { seed, shouldStop: () => false });
      assert.equal(checkPlan(request, better.moves), undefined, text);
      assert.deepEqual(planCost(topology, request, better.moves), better.cost, text);
      assert.ok(comparePlans(better.cost, plan.cost) <= 0, text);
      if (comparePlans(better.cost, extremes.least) <= 0) best++;
      improved++;
      if (!result.ok) continue;
      const same = improvePlan(topology, request, result.plan, { seed, shouldStop: () => false });
      assert.deepEqual(same.cost, result.plan.cost, `better than the best plan: ${text}`);
    }
    assert.ok(best > improved * 0.9, `${best} of ${improved} improved to a best plan`);
  });
});
