import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { violations } from '../../../src/main/ledger/invariants.ts';
import {
  annotated,
  containerOf,
  cpuset,
  integer,
  type Node,
  nodeOf,
  on,
  shared,
  shown,
  wholeCpus,
} from './fixtures.ts';

const HALF_A_CPU = { quota: 50_000, period: 100_000, shares: 512 };

/** A ledger's answer to the update of a container that it has never been shown. */
function updateUnseen(node: Node, { pod, container }: ReturnType<typeof containerOf>) {
  return shown(node.ledger.update(pod, container, {}));
}

describe('updating any managed container', () => {
  test("is always answered with the container's own cpuset", () => {
    const node = nodeOf('8 cpus');
    node.create(annotated('io', '6-7'), integer('db', 2), shared('web'));
    assert.deepEqual(shown(node.update('io', { memoryLimit: 1 << 29 })), ['io 6-7 mems 0']);
    assert.deepEqual(shown(node.update('db', wholeCpus(2))), ['db 1-2']);
    assert.deepEqual(shown(node.update('web', { shares: 256 })), ['web 0,3-5']);
  });

  test('repeats the lifted quota', () => {
    const node = nodeOf('8 cpus', { liftCpuQuota: true });
    node.create(integer('db', 2));
    assert.deepEqual(shown(node.update('db', wholeCpus(2))), ['db 1-2 quota -1']);
  });

  test('does not follow the cpuset that is asked for', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2));
    assert.deepEqual(shown(node.update('db', { cpus: '0-7', mems: '0' })), ['db 1-2']);
  });

  test('gives a shared container what the pool has grown to', () => {
    const node = nodeOf('8 cpus', { poolGrowth: { rate: 0, burst: 0 } });
    node.create(shared('web'), integer('db', 4));
    node.stop('db');
    assert.equal(node.cpus('web')?.includes('0-7'), false);
    node.update('web', { shares: 256 });
    assert.equal(node.cpus('web'), '0-7');
  });

  test('leaves a shared container where it is when the pool has become empty', () => {
    const { ledger } = nodeOf('2 cpus', { minSharedCpus: 0 });
    const web = on('0', shared('web'));
    ledger.synchronize([on('0-1', annotated('io', '0-1')), web]);
    assert.deepEqual(shown(ledger.update(web.pod, web.container, { shares: 256 })), ['web 0']);
    assert.equal(ledger.entries.get('web')?.told.cpus?.toString(), '0');
  });

  test('is in the journal', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2));
    node.update('db', wholeCpus(3));
    const { event, outcome, kind, cpus, container } = node.lastRecord;
    assert.deepEqual(
      { event, outcome, kind, cpus, container },
      { event: 'update', outcome: 'resized', kind: 'integer', cpus: '1-3', container: 'default/db/main' },
    );
    node.update('db', wholeCpus(3));
    assert.equal(node.lastRecord.outcome, 'kept');
  });
});

