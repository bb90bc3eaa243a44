import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate as nextRound } from 'node:timers/promises';
import { comparePlans, type Plan } from '../../src/placement/plan.ts';
import { Planner, type PlannerOptions, type PlannerResult } from '../../src/workers/planner.ts';
import type { PlannerIncident } from '../../src/workers/planner-threads.ts';
import { workerFile } from '../../src/workers/worker-file.ts';
import { until } from '../e2e/harness/until.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { FAULT_NAMES } from './misbehaving-planner.ts';
import { untilReady, worstCases } from './planner-cases.ts';

const LONG_MS = 30_000;
const { topology, request, worst } = worstCases(50)[0]!;
const MISBEHAVING = { ...workerFile('planner'), path: join(import.meta.dirname, 'misbehaving-planner.ts') };

/** A planner whose worker does what `fault` says, and what came of it. */
class Trial {
  readonly incidents: PlannerIncident[] = [];
  readonly results: PlannerResult[] = [];
  readonly planner: Planner;

  constructor(options: Partial<PlannerOptions> = {}) {
    this.planner = new Planner({
      workers: 1,
      warm: false,
      file: MISBEHAVING,
      graceMs: 1000,
      onIncident: (incident) => this.incidents.push(incident),
      onResult: (result) => this.results.push(result),
      ...options,
    });
  }

  get kinds(): readonly string[] {
    return this.incidents.map(({ kind }) => kind);
  }

  /** How many workers each call has asked. */
  get tasks(): readonly number[] {
    return this.results.map(({ tasks }) => tasks);
  }

  improve(fault: string, deadlineMs = LONG_MS): Promise<Plan> {
    const epoch = FAULT_NAMES.indexOf(fault);
    return this.planner.improve(topology, request, worst, { epoch, deadlineMs, seed: 1 });
  }

