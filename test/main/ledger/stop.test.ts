import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { annotated, integer, nodeOf, on, shared, shown, wholeCpus } from './fixtures.ts';

describe('stopping a container', () => {
  test('frees its CPUs and lets the pool grow in the same answer', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 4), shared('web'), shared('api', { forbid: '0' }));
    assert.deepEqual(shown(node.stop('db')), ['api 1-7', 'web 0-7']);
    assert.equal(node.ledger.entries.has('db'), false);
  });

  test('frees an annotated one, except for CPUs that another annotated one has too', () => {
    const node = nodeOf('8 cpus');
    node.create(annotated('a', '1-3'), annotated('b', '3-4'), shared('web'));
    node.stop('a');
    assert.equal(node.cpus('web'), '0-2,5-7');
  });

  test('tells nobody when it was in the pool', () => {
    const node = nodeOf('8 cpus');
    node.create(shared('web'), shared('api'), integer('db', 2));
    assert.deepEqual(node.stop('api'), []);
  });

  test('tells nobody whose own part of the pool stays the same', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), shared('web', { forbid: '1-2' }));
    assert.deepEqual(node.stop('db'), []);
  });

  test('is in the journal', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), shared('web'));
    node.stop('db');
    const { event, outcome, kind, cpus, containerId, updates } = node.lastRecord;
    assert.deepEqual(
      { event, outcome, kind, cpus, containerId, updates },
      { event: 'stop', outcome: 'released', kind: 'integer', cpus: '1-2', containerId: 'db', updates: 1 },
    );
  });

  test('a second time does nothing', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), shared('web'));
    node.stop('db');
    const records = node.records.length;
    assert.deepEqual(node.stop('db'), []);
    assert.equal(node.records.length, records);
  });

  test('that was never seen does nothing', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), shared('web'));
    assert.deepEqual(node.stop('unheard-of'), []);
    assert.equal(node.cpus('web'), '0,3-7');
  });

  test('that superseded another one does not end that one twice', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2, { id: 'db.1' }), integer('db', 2, { id: 'db.2' }));
    assert.deepEqual(node.stop('db.1'), []);
    assert.equal(node.entry('db.2').cpus.size, 2);
  });

  test('undoes a creation that failed later', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(shared('web'), integer('db', 2));
    node.create(annotated('io', '1'));
    node.stop('io');
    node.remove('io');
    assert.equal(node.ledger.pool.union(node.entry('db').cpus).toString(), '0-7');
    assert.equal(node.cpus('web'), node.ledger.pool.toString());
  });
});

describe('removing a container', () => {
  test('after it has stopped does nothing', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), shared('web'));
    node.stop('db');
    const records = node.records.length;
    node.remove('db');
    assert.equal(node.records.length, records);
  });

  test('that did not stop frees its CPUs; the pool grows with a later answer', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), shared('web'), shared('api'));
    node.remove('db');
    assert.equal(node.ledger.pool.toString(), '0-7');
    assert.equal(node.cpus('web'), '0,3-7');
    node.stop('api');
    assert.equal(node.cpus('web'), '0-7');
  });

  test('that was never seen does nothing', () => {
    nodeOf('8 cpus').remove('unheard-of');
  });
});

describe('an unplaced container', () => {
  test('is tried again when another one stops', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(on('1-3', integer('db', 3)), integer('cache', 2), shared('web'));
    assert.equal(node.cpus('cache'), '0');
    assert.deepEqual(shown(node.stop('db')), ['cache 1-2', 'web 0,3']);
    assert.equal(node.entry('cache').unplaced, undefined);
  });

  test('is tried again after one that is older', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(
      on('1-3', integer('db', 3, { createdAt: 1 })),
      integer('young', 2, { createdAt: 3 }),
      integer('old', 2, { createdAt: 2 }),
    );
    node.stop('db');
    assert.deepEqual(
      ['old', 'young'].map((id) => node.entry(id).cpus.size),
      [2, 0],
    );
    node.stop('old');
    assert.equal(node.entry('young').cpus.size, 2);
  });

  test('stays in the pool while nothing fits', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(on('1', integer('db', 1)), integer('cache', 4));
    assert.deepEqual(shown(node.stop('db')), ['cache 0-3']);
    assert.match(node.entry('cache').unplaced ?? '', /asks for 4 exclusive CPUs/);
  });

  test('is tried again also when it is annotated', () => {
    const node = nodeOf('2 cpus');
    node.synchronize(on('0', annotated('a', '0')), annotated('b', '1'), shared('web'));
    assert.match(node.entry('b').unplaced ?? '', /minSharedCpus/);
    assert.deepEqual(shown(node.stop('a')), ['web 0', 'b mems 0']);
  });

  test('is tried again with the next creation when one was removed without a stop', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(on('1-3', integer('db', 3)), integer('cache', 2));
    node.remove('db');
    assert.equal(node.entry('cache').cpus.size, 0);
    node.create(shared('web'));
    assert.equal(node.entry('cache').cpus.size, 2);
  });

  test('that stops is gone', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(integer('cache', 4));
    node.stop('cache');
    assert.equal(node.ledger.entries.size, 0);
    node.create(integer('db', 3));
  });
});

test('the CPUs that a shrinking container gave back join the pool with a later answer', () => {
  const node = nodeOf('8 cpus');
  node.create(integer('db', 4), shared('web'), shared('api'));
  // The runtime changes the others before the one that is resized, so they cannot have its CPUs yet.
  assert.deepEqual(shown(node.update('db', wholeCpus(2))), ['db 1-2']);
  node.stop('api');
  assert.equal(node.cpus('web'), '0,3-7');
});