describe('resizing an integer container', () => {
  test('lets it grow around the CPUs it has', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(integer('a', 2), integer('b', 2), integer('db', 2));
    assert.equal(node.cpus('db'), '3,7');
    node.stop('a');
    node.stop('b');
    node.update('db', wholeCpus(4));
    assert.equal(node.cpus('db'), '1,3,5,7');
  });

  test('completes a core of which it has one CPU', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(integer('a', 1));
    const core = node.cpus('a') === '1' ? '1,5' : node.cpus('a');
    node.update('a', wholeCpus(2));
    assert.equal(node.cpus('a'), core);
  });

  test('shrinks the shared containers on the new CPUs first', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(integer('a', 2), shared('web'));
    assert.deepEqual(shown(node.update('a', wholeCpus(4))), ['web 0,3-4,7', 'a 1-2,5-6']);
  });

  test('avoids its forbidden CPUs', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2, { forbid: '3-5' }));
    node.update('db', wholeCpus(4));
    assert.equal(node.cpus('db'), '1-2,6-7');
  });

  test('avoids the last CPU of a shared container', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), shared('picky', { forbid: '0-2,4-7' }));
    node.update('db', wholeCpus(4));
    assert.equal(node.cpus('db'), '1-2,4-5');
  });

  test('is not refused for a shared container that has lost its CPUs before', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(on('1', integer('db', 1)), shared('lost', { forbid: '0,2-7' }));
    node.update('db', wholeCpus(2));
    assert.equal(node.cpus('db'), '1-2');
  });

  test('keeps the CPU beside one that is taken when it shrinks to an odd one', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.synchronize(on('2', annotated('io', '2')), on('1,6', integer('db', 2)));
    node.update('db', wholeCpus(1));
    assert.equal(node.cpus('db'), '6');
  });

  test('keeps the CPU beside another container of its pod when it shrinks to an odd one', () => {
    const node = nodeOf('4 cores, SMT 2');
    const sidecar = integer('db', 1, { id: 'sidecar', name: 'sidecar' });
    node.synchronize(on('2', annotated('io', '2')), on('3', sidecar), on('6-7', integer('db', 2)));
    node.update('db', wholeCpus(1));
    assert.equal(node.cpus('db'), '7');
  });

  test('keeps isolated CPUs before all others when it shrinks, where those are preferred', () => {
    const node = nodeOf('4 cores, SMT 2', { isolatedCpus: 'prefer' }, { isolated: cpuset('2,7') });
    node.create(integer('db', 4));
    node.update('db', wholeCpus(2));
    assert.equal(node.cpus('db'), '2,7');
    assert.equal(node.ledger.pool.toString(), '0-1,3-6');
  });

  test('keeps whole cores when it shrinks', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(integer('db', 5));
    node.update('db', wholeCpus(4));
    assert.equal(node.entry('db').cpus.size, 4);
    for (const core of node.ledger.policy.topology.cores) {
      assert.notEqual(core.countCommon(node.entry('db').cpus), 1, 'no core is split');
    }
  });

  test('keeps what is closest together when it shrinks', () => {
    const node = nodeOf('2 nodes, 4 cpus');
    node.create(annotated('io', '3'), integer('db', 6));
    node.update('db', wholeCpus(4));
    assert.equal(node.cpus('db'), '4-7');
  });

  test('gives back the CPUs it no longer needs', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 4));
    node.update('db', wholeCpus(1));
    assert.equal(node.ledger.pool.size, 7);
    node.create(integer('cache', 6));
  });

  test('is refused when it does not fit, which changes nothing', () => {
    const node = nodeOf('4 cpus');
    node.create(integer('db', 1), annotated('io', '3'), shared('web'));
    node.refuses(
      'not-enough-cpus',
      () => node.update('db', wholeCpus(4)),
      'update container default/db/main',
      'asks for 4 exclusive CPUs: 3 are free; held by default/io/main 3 (annotated)',
    );
    node.refuses('pool-too-small', () => node.update('db', wholeCpus(3)), 'leave 0');
    assert.equal(node.cpus('db'), '1');
    node.update('db', wholeCpus(2));
    assert.equal(node.entry('db').cpus.size, 2);
  });

  test('needs no quota when the quota was lifted here', () => {
    const node = nodeOf('8 cpus', { liftCpuQuota: true });
    node.create(integer('db', 2));
    assert.equal(node.quota('db'), -1);
    node.update('db', { quota: -1, shares: 3072 });
    assert.equal(node.entry('db').cpus.size, 3);
  });

  test('with capped shares and no quota keeps all it has', () => {
    const node = nodeOf('2 nodes, 160 cores', { liftCpuQuota: true });
    node.create(integer('big', 300, { resources: { ...wholeCpus(300), shares: 262144 } }));
    node.update('big', { quota: -1, shares: 262144 });
    assert.equal(node.entry('big').cpus.size, 300);
  });
});

describe('a container that changes its kind', () => {
  test('joins the pool when it is given a fraction of a CPU', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), shared('web'));
    node.update('db', HALF_A_CPU);
    assert.equal(node.cpus('db'), '0-7');
    assert.equal(node.entry('db').workload.kind, 'shared');
    node.create(integer('cache', 7));
  });

  test('gets CPUs of its own when it is given whole ones', () => {
    const node = nodeOf('8 cpus');
    node.create(shared('web'), containerOf('db', { resources: { ...wholeCpus(1), ...HALF_A_CPU } }));
    assert.equal(node.cpus('db'), '0-7');
    assert.deepEqual(shown(node.update('db', wholeCpus(2))), ['web 0,3-7', 'db 1-2']);
  });

  test('stays as it is when whole CPUs do not fit', () => {
    const node = nodeOf('2 cpus');
    node.create(integer('cache', 1), containerOf('db', { resources: { ...wholeCpus(1), ...HALF_A_CPU } }));
    node.refuses('pool-too-small', () => node.update('db', wholeCpus(1)));
    assert.equal(node.entry('db').workload.kind, 'shared');
  });

  test('never does so when it is annotated', () => {
    const node = nodeOf('8 cpus');
    node.create(annotated('io', '3'));
    node.update('io', wholeCpus(2));
    assert.equal(node.cpus('io'), '3');
  });

  test('keeps its forbidden CPUs and its opt-out', () => {
    const node = nodeOf('8 cpus');
    const annotations = { 'weka.io/exclusive': 'false' };
    node.create(containerOf('mesh', { forbid: '0', annotations, resources: HALF_A_CPU }));
    node.update('mesh', wholeCpus(2));
    assert.equal(node.cpus('mesh'), '1-7');
  });
});

