import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { annotated, integer, nodeOf, on, shared, shown, wholeCpus } from './fixtures.ts';

describe('creating a shared container', () => {
  test('gives it the pool', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), annotated('io', '7'), shared('web'));
    assert.equal(node.cpus('web'), node.ledger.pool.toString());
    assert.equal(node.ledger.pool.size, 5);
  });

  test('restricts neither its memory nor its quota', () => {
    const { adjustment } = nodeOf('2 nodes, 4 cpus', { liftCpuQuota: true }).create(shared('web'));
    assert.deepEqual(shown([adjustment]), ['web 0-7']);
  });

  test('gives it the pool without its forbidden CPUs', () => {
    const node = nodeOf('8 cpus');
    node.create(shared('web', { forbid: '0-3,7' }));
    assert.equal(node.cpus('web'), '4-6');
  });

  test('tells nobody else', () => {
    const node = nodeOf('8 cpus');
    assert.deepEqual(node.create(shared('web'), shared('api')).updates, []);
  });

  test('with an opt-out puts whole CPUs into the pool', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('mesh', 2, { annotations: { 'weka.io/exclusive.main': 'false' } }));
    assert.equal(node.cpus('mesh'), '0-7');
    assert.equal(node.entry('mesh').workload.kind, 'shared');
  });
});

describe('creating an integer container', () => {
  test('gives it as many CPUs of its own as its limit says', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(integer('db', 2));
    // One whole core, and not the one of CPU 0.
    assert.equal(node.cpus('db'), '1,5');
  });

  test('restricts neither its memory nor its quota', () => {
    const { adjustment } = nodeOf('2 nodes, 4 cpus').create(integer('db', 2));
    assert.deepEqual(Object.keys(adjustment), ['id', 'cpus']);
  });

  test('overlaps no other one', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('a', 3), integer('b', 3), annotated('io', '0'));
    const all = ['a', 'b', 'io'].map((id) => node.entry(id).cpus.size);
    assert.deepEqual(all, [3, 3, 1]);
    assert.equal(node.ledger.pool.size, 1);
  });

  test('shrinks the shared containers on its CPUs in the same answer', () => {
    const node = nodeOf('4 cores, SMT 2');
    const { updates } = node.create(shared('web'), shared('api', { forbid: '0,4' }), integer('db', 2));
    assert.deepEqual(shown(updates), ['web 0,2-4,6-7', 'api 2-3,6-7']);
  });

  test('does not touch shared containers that are kept off its CPUs anyway', () => {
    const node = nodeOf('4 cores, SMT 2');
    const { updates } = node.create(shared('web', { forbid: '1,5' }), integer('db', 2));
    assert.deepEqual(updates, []);
  });

  test('keeps it off its forbidden CPUs', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 3, { forbid: '0-4' }));
    assert.equal(node.cpus('db'), '5-7');
  });

  test('goes elsewhere when a shared container would be left without CPUs', () => {
    const node = nodeOf('8 cpus');
    node.create(shared('picky', { forbid: '0,2-7' }), integer('db', 2));
    assert.equal(node.cpus('picky'), '1');
    assert.equal(node.entry('db').cpus.has(1), false);
  });

  test('leaves something to each of several shared containers', () => {
    const node = nodeOf('8 cpus');
    node.create(
      shared('picky', { forbid: '0,3-7' }),
      shared('choosy', { forbid: '0-2,5-7' }),
      integer('db', 6),
    );
    assert.equal(node.cpus('picky')?.length, 1);
    assert.equal(node.cpus('choosy')?.length, 1);
  });

  test('puts an odd CPU beside one that is taken already', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(annotated('io', '2'), integer('db', 1));
    assert.equal(node.cpus('db'), '6');
  });

  test('puts an odd CPU beside one of its own pod, best of all', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.synchronize(on('1', annotated('io', '1')), on('2', integer('db', 1)));
    node.create(integer('db', 1, { id: 'cache', name: 'cache' }));
    assert.equal(node.cpus('cache'), '6');
  });

  test('with capped shares gives it more than 256 CPUs', () => {
    const node = nodeOf('2 packages, 160 cores each');
    node.create(integer('big', 300, { resources: { ...wholeCpus(300), shares: 262144 } }));
    assert.equal(node.entry('big').cpus.size, 300);
  });
});

describe('creating an annotated container', () => {
  test('gives it the listed CPUs, verbatim', () => {
    const node = nodeOf('8 cpus');
    node.create(annotated('io', '5,1,2-3'));
    assert.equal(node.cpus('io'), '1-3,5');
  });

  test('lets it share CPUs with other annotated ones, and keeps them reserved as long as one of them lives', () => {
    const node = nodeOf('8 cpus');
    assert.deepEqual(node.create(annotated('a', '1-3'), annotated('b', '3-5')).updates, []);
    assert.equal(node.ledger.pool.toString(), '0,6-7');
    node.stop('a');
    assert.equal(node.ledger.pool.toString(), '0-2,6-7');
    node.stop('b');
    assert.equal(node.ledger.pool.toString(), '0-7');
  });

  test('shrinks the shared containers on its CPUs in the same answer', () => {
    const node = nodeOf('8 cpus');
    const { updates } = node.create(shared('web'), annotated('io', '2-3'));
    assert.deepEqual(shown(updates), ['web 0-1,4-7']);
  });

  test('ignores its forbidden CPUs', () => {
    const node = nodeOf('8 cpus');
    node.create(annotated('io', '2-3', { forbid: '0-7' }));
    assert.equal(node.cpus('io'), '2-3');
  });

  test('may be one container of a pod whose others are unannotated', () => {
    const node = nodeOf('8 cpus');
    const annotations = { 'weka.io/cores-ids.io': '6-7' };
    const pod = { uid: 'u1', annotations };
    node.create(
      shared('pod', { ...pod, id: 'io', name: 'io' }),
      integer('pod', 2, { ...pod, id: 'db', name: 'db' }),
      shared('pod', { ...pod, id: 'log', name: 'log' }),
    );
    assert.equal(node.cpus('io'), '6-7');
    assert.equal(node.entry('db').workload.kind, 'integer');
    assert.equal(node.cpus('log'), node.ledger.pool.toString());
  });
});

