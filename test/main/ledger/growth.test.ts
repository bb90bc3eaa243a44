import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Growth, type GrowthLimits } from '../../../src/main/ledger/growth.ts';
import { annotated, cpuset, integer, type Node, nodeOf, shared, shown } from './fixtures.ts';

const LIMITS = { rate: 20, burst: 40 };

describe('the budget for growth', () => {
  /** How many of `wanted` tokens there are. */
  const take = (budget: Growth, wanted: number, limits: GrowthLimits, now: number): number => {
    let taken = 0;
    while (taken < wanted && budget.take(limits, now)) taken++;
    return taken;
  };

  test('is full at first', () => {
    assert.equal(take(new Growth(), 100, LIMITS, 5), 40);
  });

  test('gives what is asked for while there is enough', () => {
    const budget = new Growth();
    assert.deepEqual(
      [take(budget, 15, LIMITS, 0), take(budget, 15, LIMITS, 0), take(budget, 15, LIMITS, 0)],
      [15, 15, 10],
    );
  });

  test('fills up with time, up to the burst', () => {
    const budget = new Growth();
    take(budget, 20, LIMITS, 0);
    assert.equal(take(budget, 40, LIMITS, 500), 30);
    assert.equal(take(budget, 41, LIMITS, 60_000), 40);
  });

  test('gives no more once it is empty, until it is full', () => {
    const budget = new Growth();
    take(budget, 41, LIMITS, 0);
    assert.equal(take(budget, 40, LIMITS, 1900), 0);
    assert.equal(take(budget, 40, LIMITS, 2000), 40);
  });

  test('loses nothing when it is asked often', () => {
    const budget = new Growth();
    let taken = 0;
    for (let now = 0; now <= 20_000; now += 10) taken += take(budget, 1, LIMITS, now);
    assert.ok(taken > 400, `${taken}`);
  });

  test('follows limits that change', () => {
    const budget = new Growth();
    assert.equal(take(budget, 100, { rate: 0, burst: 3 }, 0), 3);
    assert.equal(take(budget, 100, { rate: 0, burst: 3 }, 60_000), 0);
    assert.equal(take(budget, 100, { rate: 1, burst: 5 }, 65_000), 5);
  });
});

/** A node of which `shared` containers in the pool could grow when `db` stops. */
function crowded(sharedContainers: number, burst: number, rate = 20): Node {
  const node = nodeOf('64 cpus', { poolGrowth: { rate, burst } });
  node.create(integer('db', 32), integer('cache', 8));
  for (let i = 0; i < sharedContainers; i++) node.create(shared(`web-${i}`));
  return node;
}

function behind(node: Node): number {
  const pool = node.ledger.pool.toString();
  return [...node.ledger.entries.keys()].filter((id) => id.startsWith('web') && node.cpus(id) !== pool)
    .length;
}

describe('growth of the pool', () => {
  test('stops where the budget ends', () => {
    const node = crowded(10, 4);
    assert.equal(node.stop('db').length, 4);
    assert.equal(behind(node), 6);
  });

  test('goes on with later answers when the budget is full again', () => {
    const node = crowded(10, 4);
    node.stop('db');
    node.create(shared('short-lived'), shared('other'));
    node.clock = 100;
    assert.equal(node.stop('short-lived').length, 0);
    node.clock = 200;
    assert.equal(node.stop('other').length, 4);
    assert.equal(behind(node), 2);
    node.clock = 60_000;
    assert.equal(node.stop('cache').length, 4);
  });

  test('comes first to those who have least', () => {
    const node = nodeOf('8 cpus', { poolGrowth: { rate: 0, burst: 1 } });
    node.create(integer('db', 4), shared('rich'), shared('poor', { forbid: '5-7' }));
    assert.deepEqual(shown(node.stop('db')), ['poor 0-4']);
  });

  test('is part of the answers that shrink a container anyway', () => {
    const node = crowded(1, 0, 0);
    node.stop('db');
    assert.equal(behind(node), 1);
    node.clock += 1000;
    node.create(integer('other', 50));
    assert.equal(behind(node), 0);
  });

  test('is not, while containers come and go: the next ones may want those CPUs', () => {
    const node = crowded(1, 0, 0);
    node.stop('db');
    const before = node.cpus('web-0')!;
    node.create(annotated('io', '0'));
    assert.equal(node.cpus('web-0'), cpuset(before).minus(cpuset('0')).toString());
    assert.deepEqual(node.create(integer('db-again', 32)).updates, []);
  });

  test('is not paid for by shrinking, which never waits', () => {
    const node = crowded(10, 0, 0);
    assert.equal(node.create(integer('other', 4)).updates.length, 10);
    assert.equal(behind(node), 0);
  });

  test('is what a new shared container begins with', () => {
    const node = crowded(1, 0, 0);
    node.stop('db');
    node.create(shared('web-new'));
    assert.equal(node.cpus('web-new'), node.ledger.pool.toString());
  });

  test('of a hundred shared containers costs little when a hundred others stop and are made anew', () => {
    const node = nodeOf('2 packages, 64 cores each, SMT 2');
    for (let i = 0; i < 100; i++) node.create(integer(`db-${i}`, 2));
    for (let i = 0; i < 100; i++) node.create(shared(`web-${i}`));
    let updates = 0;
    for (let i = 0; i < 100; i++) {
      node.clock += 10;
      updates += node.stop(`db-${i}`).length;
    }
    assert.ok(updates <= 60, `${updates} updates`);
    for (let i = 0; i < 100; i++) {
      node.clock += 10;
      updates += node.create(integer(`new-${i}`, 2)).updates.length;
    }
    assert.ok(updates <= 140, `${updates} updates`);
  });

  test('hands out CPUs that wait to join first where they are as good', () => {
    const node = nodeOf('8 cpus', { poolGrowth: { rate: 0, burst: 1 } });
    node.create(shared('web'), integer('a', 2), integer('b', 2), integer('c', 2));
    node.stop('b');
    node.stop('c');
    assert.equal(node.cpus('web'), '0,3-4,7');
    const { updates } = node.create(integer('d', 2));
    assert.deepEqual(updates, []);
    assert.equal(node.cpus('d'), '5-6');
  });

  test('hands out CPUs that few were told of before those that all were, where they are as good', () => {
    const node = nodeOf('2 nodes, 4 cores each', { poolGrowth: { rate: 0, burst: 0 } });
    for (let i = 0; i < 20; i++) node.create(shared(`web-${i}`));
    node.create(integer('a', 2), integer('b', 4));
    assert.equal(node.cpus('web-0'), '0,3');
    node.stop('b');
    for (let i = 0; i < 3; i++) node.create(shared(`new-${i}`));
    // CPU 3 would fit better, but 23 containers were told of that.
    const { updates } = node.create(integer('c', 1));
    assert.equal(node.cpus('c'), '4');
    assert.deepEqual(
      updates.map(({ id }) => id),
      ['new-0', 'new-1', 'new-2'],
    );
  });
});
