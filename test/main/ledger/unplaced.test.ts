import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Ledger } from '../../../src/main/ledger/ledger.ts';
import type { Seen } from '../../../src/main/ledger/synchronize.ts';
import { annotated, integer, type Node, nodeOf, on, shared, wholeCpus } from './fixtures.ts';

/** A node of 4 CPUs on which `cache` found no place beside `db`, and of which nothing is left to be done. */
function crowded(): Node {
  const node = nodeOf('4 cpus');
  node.synchronize(on('1-3', integer('db', 3)), integer('cache', 2));
  node.reconcile();
  assert.ok(node.entry('cache').unplaced !== undefined && !node.ledger.hasRetryDue);
  return node;
}

describe('an unplaced container is tried again with the next creation', () => {
  test('when another one was removed without a stop', () => {
    const node = crowded();
    node.remove('db');
    assert.ok(node.ledger.hasRetryDue);
    node.create(shared('web'));
    assert.equal(node.entry('cache').cpus.size, 2);
  });

  test('when another one has shrunk', () => {
    const node = crowded();
    node.update('db', wholeCpus(1));
    assert.ok(node.ledger.hasRetryDue);
    node.create(shared('web'));
    assert.equal(node.entry('cache').cpus.size, 2);
  });

  test('when another one was replaced by a smaller one', () => {
    const node = crowded();
    node.create(integer('db', 1, { id: 'db.2' }));
    assert.ok(node.ledger.hasRetryDue);
    node.create(shared('web'));
    assert.equal(node.entry('cache').cpus.size, 2);
  });

  test('when all were listed, as a pinned one has left the CPUs that it was on', () => {
    const { ledger } = nodeOf('2 cpus', { minSharedCpus: 0 });
    ledger.synchronize([on('0', annotated('io', '1')), on('1', integer('db', 1))]);
    assert.notEqual(ledger.entries.get('db')?.unplaced, undefined);
    assert.ok(ledger.hasRetryDue);
    ledger.retry();
    assert.equal(`${ledger.entries.get('db')?.cpus}`, '0');
  });

  test('but not when nothing was released', () => {
    const node = crowded();
    node.create(shared('web'));
    assert.ok(!node.ledger.hasRetryDue);
  });
});

test('an unplaced container keeps what it was given by a retry, though a list shows what it was told before', () => {
  const node = nodeOf('4 cores, SMT 2, siblings adjacent');
  node.create(annotated('io', '0,2'), integer('db', 2), integer('cache', 2), shared('web'));
  node.synchronize(...node.listing(), integer('late', 2, { createdAt: 9 }));
  assert.equal(node.cpus('late'), '1,3');
  node.remove('db');
  node.ledger.retry();
  const given = `${node.entry('late').cpus}`;
  assert.ok(['4-5', '6-7'].includes(given));
  node.synchronize(...node.listing());
  assert.equal(node.cpus('late'), given);
  assert.equal(node.cpus('web'), '1,3');
});

test('of unplaced containers the oldest is tried first, whichever was seen first', () => {
  const node = nodeOf('4 cpus');
  node.create(integer('db', 3), shared('web'));
  for (const { pod, container } of [
    integer('young', 2, { createdAt: 3 }),
    integer('old', 2, { createdAt: 2 }),
  ]) {
    node.ledger.update(pod, container, {});
  }
  node.ledger.stop('db');
  assert.equal(node.entry('old').cpus.size, 2);
  assert.notEqual(node.entry('young').unplaced, undefined);
});

/** Shared containers that may each use two CPUs only: who takes many CPUs has to leave one of each two, and tries which. */
const PAIRS = Array.from({ length: 12 }, (_, i) => {
  const [first, second] = [23 + 2 * i, 24 + 2 * i];
  return shared(`pair-${i}`, { forbid: second < 46 ? `0-${first - 1},${second + 1}-46` : `0-${first - 1}` });
});

/** Can be placed if it leaves each of the pairs a CPU, which it takes a dozen tries to find out. */
const considerate = integer('considerate', 16, { createdAt: 2 });

/** What can never be placed beside the pairs, `db` with 18 CPUs and the pool; a turn has not enough tries to find that out. */
const HOPELESS: Readonly<Record<string, (name: string, createdAt: number) => Seen>> = {
  'integer containers': (name, createdAt) => integer(name, 18, { createdAt }),
  'pinned containers with an integer one in their way': (name, createdAt) =>
    annotated(name, '1-18', { createdAt }),
};

for (const [what, hopeless] of Object.entries(HOPELESS)) {
  describe(`${what} that can never be placed`, () => {
    const some = (count: number, createdAt: number): readonly Seen[] =>
      Array.from({ length: count }, (_, i) => hopeless(`hopeless-${createdAt}-${i}`, createdAt));
    const older = (count: number) => some(count, 1);
    const younger = (count: number) => some(count, 3);
    /** Can be placed when `filler` is gone, and takes nothing from others. */
    const easy = integer('easy', 4, { createdAt: 4, forbid: '0-18,23-46' });

    /** A ledger whose containers all run in the pool besides `db` and `filler`; when that one is gone, there is room. */
    const waiting = (...all: readonly Seen[]): Ledger => {
      const { ledger } = nodeOf('47 cpus');
      ledger.synchronize([...PAIRS, on('1-18', integer('db', 18)), on('19-22', integer('filler', 4))]);
      for (const { pod, container } of all) ledger.update(pod, container, {});
      const unplaced = [...ledger.entries.values()].filter((entry) => entry.unplaced !== undefined);
      assert.equal(unplaced.length, all.length);
      return ledger;
    };

    test('do not keep a younger container from its place', () => {
      const ledger = waiting(...older(3), considerate);
      ledger.stop('filler');
      assert.equal(ledger.entries.get('considerate')?.cpus.size, 16);
    });

    test('do not keep an older container from its place, many as they are', () => {
      const ledger = waiting(...older(1), considerate, ...younger(30));
      ledger.stop('filler');
      assert.equal(ledger.entries.get('considerate')?.cpus.size, 16);
    });

    test('do not keep a new container from its place, many as they are', () => {
      const ledger = waiting(...older(30));
      ledger.remove('filler');
      ledger.create(considerate.pod, considerate.container);
      assert.equal(ledger.entries.get('considerate')?.cpus.size, 16);
    });

    test('use up the tries of a turn where they are many: then only those are placed that need none', () => {
      const ledger = waiting(...older(30), considerate, easy);
      ledger.stop('filler');
      assert.match(ledger.entries.get('considerate')?.unplaced ?? '', /no CPU to default\/pair-\d\/main/);
      assert.equal(`${ledger.entries.get('easy')?.cpus}`, '19-22');
    });

    test('do not use them up in every turn', () => {
      const ledger = waiting(...older(30), considerate, ...younger(8));
      ledger.stop('filler');
      for (let turn = 0; turn < 39; turn++) ledger.retry();
      assert.equal(ledger.entries.get('considerate')?.cpus.size, 16);
    });
  });
}

test('an integer container that can never be placed does not keep others that are listed from their places', () => {
  const { ledger } = nodeOf('47 cpus');
  const hopeless = integer('hopeless', 18, { createdAt: 1 });
  ledger.synchronize([...PAIRS, on('1-18', integer('db', 18)), hopeless, considerate]);
  assert.notEqual(ledger.entries.get('hopeless')?.unplaced, undefined);
  assert.equal(ledger.entries.get('considerate')?.cpus.size, 16);
});
