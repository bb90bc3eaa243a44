import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Config } from '../../../src/main/config.ts';
import { ConfigError } from '../../../src/main/config-error.ts';
import type { Seen } from '../../../src/main/ledger/synchronize.ts';
import { annotated, cpuset, integer, nodeOf, on, policyOf, shared, shown, wholeCpus } from './fixtures.ts';

describe('reserved CPUs', () => {
  test('are never given to integer containers and stay in the pool', () => {
    const node = nodeOf('8 cpus', { reservedCpus: '1-3' });
    node.create(integer('db', 4), shared('web'));
    assert.equal(node.cpus('db'), '4-7');
    assert.equal(node.cpus('web'), '0-3');
  });

  test('may be pinned by annotation', () => {
    const node = nodeOf('8 cpus', { reservedCpus: '1-3' });
    node.create(annotated('io', '2'));
    assert.equal(node.cpus('io'), '2');
  });

  test('are not where integer containers are moved to', () => {
    const node = nodeOf('4 cpus', { reservedCpus: '0,3' });
    node.create(integer('db', 1), annotated('io', '1'));
    assert.equal(node.cpus('db'), '2');
    node.refuses('cannot-reassign', () => node.create(annotated('nic', '2')));
  });

  test('may name CPUs that are offline', () => {
    const policy = policyOf('8 cpus', { reservedCpus: '3-7' }, { online: cpuset('0-5') });
    assert.equal(policy.integerCpus.toString(), '0-2');
  });

  test('are an error when this host can never have them', () => {
    assert.throws(() => policyOf('8 cpus', { reservedCpus: '7-8' }), ConfigError);
    assert.throws(() => policyOf('8 cpus', { protectedCpus: '8' }), /protectedCpus.*"8"/);
  });
});

describe('protected CPUs', () => {
  test('are given to neither integer nor annotated containers and stay in the pool', () => {
    const node = nodeOf('8 cpus', { protectedCpus: '1-2' });
    node.create(integer('db', 2), shared('web'));
    assert.equal(node.cpus('db'), '3-4');
    assert.equal(node.cpus('web'), '0-2,5-7');
    node.refuses('cpu-protected', () => node.create(annotated('io', '2')));
  });
});

describe('CPUs isolated at boot', () => {
  const isolating = (isolatedCpus: Config['isolatedCpus']) =>
    nodeOf('8 cpus', { isolatedCpus }, { isolated: cpuset('5-7') });

  test('are left to annotated containers by default', () => {
    const node = isolating('exclude');
    node.create(annotated('io', '5'), integer('db', 4), shared('web'));
    assert.equal(node.cpus('io'), '5');
    assert.equal(node.cpus('db'), '1-4');
    assert.equal(node.cpus('web'), '0');
    node.refuses('not-enough-cpus', () => node.create(integer('cache', 2)));
  });

  test('are what integer containers take first where they are preferred, and not in the pool', () => {
    const node = isolating('prefer');
    node.create(shared('web'), integer('a', 2), integer('b', 2));
    assert.ok(node.entry('a').cpus.isSubsetOf(cpuset('5-7')));
    assert.equal(node.entry('b').cpus.countCommon(cpuset('5-7')), 1);
    assert.equal(node.cpus('web'), node.ledger.pool.toString());
    assert.ok(!node.ledger.pool.intersects(cpuset('5-7')));
  });

  test('are taken even at the price of a whole core where they are preferred', () => {
    const node = nodeOf('4 cores, SMT 2', { isolatedCpus: 'prefer' }, { isolated: cpuset('2,7') });
    node.create(integer('db', 2));
    assert.equal(node.cpus('db'), '2,7');
  });

  test('may be taken where the pool has no CPU to spare', () => {
    const node = nodeOf('4 cpus', { isolatedCpus: 'prefer', minSharedCpus: 2 }, { isolated: cpuset('2-3') });
    node.create(shared('web'), integer('db', 2));
    assert.equal(node.cpus('db'), '2-3');
    assert.equal(node.cpus('web'), '0-1');
  });

  test('are like any others where they are ignored', () => {
    const node = isolating('ignore');
    node.create(shared('web'));
    assert.equal(node.cpus('web'), '0-7');
    node.create(integer('db', 6));
    assert.equal(node.entry('db').cpus.size, 6);
  });
});

