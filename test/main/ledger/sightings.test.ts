import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Ledger } from '../../../src/main/ledger/ledger.ts';
import { annotated, cpuset, integer, nodeOf, policyOf, shared, shown } from './fixtures.ts';

/** A ledger that told `web` CPUs 0 and 3 to 7, and found it on all. */
function foundElsewhere(): Ledger {
  const node = nodeOf('8 cpus');
  node.create(integer('db', 2), shared('web'));
  assert.equal(node.cpus('web'), '0,3-7');
  find(node.ledger, 'web', '0-7');
  return node.ledger;
}

/** A container is found on these CPUs and memory nodes. */
function find(ledger: Ledger, id: string, cpus: string, mems = '0'): void {
  ledger.observe([{ id, cpus: cpuset(cpus), mems, epoch: ledger.entries.get(id)!.epoch }]);
}

/** Where a container is, if that is known to be elsewhere than it was told. */
function seen(ledger: Ledger, id: string): string | undefined {
  return ledger.entries.get(id)?.seen?.toString();
}

describe('a container that was found elsewhere than it was told', () => {
  test('is told again with the answer to a list, where the runtime says what it was told', () => {
    const ledger = foundElsewhere();
    const { pod, container } = ledger.entries.get('web')!;
    const listed = { pod, container: { ...container, resources: { cpus: '0,3-7' } } };
    assert.deepEqual(shown(ledger.synchronize([listed], true)), ['web 0,3-7']);
    assert.equal(seen(ledger, 'web'), undefined);
  });
});

describe('memory nodes that were changed', () => {
  const HOST = '2 nodes, 2 cpus each';

  /** A ledger that found `io`, which it holds to node 1, on both. */
  const foundOnBoth = (): Ledger => {
    const { ledger } = nodeOf(HOST);
    ledger.create(annotated('io', '2-3').pod, annotated('io', '2-3').container);
    find(ledger, 'io', '2-3', '0-1');
    return ledger;
  };

  test('are told again to the pinned container that is held to others', () => {
    const ledger = foundOnBoth();
    assert.equal(seen(ledger, 'io'), '2-3');
    assert.deepEqual(shown(ledger.reconcile()), ['io 2-3 mems 1']);
    find(ledger, 'io', '2-3', '1');
    assert.deepEqual(shown(ledger.reconcile()), []);
  });

  test('are told again together with CPUs that were changed', () => {
    const ledger = foundOnBoth();
    find(ledger, 'io', '0-3', '0-1');
    assert.deepEqual(shown(ledger.reconcile()), ['io 2-3 mems 1']);
  });

  test('are told again with the answer to a list, where the runtime says what it was told', () => {
    const ledger = foundOnBoth();
    const { pod, container } = ledger.entries.get('io')!;
    const listed = { pod, container: { ...container, resources: { cpus: '2-3', mems: '1' } } };
    assert.deepEqual(shown(ledger.synchronize([listed])), ['io 2-3 mems 1']);
  });

  test('and put back by others are nothing to be told', () => {
    const ledger = foundOnBoth();
    find(ledger, 'io', '2-3', '1');
    assert.equal(seen(ledger, 'io'), undefined);
    assert.deepEqual(shown(ledger.reconcile()), []);
  });

  test('are left to others where nobody is held to any', () => {
    const { ledger } = nodeOf(HOST);
    ledger.create(integer('db', 1).pod, integer('db', 1).container);
    find(ledger, 'db', '1', '1');
    assert.deepEqual(shown(ledger.reconcile()), []);
    const held = foundOnBoth();
    find(held, 'io', '2-3', '1');
    held.changePolicy(policyOf(HOST, { numaMemoryPolicy: 'none' }));
    find(held, 'io', '2-3', '0-1');
    assert.deepEqual(shown(held.reconcile()), []);
  });

  test('are not, where the container has yet to be told of any', () => {
    const { ledger } = nodeOf(HOST, { numaMemoryPolicy: 'none' });
    ledger.create(annotated('io', '2-3').pod, annotated('io', '2-3').container);
    ledger.changePolicy(policyOf(HOST));
    find(ledger, 'io', '2-3', '0-1');
    assert.equal(seen(ledger, 'io'), undefined);
    assert.deepEqual(shown(ledger.reconcile()), ['io mems 1']);
  });

  test('are left to the kernel while a CPU of the container is offline', () => {
    const { ledger } = nodeOf(HOST);
    ledger.create(annotated('io', '1-2').pod, annotated('io', '1-2').container);
    const { nodes } = ledger.policy.topology;
    const left = nodes.map((node) => ({ ...node, cpus: node.cpus.minus(cpuset('2')) }));
    ledger.changePolicy(policyOf(HOST, {}, { online: cpuset('0-1,3'), offline: cpuset('2'), nodes: left }));
    find(ledger, 'io', '1', '0');
    assert.deepEqual(shown(ledger.reconcile()), []);
  });
});

