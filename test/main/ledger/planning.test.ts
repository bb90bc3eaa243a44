import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DeadlineError } from '../../../src/main/actor.ts';
import { Journal } from '../../../src/main/journal.ts';
import { violations } from '../../../src/main/ledger/invariants.ts';
import { Ledger, type PlanImprover, type TurnTime } from '../../../src/main/ledger/ledger.ts';
import type { Seen } from '../../../src/main/ledger/synchronize.ts';
import type { Plan } from '../../../src/placement/plan.ts';
import { annotated, cpuset, integer, policyOf, shared } from './fixtures.ts';

/** A ledger with workers that answer at once, and what they were asked. */
class Scene {
  readonly ledger: Ledger;
  /** By call: how long it may take, in milliseconds. */
  readonly deadlines: number[] = [];
  /** The better plan that the workers find. */
  answer = (first: Plan): Plan => first;

  constructor(spec: string, ...created: readonly Seen[]) {
    const planner: PlanImprover = {
      improve: async (_, __, first, { deadlineMs }) => {
        this.deadlines.push(deadlineMs);
        return this.answer(first);
      },
    };
    this.ledger = new Ledger({
      policy: policyOf(spec),
      planner,
      journal: new Journal(10),
      instance: 'test',
      now: () => 0,
      onDecision: () => {},
    });
    for (const { pod, container } of created) this.ledger.create(pod, container);
  }

  /** Creates a container pinned to CPUs. @param requestTimeout of the runtime, in milliseconds */
  async pin(cpus: string, { requestTimeout = 2000, isOver = (): boolean => false } = {}): Promise<void> {
    const time: TurnTime = { requestTimeout, isOver };
    const { pod, container } = annotated('pinned', cpus);
    await this.ledger.create(pod, container, time);
  }

  cpus(id: string): string {
    return `${this.ledger.entries.get(id)?.cpus}`;
  }
}

/** Containers of one CPU each, which are given CPUs 1, 2 and so on. */
function single(count: number): readonly Seen[] {
  return Array.from({ length: count }, (_, i) => integer(`c-${i}`, 1));
}

describe('the workers are asked for a better plan', () => {
  test('when more than 16 containers are in the way', async () => {
    const few = new Scene('64 cpus', ...single(17));
    await few.pin('1-16');
    assert.equal(few.deadlines.length, 0);
    const many = new Scene('64 cpus', ...single(17));
    await many.pin('1-17');
    assert.equal(many.deadlines.length, 1);
  });

  test('when containers in the way have more than 128 CPUs', async () => {
    const small = new Scene('512 cpus', integer('db', 128));
    await small.pin('1');
    assert.equal(small.deadlines.length, 0);
    const large = new Scene('512 cpus', integer('db', 129));
    await large.pin('1');
    assert.equal(large.deadlines.length, 1);
  });

  test('and have a millisecond for each container in the way, which is little for few with many CPUs', async () => {
    const many = new Scene('64 cpus', ...single(20));
    await many.pin('1-20');
    assert.deepEqual(many.deadlines, [20]);
    const large = new Scene('512 cpus', integer('db', 129));
    await large.pin('1');
    assert.deepEqual(large.deadlines, [1]);
  });

  test("and have no more than 5 % of the runtime's request timeout", async () => {
    const scene = new Scene('64 cpus', ...single(20));
    await scene.pin('1-20', { requestTimeout: 200 });
    assert.deepEqual(scene.deadlines, [10]);
  });
});

describe('what the workers find', () => {
  /** Has the first container in the way go somewhere else than in the first plan. */
  const moving = (cpu: string) => (first: Plan) => ({
    ...first,
    moves: first.moves.map((move) => (move.id === 'c-0' ? { ...move, to: cpuset(cpu) } : move)),
  });

  test('is carried out', async () => {
    const scene = new Scene('64 cpus', ...single(17));
    scene.answer = moving('50');
    await scene.pin('1-17');
    assert.equal(scene.cpus('c-0'), '50');
    assert.equal(scene.cpus('pinned'), '1-17');
  });

  test('is not carried out where it leaves a shared container no CPU', async () => {
    const scene = new Scene('64 cpus', ...single(17), shared('picky', { forbid: '0-49,51-63' }));
    scene.answer = moving('50');
    await scene.pin('1-17');
    assert.notEqual(scene.cpus('c-0'), '50');
    assert.equal(scene.cpus('pinned'), '1-17');
    assert.deepEqual(violations(scene.ledger), []);
  });

  test('is too late when the time of the turn is over: it fails, and nothing has changed', async () => {
    const scene = new Scene('64 cpus', ...single(17));
    const before = [...scene.ledger.entries];
    await assert.rejects(scene.pin('1-17', { isOver: () => true }), DeadlineError);
    assert.deepEqual([...scene.ledger.entries], before);
    await scene.pin('1-17');
    assert.equal(scene.cpus('pinned'), '1-17');
  });

  test('is not carried out when something has changed meanwhile: then it is decided anew', async () => {
    const scene = new Scene('64 cpus', ...single(17));
    scene.answer = (first) => {
      scene.ledger.stop('c-16');
      return first;
    };
    await scene.pin('1-17');
    assert.equal(scene.ledger.entries.has('c-16'), false);
    assert.equal(scene.cpus('pinned'), '1-17');
    assert.deepEqual(violations(scene.ledger), []);
  });
});
