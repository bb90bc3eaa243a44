import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { checkPlan, comparePlans, type ReassignRequest } from '../../src/placement/plan.ts';
import { createRandom } from '../../src/placement/random.ts';
import { improvePlan, lowerBound, planCost, planReassignment } from '../../src/placement/reassign.ts';
import { createTopology } from '../../src/placement/topology.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import { largeCase } from './reassign-cases.ts';

describe('on a host of 1024 CPUs with 300 integer containers, 165 of them in the way', () => {
  for (const [name, strictness] of [
    ['nothing is forbidden', 0],
    ['every third container has forbidden CPUs', 3],
  ] as const) {
    it(`makes a plan where ${name}, and improves it`, (test) => {
      const { topology, request } = largeCase(1, strictness);
      const result = planReassignment(topology, request);
      assert.ok(result.ok);
      const { plan } = result;
      assert.equal(plan.moves.length, 165);
      assert.equal(checkPlan(request, plan.moves), undefined);
      assert.deepEqual(planCost(topology, request, plan.moves), plan.cost);

      const bound = lowerBound(topology, request);
      let rounds = 0;
      const improve = () =>
        improvePlan(topology, request, plan, { seed: 1, shouldStop: () => ++rounds > 3000 });
      const better = improve();
      assert.equal(checkPlan(request, better.moves), undefined);
      assert.ok(comparePlans(better.cost, plan.cost) < 0, 'not improved');
      assert.ok(comparePlans(bound, better.cost) <= 0, 'below what is possible');
      // As many whole cores and as few changed CPUs as can be, from the first plan on.
      assert.deepEqual(plan.cost.slice(0, 2), bound.slice(0, 2));
      test.diagnostic(`lower bound ${bound}, first plan ${plan.cost}, improved ${better.cost}`);

      rounds = 0;
      assert.deepEqual(
        improve().moves.map(({ to }) => `${to}`),
        better.moves.map(({ to }) => `${to}`),
      );
    });
  }
});

describe('on a host where forbidden CPUs leave hardly any choice', () => {
  it('finds the plan that is hidden there', () => {
    const topology = createTopology(parseTopologySpec('2 packages, 64 cores, SMT 2'));
    const random = createRandom(7);
    // Each container may have a place of its own, which nobody needs to know, and those of a few before it: whoever is
    // placed without looking further takes somebody else's.
    const hidden = Array.from({ length: 128 }, (_, i) => 128 + ((i * 37) % 128));
    const victims = hidden.map((place, i) => {
      const allowed = [place, ...Array.from({ length: 3 }, () => hidden[random(i + 1)]!)];
      return {
        id: `container-${i}`,
        cpus: Cpuset.from([i]),
        forbidden: topology.online.minus(Cpuset.from(allowed)),
      };
    });
    const request: ReassignRequest = {
      requested: Cpuset.range(0, 127),
      victims,
      available: Cpuset.range(128, 255),
      pool: topology.online,
      minShared: 0,
    };
    const result = planReassignment(topology, request);
    assert.ok(result.ok);
    assert.equal(checkPlan(request, result.plan.moves), undefined);
  });
});
