import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Cpuset } from '../../../src/placement/cpuset.ts';
import { annotated, cpuset, integer, nodeOf, on, policyOf, shared, shown, wholeCpus } from './fixtures.ts';

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
});

test('containers of a pod whose names are not told do not replace each other', () => {
  const node = nodeOf('8 cpus');
  const [one, other] = ['one', 'other'].map((id) => integer('p', 2, { id, name: '' }));
  node.ledger.create(one!.pod, one!.container);
  const { adjustment } = node.ledger.create(other!.pod, other!.container);
  assert.deepEqual([...node.ledger.entries.keys()], ['one', 'other']);
  assert.equal(adjustment.cpus?.intersects(node.entry('one').cpus), false);
});

test('pods without uid do not get the CPUs of one another back', () => {
  const node = nodeOf('8 cpus');
  node.create(integer('first', 1), integer('a', 2, { uid: '' }));
  node.stop('first');
  node.stop('a');
  node.create(integer('b', 2, { uid: '', name: 'other' }));
  assert.equal(node.cpus('b'), '1-2');
});

test('an answer names a container once, also when it is told the CPUs that others grow from', () => {
  const node = nodeOf('8 cpus', { reservedCpus: '1-2' });
  const listed = [on('1-2', integer('m', 2)), on('0,5-7', shared('x')), on('0-7', shared('y'))];
  const ids = node.ledger.synchronize(listed).map(({ id }) => id);
  assert.deepEqual(ids, [...new Set(ids)]);
});

test('so does the answer to a stop', () => {
  const { ledger } = nodeOf('8 cpus');
  ledger.synchronize([
    on('1-2', integer('m', 2)),
    on('3-4', integer('gone', 2)),
    on('0,5-7', integer('unplaced', 9)),
    on('0,5-7', shared('drifted')),
    on('0,5-7', shared('stopping')),
  ]);
  ledger.remove('gone');
  ledger.changePolicy(policyOf('8 cpus', { reservedCpus: '1-2' }));
  const { epoch } = ledger.entries.get('drifted')!;
  ledger.observe([{ id: 'drifted', cpus: cpuset('0-7'), epoch }]);
  const ids = ledger.stop('stopping').map(({ id }) => id);
  assert.deepEqual(ids, [...new Set(ids)]);
});

describe('an update without an event that failed', () => {
  test('is sent again when it was about the quota alone', () => {
    const { ledger } = nodeOf('4 cpus');
    ledger.create(integer('db', 1).pod, integer('db', 1).container);
    ledger.changePolicy(policyOf('4 cpus', { liftCpuQuota: true }));
    const sent = ledger.reconcile();
    assert.deepEqual(shown(sent), ['db quota -1']);
    ledger.doubt(sent, true);
    assert.deepEqual(shown(ledger.reconcile()), ['db quota -1']);
  });

  test('is sent again when it was about memory nodes alone', () => {
    const { ledger } = nodeOf('2 nodes, 2 cpus each', { numaMemoryPolicy: 'none' });
    ledger.create(annotated('io', '2').pod, annotated('io', '2').container);
    ledger.changePolicy(policyOf('2 nodes, 2 cpus each'));
    const sent = ledger.reconcile();
    assert.deepEqual(shown(sent), ['io mems 1']);
    ledger.doubt(sent, true);
    assert.deepEqual(shown(ledger.reconcile()), ['io mems 1']);
  });
});

test('a warning about an annotation names the container, also when many are listed', () => {
  const node = nodeOf('4 cpus');
  node.synchronize(shared('a', { forbid: 'x' }));
  assert.match(node.lastRecord.warnings?.[0] ?? '', /^default\/a\/main: .*forbid-core-ids/);
});

describe('what else a container has besides CPUs', () => {
  const HALF = { online: cpuset('0-1'), offline: cpuset('2-3') };
  const halved = (spec: string, config = {}) => {
    const { cores, llcs, packages, nodes } = policyOf(spec).topology;
    const left = (level: readonly Cpuset[]) =>
      level.map((cpus) => cpus.intersect(HALF.online)).filter((cpus) => !cpus.isEmpty);
    return policyOf(spec, config, {
      ...HALF,
      cores: left(cores),
      llcs: left(llcs),
      packages: left(packages),
      nodes: nodes.map((node) => ({ ...node, cpus: node.cpus.intersect(HALF.online) })),
    });
  };

  test('its quota is back when it has to run in the pool', () => {
    const lifted = { liftCpuQuota: true };
    const node = nodeOf('4 cpus', lifted);
    node.create(integer('db', 2), shared('web'));
    assert.equal(node.quota('db'), -1);
    node.ledger.changePolicy(halved('4 cpus', lifted));
    assert.match(node.entry('db').unplaced ?? '', /2 exclusive CPUs/);
    assert.deepEqual(shown(node.ledger.reconcile()), ['web 0-1', 'db 0-1 quota 200000']);
  });

  test('its memory nodes stay while some of its CPUs are offline', () => {
    const node = nodeOf('2 nodes, 2 cpus each');
    node.create(annotated('io', '1-2'), shared('web'));
    node.ledger.changePolicy(halved('2 nodes, 2 cpus each'));
    assert.deepEqual(
      shown(node.reconcile()).filter((update) => update.startsWith('io')),
      [],
    );
    assert.deepEqual(shown(node.update('io', {})), ['io 1-2 mems 0-1']);
  });
});

test('a container that is listed twice counts once, as it was listed last', () => {
  const { ledger } = nodeOf('8 cpus');
  const updates = ledger.synchronize([on('1-2', integer('db', 2)), on('3-4', integer('db', 2))]);
  assert.deepEqual(shown(updates), []);
  assert.equal(String(ledger.entries.get('db')?.cpus), '3-4');
});

test('what is wrong with annotations is said once, until they are others or are read by other rules', () => {
  const node = nodeOf('4 cpus');
  const warnings = () => node.lastRecord.warnings ?? [];
  node.synchronize(shared('a', { forbid: 'x' }));
  assert.equal(warnings().length, 1);
  node.synchronize(...node.listing());
  assert.equal(warnings().length, 0);
  node.ledger.changePolicy(policyOf('4 cpus', { priority: 'numa' }));
  assert.equal(warnings().length, 0);
  node.synchronize(shared('a', { forbid: 'y' }));
  assert.equal(warnings().length, 1);
});