describe('an update of a container that was never seen', () => {
  test('takes it on, an integer one with CPUs of its own', () => {
    const node = nodeOf('8 cpus');
    assert.deepEqual(updateUnseen(node, integer('db', 2)), ['db 1-2']);
    assert.equal(node.lastRecord.outcome, 'adopted');
    assert.equal(node.entry('db').workload.kind, 'integer');
  });

  test('leaves it on the CPUs it has', () => {
    const node = nodeOf('8 cpus');
    assert.deepEqual(updateUnseen(node, on('5-6', integer('db', 2))), ['db 5-6']);
  });

  test('leaves it there although shared containers are on those CPUs too', () => {
    const node = nodeOf('8 cpus');
    node.create(shared('web'));
    assert.deepEqual(updateUnseen(node, on('5-6', integer('db', 2))), ['web 0-4,7', 'db 5-6']);
  });

  test('judges it by the resources that it is to have', () => {
    const node = nodeOf('8 cpus');
    const { pod, container } = integer('db', 2);
    assert.deepEqual(shown(node.ledger.update(pod, container, wholeCpus(3))), ['db 1-3']);
  });

  test('pins an annotated one, and moves others out of its way', () => {
    const node = nodeOf('4 cpus');
    node.create(integer('db', 1, { forbid: '0,3' }), shared('web'));
    assert.deepEqual(updateUnseen(node, annotated('io', '1')), ['web 0,3', 'db 2', 'io 1 mems 0']);
  });

  test('moves an integer one away also from where an annotated one runs already', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2));
    assert.equal(node.cpus('db'), '1-2');
    const { pod, container } = on('1-2', annotated('io', '1-2'));
    const updates = node.ledger.update(pod, container, {});
    assert.deepEqual(
      updates.map(({ id }) => id),
      ['db', 'io'],
    );
    assert.deepEqual(violations(node.ledger), []);
  });

  test('puts a shared one into the pool', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2));
    assert.deepEqual(updateUnseen(node, shared('web')), ['web 0,3-7']);
  });

  test('puts into the pool what cannot be placed, as it is running already', () => {
    const node = nodeOf('4 cpus');
    assert.deepEqual(updateUnseen(node, integer('db', 4)), ['db 0-3']);
    assert.match(node.entry('db').unplaced ?? '', /asks for 4 exclusive CPUs/);
    assert.deepEqual(updateUnseen(node, annotated('io', 'x')), ['io 0-3']);
    assert.match(node.entry('io').unplaced ?? '', /"x"/);
  });

  test('counts from then on', () => {
    const node = nodeOf('4 cpus');
    updateUnseen(node, integer('db', 3));
    node.ledger.stop('db');
    assert.equal(node.ledger.pool.size, 4);
  });
});

describe('an unplaced container', () => {
  test('is placed when it is resized to what fits', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(integer('db', 4));
    assert.notEqual(node.entry('db').unplaced, undefined);
    node.update('db', wholeCpus(2));
    assert.equal(node.entry('db').cpus.size, 2);
    assert.equal(node.entry('db').unplaced, undefined);
  });

  test('is no error when it still does not fit', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(integer('db', 4));
    assert.deepEqual(shown(node.update('db', wholeCpus(5))), ['db 0-3']);
    assert.match(node.entry('db').unplaced ?? '', /asks for 5/);
    assert.match(node.lastRecord.reason ?? '', /asks for 5/);
  });

  test('is not unplaced any more when it is resized to a fraction of a CPU', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(integer('db', 4));
    node.update('db', HALF_A_CPU);
    assert.equal(node.entry('db').unplaced, undefined);
  });

  test('waits until the one that shrinks has left the CPUs', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(on('1-3', integer('db', 3)), integer('cache', 2));
    assert.notEqual(node.entry('cache').unplaced, undefined);
    node.update('db', wholeCpus(1));
    node.create(shared('web'));
    assert.equal(node.entry('cache').cpus.size, 2);
  });
});

describe('an update that says nothing of some resources', () => {
  // Runtimes hand over the 0 that stands for that in the CRI.
  const NOTHING = { quota: 0, period: 0, shares: 0, memoryLimit: 0 };

  test('of memory alone leaves an integer container its CPUs', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), shared('web'));
    assert.deepEqual(shown(node.update('db', { ...NOTHING, memoryLimit: 1 << 29 })), ['db 1-2']);
    assert.equal(node.entry('db').workload.kind, 'integer');
  });

  test('of the cpuset alone does, too', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2));
    assert.deepEqual(shown(node.update('db', { ...NOTHING, cpus: '5' })), ['db 1-2']);
  });

  test('of CPUs alone resizes it', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2));
    node.update('db', { ...wholeCpus(3), memoryLimit: 0 });
    assert.equal(node.cpus('db'), '1-3');
  });

  test('takes on an integer container that was never seen as one', () => {
    const { ledger } = nodeOf('8 cpus');
    const { pod, container } = on('1-2', integer('db', 2));
    assert.deepEqual(shown(ledger.update(pod, container, NOTHING)), ['db 1-2']);
    assert.equal(ledger.entries.get('db')?.workload.kind, 'integer');
  });
});
