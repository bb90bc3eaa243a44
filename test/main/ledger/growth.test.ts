import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GrowthBudget } from '../../../src/main/ledger/growth.ts';
import { integer, type Node, nodeOf, shared, shown } from './fixtures.ts';

const LIMITS = { rate: 20, burst: 40 };

describe('the budget for growth', () => {
  test('is full at first', () => {
    assert.equal(new GrowthBudget().take(100, LIMITS, 5), 40);
  });

  test('gives what is asked for while there is enough', () => {
    const budget = new GrowthBudget();
    assert.deepEqual(
      [budget.take(15, LIMITS, 0), budget.take(15, LIMITS, 0), budget.take(15, LIMITS, 0)],
      [15, 15, 10],
    );
  });

  test('fills up with time, up to the burst', () => {
    const budget = new GrowthBudget();
    budget.take(40, LIMITS, 0);
    assert.equal(budget.take(40, LIMITS, 500), 10);
    assert.equal(budget.take(40, LIMITS, 60_000), 40);
  });

  test('loses nothing when it is asked often', () => {
    const budget = new GrowthBudget();
    budget.take(40, LIMITS, 0);
    let taken = 0;
    for (let now = 10; now <= 1000; now += 10) taken += budget.take(40, LIMITS, now);
    assert.equal(taken, 20);
  });

  test('follows limits that change', () => {
    const budget = new GrowthBudget();
    assert.equal(budget.take(100, { rate: 0, burst: 3 }, 0), 3);
    assert.equal(budget.take(100, { rate: 0, burst: 3 }, 60_000), 0);
    assert.equal(budget.take(100, { rate: 1, burst: 100 }, 65_000), 5);
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

  test('goes on with later answers, as fast as the budget fills', () => {
    const node = crowded(10, 4);
    node.stop('db');
    node.create(shared('short-lived'));
    node.clock = 100;
    assert.equal(node.stop('short-lived').length, 2);
    assert.equal(behind(node), 4);
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
    node.create(integer('other', 50));
    assert.equal(behind(node), 0);
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

  test('of a hundred shared containers costs little when a hundred others stop', () => {
    const node = nodeOf('2 packages, 64 cores each, SMT 2');
    for (let i = 0; i < 100; i++) node.create(integer(`db-${i}`, 2));
    for (let i = 0; i < 100; i++) node.create(shared(`web-${i}`));
    let updates = 0;
    for (let i = 0; i < 100; i++) {
      node.clock += 10;
      updates += node.stop(`db-${i}`).length;
    }
    assert.ok(updates <= 60, `${updates} updates`);
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
});
