import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Seen } from '../../../src/main/ledger/synchronize.ts';
import { annotated, cpuset, integer, nodeOf, on, policyOf, shared, shown } from './fixtures.ts';

describe('the pool that an unplaced container runs in', () => {
  test('is not taken for CPUs of its own, where others would be left with too little', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(on('1-2', integer('a', 2)), integer('b', 2, { createdAt: 1 }));
    assert.match(node.entry('b').unplaced ?? '', /minSharedCpus/);
    node.synchronize(...node.listing());
    assert.match(node.entry('b').unplaced ?? '', /minSharedCpus/);
    node.ledger.changePolicy(policyOf('4 cpus', { priority: 'numa' }));
    assert.equal(node.ledger.pool.toString(), '0,3');
  });

  test('is not taken from a shared container that may use nothing else', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(on('0', shared('picky', { forbid: '1-7' })), on('0-1', integer('b', 3)));
    assert.equal(node.cpus('picky'), '0');
    assert.equal(node.cpus('b'), '1-3');
  });

  test('does not keep it from other CPUs', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(on('0', shared('picky', { forbid: '1-7' })), on('0-1', integer('b', 2)));
    assert.equal(node.cpus('picky'), '0');
    assert.equal(node.cpus('b'), '1-2');
  });

  test('is not what it grows from when an update shows it first', () => {
    const node = nodeOf('8 cpus');
    node.create(shared('picky', { forbid: '1-7' }));
    const { pod, container } = on('0-1', integer('b', 3));
    assert.deepEqual(shown(node.ledger.update(pod, container, {})), ['b 1-3']);
  });

  test('is not what it grows from when it is listed again', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(on('1-4', integer('a', 4)), integer('b', 5));
    assert.equal(node.cpus('b'), '0,5-7');
    node.synchronize(...node.listing().filter(({ container }) => container.id !== 'a'));
    assert.equal(node.cpus('b'), '1-5');
  });

  test('is not taken for CPUs of its own after a restart, also where nobody else runs in it', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(on('1', integer('db', 1)), on('0,2-3', integer('three', 3)));
    assert.match(node.entry('three').unplaced ?? '', /minSharedCpus/);
  });

  test('is not what it grows from after a restart, where nothing else is left to others', () => {
    const rules = [{ isolatedCpus: 'prefer' }, { isolated: cpuset('1') }] as const;
    const node = nodeOf('2 cpus', ...rules);
    node.synchronize(integer('b', 2));
    assert.equal(node.cpus('b'), '0');
    const restarted = nodeOf('2 cpus', ...rules);
    assert.deepEqual(restarted.synchronize(...node.listing()), []);
    assert.match(restarted.entry('b').unplaced ?? '', /minSharedCpus/);
    assert.equal(restarted.ledger.pool.toString(), '0');
  });

  test('is not what one is kept off that has CPUs of its own, although others were told of these', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), shared('web'));
    node.ledger.changePolicy(policyOf('8 cpus', { reservedCpus: '1-2' }));
    assert.equal(`${node.entry('db').cpus}`, '3-4');
    node.ledger.changePolicy(policyOf('8 cpus', { reservedCpus: '4' }));
    assert.ok(node.entry('db').cpus.has(3));
  });
});

describe('a pinned container that is listed on its CPUs, which are all there are', () => {
  const listed = (mems?: string): Seen => {
    const { pod, container } = on('0-3', annotated('io', '0-3'));
    return { pod, container: { ...container, resources: { ...container.resources, mems } } };
  };

  test('ran in the pool where it was not told its memory nodes, and stays there', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(listed());
    assert.match(node.entry('io').unplaced ?? '', /minSharedCpus/);
  });

  test('owned them where it was told its memory nodes, and keeps them', () => {
    const node = nodeOf('4 cpus');
    assert.deepEqual(node.synchronize(listed('0')), []);
    assert.equal(`${node.entry('io').cpus}`, '0-3');
  });

  test('may have owned them where it would not have been told any, and keeps them', () => {
    const node = nodeOf('4 cpus', { numaMemoryPolicy: 'none' });
    assert.deepEqual(node.synchronize(listed()), []);
    assert.equal(`${node.entry('io').cpus}`, '0-3');
  });
});

test('containers that ran in the pool, which is more than they ask for, leave it to the shared ones where others are free', () => {
  const node = nodeOf('8 cpus');
  const both = [integer('db', 1, { createdAt: 1 }), integer('cache', 1, { createdAt: 2 })];
  node.synchronize(on('0,3', shared('web')), ...both.map((each) => on('0,3', each)));
  assert.deepEqual([node.cpus('db'), node.cpus('cache')], ['1', '2']);
  assert.equal(node.cpus('web'), '0,3-7');
});
