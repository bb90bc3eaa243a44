import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DEFAULT_CONFIG } from '../../src/main/config.ts';
import { Journal } from '../../src/main/journal.ts';
import { violations } from '../../src/main/ledger/invariants.ts';
import { type CreateAnswer, Ledger, type PlanImprover } from '../../src/main/ledger/ledger.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { Planner, type PlannerResult } from '../../src/workers/planner.ts';
import { workerFile } from '../../src/workers/worker-file.ts';
import { until } from '../e2e/harness/until.ts';
import { annotated, integer, policyOf } from '../main/ledger/fixtures.ts';
import { FAULT_NAMES } from '../workers/misbehaving-planner.ts';

const CONTAINERS = 40;
const VICTIMS = 20;
const REQUEST_TIMEOUT = 60_000;
/** Long enough for a worker that behaves, also on a busy machine. */
const MS_PER_CONTAINER = 100;
const MISBEHAVING = {
  ...workerFile('planner'),
  path: join(import.meta.dirname, '../workers/misbehaving-planner.ts'),
};

/** A ledger of 40 integer containers whose planner's worker does what `fault` says. */
class Trial {
  fault = 'none';
  readonly ledger: Ledger;
  readonly incidents: string[] = [];
  readonly results: PlannerResult[] = [];
  #pins = 0;

  constructor(context: TestContext) {
    const planner = new Planner({
      workers: 1,
      warm: true,
      graceMs: 500,
      file: MISBEHAVING,
      onIncident: ({ kind }) => this.incidents.push(kind),
      onResult: (result) => this.results.push(result),
    });
    context.after(() => planner.close());
    const faulty: PlanImprover = {
      improve: (topology, request, first, options) =>
        planner.improve(topology, request, first, { ...options, epoch: FAULT_NAMES.indexOf(this.fault) }),
    };
    const reassignment = { ...DEFAULT_CONFIG.reassignment, msPerContainer: MS_PER_CONTAINER };
    this.ledger = new Ledger({
      policy: policyOf('2 packages, 2 llcs, 16 cores, SMT 2', { reassignment }),
      planner: faulty,
      journal: new Journal(10),
      instance: 'test',
      now: () => performance.now(),
      onDecision: () => {},
    });
    for (let index = 0; index < CONTAINERS; index++) {
      const { pod, container } = integer(`integer-${index}`, 1 + (index % 3));
      this.ledger.create(pod, container);
    }
  }

  /** Creates a pod pinned to a CPU of each of 20 integer containers, checks the answer, and removes it. */
  async reassign(): Promise<void> {
    const before = new Map(
      [...this.ledger.entries].slice(0, VICTIMS).map(([id, { cpus }]) => [id, cpus] as const),
    );
    const cpus = Cpuset.from([...before.values()].map((held) => held.first!));
    const name = `pinned-${++this.#pins}`;
    const { pod, container } = annotated(name, `${cpus}`);
    const time = { requestTimeout: REQUEST_TIMEOUT, isOver: () => false };
    const pending = this.ledger.create(pod, container, time);
    assert.ok(pending instanceof Promise, 'the planner is asked');
    this.#check(await pending, cpus, before);
    this.ledger.stop(name);
    assert.deepEqual(violations(this.ledger), []);
  }

  #check({ adjustment, updates }: CreateAnswer, cpus: Cpuset, before: ReadonlyMap<string, Cpuset>): void {
    assert.equal(`${adjustment.cpus}`, `${cpus}`);
    assert.deepEqual(updates.map(({ id }) => id).sort(), [...before.keys()].sort());
    for (const { id, cpus: target } of updates) {
      assert.equal(target?.size, before.get(id)!.size);
      assert.ok(!target.intersects(cpus));
    }
    assert.deepEqual(violations(this.ledger), []);
  }
}

describe('A large reassignment whose planner worker', () => {
  const cases: readonly (readonly [fault: string, what: string, kind: string])[] = [
    ['exit', 'dies', 'died'],
    ['endless', 'never ends', 'timeout'],
    ['late', 'answers late', 'timeout'],
    ['wrongEpoch', 'answers for another epoch', 'wrong-epoch'],
    ['text', 'answers garbage', 'bad-plan'],
    ['manyTargets', 'gives everybody the same CPUs', 'bad-plan'],
    ['nothingMoves', 'leaves containers where they may not stay', 'bad-plan'],
    ['lies', 'claims a lower cost than its plan has', 'bad-plan'],
  ];
  for (const [fault, what, kind] of cases) {
    it(`${what} is answered all the same, and the next ones have a worker again`, async (t) => {
      const trial = new Trial(t);
      trial.fault = fault;
      // A thread that has yet to start is not asked.
      await until('the fault has come', async () => {
        await trial.reassign();
        return trial.incidents.includes(kind);
      });
      trial.fault = 'none';
      await until('a worker answers in time', async () => {
        await trial.reassign();
        return trial.results.at(-1)!.answers === 1;
      });
    });
  }
});