describe('minSharedCpus', () => {
  test('is what integer and annotated containers leave in the pool', () => {
    const node = nodeOf('8 cpus', { minSharedCpus: 3 });
    node.create(integer('db', 2), annotated('io', '6-7'));
    node.refuses('pool-too-small', () => node.create(integer('cache', 2)));
    node.refuses('pool-too-small', () => node.create(annotated('nic', '4-5')));
    node.create(annotated('nic', '6-7'), integer('cache', 1));
  });

  test('may be nothing', () => {
    const node = nodeOf('4 cpus', { minSharedCpus: 0 });
    node.create(integer('db', 4));
    assert.equal(node.ledger.pool.size, 0);
  });

  test('does not forbid what takes nothing from a pool that is too small already', () => {
    const node = nodeOf('4 cpus', { minSharedCpus: 0 }, { isolated: cpuset('3') });
    node.create(integer('db', 2));
    node.ledger.changePolicy(policyOf('4 cpus', { minSharedCpus: 2 }, { isolated: cpuset('3') }));
    node.create(annotated('io', '3'));
    node.refuses('pool-too-small', () => node.create(annotated('nic', '0')));
  });
});

describe('the priority', () => {
  // Two nodes; on each one whole core is free, and on the second one also halves of two more.
  const node = (priority: Config['priority']) => {
    const made = nodeOf('2 nodes, 3 cores each, SMT 2, siblings adjacent', { priority });
    made.create(annotated('io', '0-1,4-6,8'));
    return made;
  };

  test('is whole cores by default', () => {
    const siblings = node('siblings');
    siblings.create(integer('db', 4));
    assert.equal(siblings.cpus('db'), '2-3,10-11');
  });

  test('can be few NUMA nodes', () => {
    const numa = node('numa');
    numa.create(integer('db', 4));
    assert.equal(numa.cpus('db'), '7,9-11');
  });

  test('holds for what a container keeps that shrinks', () => {
    for (const [priority, kept] of [
      ['siblings', '2-3,7'],
      ['numa', '7,9,11'],
    ] as const) {
      const shrunk = nodeOf('2 nodes, 3 cores each, SMT 2, siblings adjacent', { priority });
      shrunk.synchronize(on('2-3,7,9,11', integer('db', 5)));
      shrunk.update('db', wholeCpus(3));
      assert.equal(shrunk.cpus('db'), kept);
    }
  });
});

describe('the memory policy', () => {
  const TWO_NODES = '2 nodes, 4 cpus each';

  test('strict holds annotated containers to the nodes of their CPUs', () => {
    const node = nodeOf(TWO_NODES);
    node.create(annotated('one', '5'), annotated('both', '1,6'));
    assert.equal(node.mems('one'), '1');
    assert.equal(node.mems('both'), '0-1');
  });

  test('strict takes the nearest nodes for those without memory', () => {
    const { nodes } = policyOf(TWO_NODES).topology;
    const without = nodes.map((node) => (node.id === 1 ? { ...node, memoryBytes: 0 } : node));
    const node = nodeOf(TWO_NODES, {}, { nodes: without });
    node.create(annotated('io', '5'));
    assert.equal(node.mems('io'), '0');
  });

  test('preferred names the nodes, but restricts nothing', () => {
    const node = nodeOf(TWO_NODES, { numaMemoryPolicy: 'preferred' });
    const { adjustment, preferredNodes } = node.create(annotated('io', '1,6'));
    assert.deepEqual(shown([adjustment]), ['io 1,6']);
    assert.equal(preferredNodes?.toString(), '0-1');
  });

  test('none leaves memory alone', () => {
    const node = nodeOf(TWO_NODES, { numaMemoryPolicy: 'none' });
    const { adjustment, preferredNodes } = node.create(annotated('io', '1,6'));
    assert.deepEqual(shown([adjustment]), ['io 1,6']);
    assert.equal(preferredNodes, undefined);
  });

  for (const numaMemoryPolicy of ['strict', 'preferred', 'none'] as const) {
    test(`${numaMemoryPolicy} never restricts integer and shared containers, also when they move`, () => {
      const node = nodeOf(TWO_NODES, { numaMemoryPolicy });
      assert.equal(node.create(integer('db', 2)).preferredNodes, undefined);
      assert.equal(node.create(shared('web')).preferredNodes, undefined);
      node.create(annotated('io', node.cpus('db')!));
      for (const id of ['db', 'web']) assert.equal(node.mems(id), undefined);
    });
  }
});

