import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Config } from '../../../src/main/config.ts';
import type { Policy } from '../../../src/main/ledger/policy.ts';
import { Cpuset } from '../../../src/placement/cpuset.ts';
import { annotated, cpuset, integer, nodeOf, on, policyOf, shared, shown } from './fixtures.ts';

/** The rules of a host some CPUs of which are offline. */
function without(list: string, spec: string, config: Partial<Config> = {}): Policy {
  const { online, cores, llcs, packages, nodes, maxCpuId } = policyOf(spec).topology;
  const offline = cpuset(list);
  assert.ok(offline.isSubsetOf(Cpuset.range(0, maxCpuId)));
  const left = (level: readonly Cpuset[]) =>
    level.map((cpus) => cpus.minus(offline)).filter((cpus) => !cpus.isEmpty);
  return policyOf(spec, config, {
    online: online.minus(offline),
    offline,
    cores: left(cores),
    llcs: left(llcs),
    packages: left(packages),
    nodes: nodes.map((node) => ({ ...node, cpus: node.cpus.minus(offline) })),
  });
}

describe('when CPUs go offline', () => {
  test('a shared container all of whose CPUs are among them is told others, whatever the pool may grow', () => {
    const { ledger } = nodeOf('4 cpus', { poolGrowth: { rate: 0, burst: 0 } });
    const { pod, container } = shared('web', { forbid: '0-1' });
    ledger.create(pod, container);
    ledger.changePolicy(without('2-3', '4 cpus', { poolGrowth: { rate: 0, burst: 0 } }));
    const { misplaced } = ledger.differences();
    assert.deepEqual(
      misplaced.map((entry) => entry.container.id),
      ['web'],
    );
    assert.deepEqual(shown(ledger.reconcile()), ['web 0-1']);
  });

  test('an integer container keeps those that are left to it, after a restart, too, although they are all of the pool', () => {
    const node = nodeOf('4 cpus');
    node.create(integer('db', 2));
    assert.equal(node.cpus('db'), '1-2');
    node.ledger.changePolicy(without('0,3', '4 cpus'));
    assert.equal(`${node.entry('db').cpus}`, '1-2');
    node.ledger.synchronize(node.listing());
    const { ledger } = nodeOf('4 cpus');
    ledger.changePolicy(without('0,3', '4 cpus'));
    ledger.synchronize([on('1-2', integer('db', 2))]);
    assert.equal(`${ledger.entries.get('db')?.cpus}`, '1-2');
  });

  test('an integer container that has to run in the pool has its quota back', () => {
    const lifted = { liftCpuQuota: true };
    const node = nodeOf('4 cpus', lifted);
    node.create(integer('db', 2), shared('web'));
    assert.equal(node.quota('db'), -1);
    node.ledger.changePolicy(without('2-3', '4 cpus', lifted));
    assert.match(node.entry('db').unplaced ?? '', /2 exclusive CPUs/);
    assert.deepEqual(shown(node.ledger.reconcile()).toSorted(), ['db 0-1 quota 200000', 'web 0-1']);
  });

  test('a pinned container that has others left keeps its memory nodes', () => {
    const node = nodeOf('2 nodes, 2 cpus each');
    node.create(annotated('io', '1-2'), shared('web'));
    node.ledger.changePolicy(without('2-3', '2 nodes, 2 cpus each'));
    assert.deepEqual(
      shown(node.reconcile()).filter((update) => update.startsWith('io')),
      [],
    );
    assert.deepEqual(shown(node.update('io', {})), ['io 1-2 mems 0-1']);
  });
});

test('a shared container is told to leave a CPU that a pinned one owns also while that CPU is offline', () => {
  const noGrowth = { poolGrowth: { rate: 0, burst: 0 } };
  const { ledger } = nodeOf('4 cpus', { ...noGrowth, pinningNamespaces: [] });
  ledger.synchronize([annotated('io', '3'), on('0-3', shared('web'))]);
  ledger.changePolicy(policyOf('4 cpus', noGrowth));
  ledger.changePolicy(without('3', '4 cpus', noGrowth));
  assert.deepEqual(shown(ledger.reconcile()), ['web 0-2', 'io 3']);
});

describe('when CPUs are online again', () => {
  for (const minutes of [1, 1000]) {
    test(`an integer container that had to leave them is given them back, after ${minutes} minutes`, () => {
      const node = nodeOf('8 cpus');
      node.create(integer('first', 2), integer('db', 2), shared('web'));
      assert.equal(node.cpus('db'), '3-4');
      node.stop('first');
      node.ledger.changePolicy(without('1-7', '8 cpus'));
      assert.notEqual(node.entry('db').unplaced, undefined);
      node.reconcile();
      node.clock += minutes * 60_000;
      node.ledger.changePolicy(policyOf('8 cpus'));
      node.reconcile();
      assert.equal(node.cpus('db'), '3-4');
    });
  }
});
