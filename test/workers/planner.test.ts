import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkPlan, comparePlans, type Plan, type PlanCost } from '../../src/placement/plan.ts';
import { lowerBound, planCost, planReassignment } from '../../src/placement/reassign.ts';
import {
  defaultWorkers,
  Planner,
  type PlannerOptions,
  type PlannerResult,
} from '../../src/workers/planner.ts';
import { type Case, describeCase, largeCase } from '../placement/reassign-cases.ts';
import { untilReady, worstCases } from './planner-cases.ts';

const WORKERS = 2;
/** Long enough for all workers to end by themselves. */
const LONG_MS = 60_000;

const planners: Planner[] = [];
after(() => Promise.all(planners.map((planner) => planner.close())));

function startPlanner(options: Partial<PlannerOptions> = {}): Planner {
  const onIncident = ({ kind, message }: { kind: string; message: string }) => {
    if (kind !== 'timeout') assert.fail(`${kind}: ${message}`);
  };
  const planner = new Planner({ workers: WORKERS, warm: false, onIncident, ...options });
  planners.push(planner);
  return planner;
}

function assertValid({ topology, request }: Case, plan: Plan, first: Plan): void {
  assert.equal(checkPlan(request, plan.moves), undefined);
  assert.deepEqual(planCost(topology, request, plan.moves), plan.cost);
  assert.ok(comparePlans(plan.cost, first.cost) <= 0, 'worse than the first plan');
}

function targetsOf({ moves }: Plan): readonly string[] {
  return moves.map(({ id, to }) => `${id} to ${to}`);
}

describe('the planner on hosts of up to 12 CPUs', () => {
  const scenes = worstCases(400);
  const planner = startPlanner();
  before(() => untilReady(planner, WORKERS));

  it('returns best plans for first plans, and mostly even for the worst ones', async () => {
    let best = 0;
    for (const [seed, scene] of scenes.entries()) {
      const { topology, request, worst, least } = scene;
      const options = { epoch: seed, deadlineMs: LONG_MS, seed };
      const improved = await planner.improve(topology, request, worst, options);
      assertValid(scene, improved, worst);
      if (comparePlans(improved.cost, least) <= 0) best++;
      const result = planReassignment(topology, request);
      assert.ok(result.ok);
      const plan = await planner.improve(topology, request, result.plan, options);
      assertValid(scene, plan, result.plan);
      assert.deepEqual(plan.cost, least, describeCase(scene));
    }
    assert.ok(best > 0.9 * scenes.length, `${best} of ${scenes.length} improved to a best plan`);
  });

  it('returns the same plan for the same seed, whichever worker is quicker', async () => {
    const other = startPlanner({ warm: true });
    await untilReady(other, WORKERS);
    for (const { topology, request, worst } of scenes.slice(0, 40)) {
      const options = { epoch: 0, deadlineMs: LONG_MS, seed: 7 };
      const plan = await planner.improve(topology, request, worst, options);
      const again = await other.improve(topology, request, worst, options);
      assert.deepEqual(targetsOf(again), targetsOf(plan));
    }
  });

  it('returns the first plan when workers have ended, being idle, and asks them again later', async () => {
    const results: PlannerResult[] = [];
    const restless = startPlanner({ workers: 1, idleMs: 200, onResult: (result) => results.push(result) });
    await untilReady(restless, 1);
    await sleep(500);
    const { topology, request, worst } = scenes[0]!;
    const options = { epoch: 0, deadlineMs: LONG_MS, seed: 1 };
    assert.equal(await restless.improve(topology, request, worst, options), worst);
    assert.equal(results.at(-1)!.tasks, 0);
    await untilReady(restless, 1);
  });

  it('returns the first plan where there is no time, and when it is closed', async () => {
    const { topology, request, worst } = scenes[0]!;
    const options = { epoch: 0, seed: 1 };
    assert.equal(await planner.improve(topology, request, worst, { ...options, deadlineMs: 0 }), worst);
    const closed = startPlanner();
    await untilReady(closed, WORKERS);
    const pending = closed.improve(topology, request, worst, { ...options, deadlineMs: LONG_MS });
    await closed.close();
    assert.equal(await pending, worst);
    assert.equal(await closed.improve(topology, request, worst, { ...options, deadlineMs: LONG_MS }), worst);
  });
});

describe('the threads of the planner', () => {
  /** How nice all threads of this process are, by thread (proc_pid_stat(5), field 19). */
  function niceness(): ReadonlyMap<string, number> {
    const threads = readdirSync('/proc/self/task');
    return new Map(
      threads.map((thread) => {
        const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
        return [thread, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])];
      }),
    );
  }

  it('leave the CPUs to the main thread where there are too few', async () => {
    const before = niceness();
    await untilReady(startPlanner({ warm: true }), WORKERS);
    const after = niceness();
    const own = after.get(`${process.pid}`)!;
    assert.equal(own, before.get(`${process.pid}`));
    const nicer = [...after].filter(([thread, nice]) => !before.has(thread) && nice > own);
    assert.equal(nicer.length, WORKERS);
  });
});

describe('the planner on hosts of 1024 CPUs', () => {
  it('returns valid plans that are never worse', async (test) => {
    const planner = startPlanner({ warm: true });
    await untilReady(planner, WORKERS);
    const gaps = { first: [0, 0, 0, 0, 0, 0, 0], improved: [0, 0, 0, 0, 0, 0, 0] };
    const add = (sum: number[], cost: PlanCost, bound: PlanCost) => {
      for (const [term, value] of cost.entries()) sum[term]! += value - bound[term]!;
    };
    // The same host each time, as in life: workers read it once.
    const { topology } = largeCase(0, 0);
    let cases = 0;
    for (let seed = 0; seed < 200; seed++) {
      const scene = { ...largeCase(seed, seed % 2 === 0 ? 0 : 8), topology };
      const { request } = scene;
      const result = planReassignment(topology, request);
      if (!result.ok) continue;
      const options = { epoch: seed, deadlineMs: 30, seed };
      const plan = await planner.improve(topology, request, result.plan, options);
      assertValid(scene, plan, result.plan);
      const bound = lowerBound(topology, request);
      add(gaps.first, result.plan.cost, bound);
      add(gaps.improved, plan.cost, bound);
      cases++;
    }
    const mean = (sum: readonly number[]) => sum.map((value) => Math.round(value / cases)).join(',');
    test.diagnostic(
      `${cases} cases, ${planner.stats.improved} improved; above the lower bound on average: ` +
        `first plans ${mean(gaps.first)}, improved ones ${mean(gaps.improved)}`,
    );
  });
});

describe('the planner with more time than it has as a rule', () => {
  it('returns a better plan', async () => {
    const { topology, request } = largeCase(1, 0);
    const result = planReassignment(topology, request);
    assert.ok(result.ok);
    const options = { epoch: 0, deadlineMs: 3000, seed: 1 };
    const planner = startPlanner();
    await untilReady(planner, WORKERS);
    const plan = await planner.improve(topology, request, result.plan, options);
    assert.ok(comparePlans(plan.cost, result.plan.cost) < 0, 'not improved');
  });
});

describe('the number of workers', () => {
  it('is 1 to 4', () => {
    assert.ok(defaultWorkers() >= 1 && defaultWorkers() <= 4);
  });
});