describe('lifting the CPU quota', () => {
  test('lets containers with CPUs of their own run without one', () => {
    const node = nodeOf('8 cpus', { liftCpuQuota: true });
    node.create(annotated('io', '7'), integer('db', 2), shared('web'));
    assert.equal(node.quota('io'), -1);
    assert.equal(node.quota('db'), -1);
    assert.equal(node.quota('web'), undefined);
  });

  test('is not done by default', () => {
    const node = nodeOf('8 cpus');
    node.create(annotated('io', '7'), integer('db', 2));
    assert.equal(node.quota('io'), undefined);
    assert.equal(node.quota('db'), undefined);
  });

  for (const cgroupParent of ['', '/kubepods/pod-of-db']) {
    const below = cgroupParent === '' ? 'where that tells no QoS class' : `below ${cgroupParent}`;
    const db = (): Seen => {
      const { pod, container } = integer('db', 2);
      return { pod: { ...pod, cgroupParent }, container };
    };

    test(`and giving it back with the next list leaves containers what they are, ${below}`, () => {
      const node = nodeOf('8 cpus', { liftCpuQuota: true });
      node.create(db());
      const cpus = node.cpus('db');
      node.ledger.changePolicy(policyOf('8 cpus'));
      assert.deepEqual(shown(node.synchronize(...node.listing())), ['db quota 200000']);
      assert.equal(node.entry('db').workload.kind, 'integer');
      assert.equal(node.cpus('db'), cpus);
    });

    test(`does not make a list forget what is to be given back, ${below}`, () => {
      const node = nodeOf('8 cpus', { liftCpuQuota: true });
      node.create(db());
      const cpus = node.cpus('db');
      for (let lists = 0; lists < 2; lists++) assert.deepEqual(node.synchronize(...node.listing()), []);
      node.ledger.changePolicy(policyOf('8 cpus'));
      assert.deepEqual(shown(node.reconcile()), ['db quota 200000']);
      assert.equal(node.entry('db').workload.kind, 'integer');
      assert.equal(node.cpus('db'), cpus);
    });
  }

  test('forgets the quota of a container that was resized while nobody saw it', () => {
    const node = nodeOf('8 cpus', { liftCpuQuota: true });
    node.create(integer('db', 2));
    const [{ pod, container }] = node.listing() as [Seen];
    const resources = { ...container.resources, shares: 3 * 1024 };
    node.synchronize({ pod, container: { ...container, resources } });
    assert.equal(node.ledger.entries.get('db')?.cpus.size, 3);
    node.ledger.changePolicy(policyOf('8 cpus'));
    assert.ok(node.reconcile().every(({ quota }) => quota === undefined));
  });

  test('is not repeated when a container moves', () => {
    const node = nodeOf('4 cpus', { liftCpuQuota: true });
    node.create(integer('db', 1, { forbid: '0,3' }));
    assert.deepEqual(shown(node.create(annotated('io', '1')).updates), ['db 2']);
  });

  test('gives containers their own quota back when it is switched off', () => {
    const node = nodeOf('8 cpus', { liftCpuQuota: true });
    node.create(annotated('io', '7'), integer('db', 2));
    assert.equal(node.quota('db'), -1);
    node.ledger.changePolicy(policyOf('8 cpus'));
    assert.deepEqual(shown(node.reconcile()), ['db quota 200000']);
    assert.deepEqual(shown(node.reconcile()), []);
  });

  test('takes it from those that are running when it is switched on', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), shared('web'));
    node.ledger.changePolicy(policyOf('8 cpus', { liftCpuQuota: true }));
    assert.deepEqual(shown(node.reconcile()), ['db quota -1']);
  });
});

describe('the annotation domain', () => {
  test('is that of all annotations', () => {
    const node = nodeOf('8 cpus', { annotationDomain: 'example.com' });
    node.create(annotated('io', '3'), shared('nic', { annotations: { 'example.com/cores-ids': '4' } }));
    assert.equal(node.entry('io').workload.kind, 'shared');
    assert.equal(node.cpus('nic'), '4');
  });
});