describe('creating an annotated container on the CPUs of integer ones', () => {
  test('moves them away in the same answer', () => {
    const node = nodeOf('3 cores, SMT 2');
    node.create(integer('db', 2, { forbid: '0,3' }));
    assert.equal(node.cpus('db'), '1,4');
    const { updates } = node.create(annotated('io', '1,4'));
    assert.deepEqual(shown(updates), ['db 2,5']);
  });

  test('moves only those that are in the way', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(integer('a', 2), integer('b', 2));
    const { updates } = node.create(annotated('io', node.cpus('a')!));
    assert.deepEqual(
      updates.map(({ id }) => id),
      ['a'],
    );
  });

  test('never moves them to their forbidden CPUs', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2, { forbid: '0,3-6' }));
    assert.equal(node.cpus('db'), '1-2');
    node.create(annotated('io', '1'));
    assert.equal(node.cpus('db'), '2,7');
  });

  test('shrinks the shared containers first, then moves, as no CPU may be in two places', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(integer('db', 2, { forbid: '0,3-4,7' }), shared('web'));
    assert.equal(node.cpus('db'), '1,5');
    const { updates } = node.create(annotated('io', '1,5'));
    assert.deepEqual(shown(updates), ['web 0,3-4,7', 'db 2,6']);
  });

  test('lets one of them have what another one leaves', () => {
    const node = nodeOf('6 cores, SMT 2');
    node.synchronize(
      on('0', integer('a', 1)),
      on('2,8', integer('b', 2)),
      on('6', integer('c', 1)),
      on('1,3-5,7,9-11', shared('web')),
    );
    node.create(annotated('io', '0,2'));
    assert.equal(node.cpus('a'), '8');
    assert.equal(`${node.ledger.pool}`, '3-5,9-11');
    assert.equal(node.cpus('web'), '3-5,9-11');
  });

  test('leaves something to a shared container that can use few CPUs', () => {
    for (const [only, others] of [
      ['0', '1-3'],
      ['2', '0-1,3'],
      ['3', '0-2'],
    ] as const) {
      const node = nodeOf('4 cpus');
      node.create(integer('db', 1), shared('picky', { forbid: others }));
      assert.equal(node.cpus('db'), '1');
      node.create(annotated('io', '1'));
      assert.equal(node.cpus('picky'), only);
      assert.notEqual(node.cpus('db'), only);
    }
  });

  test('says in the journal who moved from where to where', () => {
    const node = nodeOf('3 cores, SMT 2');
    node.create(integer('db', 2, { forbid: '0,3' }), annotated('io', '1,4'));
    const { outcome, kind, cpus, moves, updates } = node.lastRecord;
    assert.deepEqual(
      { outcome, kind, cpus, moves, updates },
      {
        outcome: 'placed',
        kind: 'annotated',
        cpus: '1,4',
        moves: [{ id: 'db', container: 'default/db/main', from: '1,4', to: '2,5' }],
        updates: 1,
      },
    );
  });
});

describe('creating a container whose pod uid and name are those of an older one', () => {
  const first = integer('db', 2, { id: 'db.1' });

  test('takes the place of the older one', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(first);
    const had = node.cpus('db.1');
    node.create(integer('db', 2, { id: 'db.2' }));
    assert.deepEqual([...node.ledger.entries.keys()], ['db.2']);
    assert.equal(node.cpus('db.2'), had);
  });

  test('may need all that the older one had', () => {
    const node = nodeOf('4 cpus');
    node.create(integer('db', 3, { id: 'db.1' }), integer('db', 3, { id: 'db.2' }));
    assert.equal(node.entry('db.2').cpus.size, 3);
  });

  test('leaves the older one as it is when it is refused', () => {
    const node = nodeOf('4 cpus');
    node.create(first);
    node.refuses('not-enough-cpus', () => node.create(integer('db', 5, { id: 'db.2' })));
    assert.deepEqual([...node.ledger.entries.keys()], ['db.1']);
  });

  test('does not count for pods that have no uid', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 1, { id: 'a', uid: '' }), integer('db', 1, { id: 'b', uid: '' }));
    assert.equal(node.ledger.entries.size, 2);
  });

  test('does not end other containers of the pod', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 1, { id: 'a' }), integer('db', 1, { id: 'b', name: 'other' }));
    assert.equal(node.ledger.entries.size, 2);
  });
});

describe('warnings about annotations', () => {
  test('are in the journal with what was decided', () => {
    const node = nodeOf('8 cpus');
    node.create(shared('web', { forbid: '0-x' }));
    assert.equal(node.cpus('web'), '0-7');
    assert.equal(node.lastRecord.outcome, 'placed');
    assert.match(node.lastRecord.warnings?.[0] ?? '', /forbid-core-ids is ignored.*"0-x"/);
  });
});

test('containers of a pod whose names are not told do not replace each other', () => {
  const node = nodeOf('8 cpus');
  const [one, other] = ['one', 'other'].map((id) => integer('p', 2, { id, name: '' }));
  node.ledger.create(one!.pod, one!.container);
  const { adjustment } = node.ledger.create(other!.pod, other!.container);
  assert.deepEqual([...node.ledger.entries.keys()], ['one', 'other']);
  assert.equal(adjustment.cpus?.intersects(node.entry('one').cpus), false);
});