describe('an update without an event that was applied', () => {
  test('puts nobody elsewhere who was told nothing since', () => {
    const ledger = foundElsewhere();
    ledger.doubt(ledger.reconcile(), false);
    assert.equal(seen(ledger, 'web'), undefined);
    assert.deepEqual(shown(ledger.reconcile()), []);
  });

  test('may have been applied after an answer that told something else: that is told again', () => {
    const ledger = foundElsewhere();
    const sent = ledger.reconcile();
    assert.deepEqual(shown(sent), ['web 0,3-7']);
    const { pod, container } = annotated('io', '7');
    assert.deepEqual(shown(ledger.create(pod, container).updates), ['web 0,3-6']);
    ledger.doubt(sent, false);
    assert.equal(seen(ledger, 'web'), '0,3-7');
    assert.deepEqual(shown(ledger.reconcile()), ['web 0,3-6']);
  });

  test('may have lifted a quota that an answer had given back: it is given back again', () => {
    const node = nodeOf('4 cpus');
    const { pod, container } = integer('db', 2);
    node.ledger.create(pod, container);
    node.ledger.changePolicy(policyOf('4 cpus', { liftCpuQuota: true }));
    const sent = node.ledger.reconcile();
    assert.deepEqual(shown(sent), ['db quota -1']);
    const answer = node.ledger.update(pod, container, { quota: 150_000, period: 100_000, shares: 1536 });
    assert.deepEqual(shown(answer), ['db 0-3 quota 150000']);
    node.ledger.doubt(sent, false);
    assert.deepEqual(shown(node.ledger.reconcile()), ['db quota 150000']);
    assert.deepEqual(node.ledger.reconcile(), []);
  });

  test('is of no account when the container is gone', () => {
    const ledger = foundElsewhere();
    const sent = ledger.reconcile();
    ledger.stop('web');
    ledger.doubt(sent, false);
    assert.equal(ledger.entries.has('web'), false);
  });
});

describe('an update without an event that failed', () => {
  test('may have left the container anywhere, and is sent again', () => {
    const ledger = foundElsewhere();
    const sent = ledger.reconcile();
    ledger.doubt(sent, true);
    assert.equal(seen(ledger, 'web'), '0-7');
    assert.deepEqual(shown(ledger.reconcile()), ['web 0,3-7']);
  });

  test('is sent again when it was about the quota alone', () => {
    const { ledger } = nodeOf('4 cpus');
    ledger.create(integer('db', 1).pod, integer('db', 1).container);
    ledger.changePolicy(policyOf('4 cpus', { liftCpuQuota: true }));
    const sent = ledger.reconcile();
    assert.deepEqual(shown(sent), ['db quota -1']);
    ledger.doubt(sent, true);
    assert.deepEqual(shown(ledger.reconcile()), ['db quota -1']);
  });

  test('is sent again when it gave a container of the pool its quota back', () => {
    const lifting = { liftCpuQuota: true };
    const { ledger } = nodeOf('4 cpus', lifting);
    ledger.create(integer('db', 2).pod, integer('db', 2).container);
    ledger.changePolicy(policyOf('4 cpus', { ...lifting, reservedCpus: '0-2' }));
    const sent = ledger.reconcile();
    assert.deepEqual(shown(sent), ['db 0-3 quota 200000']);
    ledger.doubt(sent, true);
    assert.deepEqual(shown(ledger.reconcile()), ['db 0-3 quota 200000']);
    assert.deepEqual(ledger.reconcile(), []);
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