  /** Waits until a worker that behaves has improved a plan. */
  async recover(): Promise<void> {
    while ((await this.improve('none')) === worst) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function withTrial(
  options: Partial<PlannerOptions>,
  use: (trial: Trial) => Promise<void>,
): Promise<void> {
  const trial = new Trial(options);
  try {
    await use(trial);
  } finally {
    await trial.planner.close();
  }
}

describe('a planner none of whose workers is ready', () => {
  /** What a promise is settled with in a few rounds of the event loop, before anything could be waited for. */
  function atOnce<T>(promise: Promise<T>): Promise<T | undefined> {
    return Promise.race([promise, rounds(3)]);
  }

  async function rounds(count: number): Promise<undefined> {
    for (let round = 0; round < count; round++) await nextRound();
    return undefined;
  }

  it('returns the first plan without one that never answers, and asks a worker for a later plan', async () => {
    await withTrial({}, async (trial) => {
      assert.equal(await atOnce(trial.improve('asleep')), worst);
      assert.deepEqual(trial.tasks, [0]);
      await trial.recover();
      assert.equal(trial.tasks.at(-1), 1);
      assert.deepEqual(trial.kinds, []);
    });
  });

  it('returns first plans as long as one has yet to start', async (test) => {
    const path = join(temporaryFolder(test), 'worker.cjs');
    writeFileSync(path, 'for (;;);');
    await withTrial({ file: { path, execArgv: [] } }, async (trial) => {
      for (let call = 0; call < 3; call++) {
        assert.equal(await atOnce(trial.improve('none')), worst);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.deepEqual(trial.tasks, [0, 0, 0]);
      assert.equal(trial.planner.stats.calls, 0);
    });
  });
});

describe('a planner whose worker', () => {
  const cases: readonly (readonly [fault: string, kind: string, what: string, deadlineMs?: number])[] = [
    ['exit', 'died', 'exits'],
    ['uncaught', 'error', 'throws where nobody catches it'],
    ['throws', 'error', 'throws'],
    ['brokenTask', 'error', 'cannot read its task'],
    ['endless', 'timeout', 'never ends', 200],
    ['asleep', 'timeout', 'never answers', 200],
    ['heap', 'out-of-memory', 'needs more and more memory'],
    ['wrongEpoch', 'wrong-epoch', 'answers for another epoch'],
    ['nothing', 'bad-plan', 'answers nothing'],
    ['text', 'bad-plan', 'answers text'],
    ['emptyObject', 'bad-plan', 'answers an empty object'],
    ['notCloneable', 'error', 'answers what cannot be sent'],
    ['noTargets', 'bad-plan', 'leaves out the plan'],
    ['textTargets', 'bad-plan', 'writes the plan as text'],
    ['shortCost', 'bad-plan', 'leaves out most of the cost'],
    ['noNumbers', 'bad-plan', 'computes a cost of NaN'],
    ['noTarget', 'bad-plan', 'gives nobody CPUs'],
    ['manyTargets', 'bad-plan', 'gives everybody the same CPUs'],
    ['nothingMoves', 'bad-plan', 'leaves containers on requested CPUs'],
    ['lies', 'bad-plan', 'claims a lower cost than its plan has'],
  ];
  for (const [fault, kind, what, deadlineMs] of cases) {
    it(`${what} returns the first plan, reports it once, and goes on`, async () => {
      await withTrial({}, async (trial) => {
        await untilReady(trial.planner, 1);
        assert.equal(await trial.improve(fault, deadlineMs), worst);
        await trial.recover();
        assert.deepEqual(trial.kinds, [kind], trial.incidents.map(({ message }) => message).join('; '));
      });
    });
  }

  it('answers late returns the first plan at the deadline', async () => {
    await withTrial({}, async (trial) => {
      await untilReady(trial.planner, 1);
      assert.equal(await trial.improve('late', 100), worst);
      assert.deepEqual(trial.kinds, []);
      await trial.recover();
      assert.deepEqual(trial.kinds, ['timeout']);
    });
  });

  it('finds only a worse plan returns the first one, and has nothing to report', async () => {
    await withTrial({}, async (trial) => {
      await untilReady(trial.planner, 1);
      assert.equal(await trial.improve('worse'), worst);
      assert.deepEqual(trial.kinds, []);
    });
  });

  it('exits while another one does its work returns the plan of the other', async () => {
    await withTrial({ workers: 2 }, async (trial) => {
      await untilReady(trial.planner, 2);
      const plan = await trial.improve('oneExits');
      assert.ok(comparePlans(plan.cost, worst.cost) < 0, 'not improved');
      assert.deepEqual(trial.kinds, ['died']);
    });
  });

  it('has failed does not wait for it until it has rested', async () => {
    await withTrial({}, async (trial) => {
      await untilReady(trial.planner, 1);
      await trial.improve('throws');
      await trial.improve('none');
      assert.deepEqual(trial.tasks.slice(-2), [1, 0]);
    });
  });

  it('is ready is not asked where there is too little time for an answer', async () => {
    await withTrial({}, async (trial) => {
      await untilReady(trial.planner, 1);
      assert.equal(await trial.improve('none', 1), worst);
      assert.equal(trial.tasks.at(-1), 0);
    });
  });

  it('is busy when it is closed closes all the same', async () => {
    const trial = new Trial();
    await untilReady(trial.planner, 1);
    const pending = trial.improve('endless');
    await trial.planner.close();
    assert.equal(await pending, worst);
    assert.deepEqual(trial.kinds, []);
  });
});

describe('a planner whose worker cannot be started', () => {
  const broken = {
    'because its file is not there': undefined,
    'because it throws': 'throw new Error("broken")',
    'because it exits': 'process.exit(1)',
    'because it exports nothing': '',
  };
  for (const [what, program] of Object.entries(broken)) {
    it(`${what} returns the first plan`, async (test) => {
      const path = join(temporaryFolder(test), 'worker.cjs');
      if (program !== undefined) writeFileSync(path, program);
      await withTrial({ file: { path, execArgv: [] } }, async (trial) => {
        assert.equal(await trial.improve('none'), worst);
        await until('it is reported', () => trial.incidents.length > 0);
        assert.equal(await trial.improve('none'), worst);
      });
    });
  }

  it('although it should be kept warm is tried again by itself', async () => {
    const file = { path: join(import.meta.dirname, 'nothing.cjs'), execArgv: [] };
    await withTrial({ file, warm: true }, async (trial) => {
      const deaths = () => trial.incidents.filter(({ message }) => message.includes('before it had started'));
      while (deaths().length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(await trial.improve('none', 5), worst);
    });
  });

  it('because the system has no thread for it returns the first plan', async () => {
    // Node refuses the option when the thread is made, as it does when it cannot make one.
    const file = { ...MISBEHAVING, execArgv: ['--no-such-option'] };
    await withTrial({ file }, async (trial) => {
      assert.equal(await trial.improve('none'), worst);
      await until('it is reported', () => trial.incidents.length > 0);
      assert.equal(await trial.improve('none'), worst);
      assert.deepEqual(trial.kinds, ['error']);
    });
  });
});
