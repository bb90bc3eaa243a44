import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StickyCpus } from '../../../src/main/ledger/sticky.ts';
import { annotated, cpuset, integer, type Node, nodeOf, on, wholeCpus } from './fixtures.ts';

const MINUTE = 60_000;

/** A node on which `db` had CPUs 3-4, not those that a new container would be given (1-2), and has stopped. */
function leftBehind(): Node {
  const node = nodeOf('8 cpus');
  node.create(integer('first', 2), integer('db', 2));
  assert.equal(node.cpus('db'), '3-4');
  node.stop('db');
  node.stop('first');
  return node;
}

describe('a container that comes back', () => {
  test('gets its CPUs again when its pod is the same one, however late', () => {
    const node = leftBehind();
    node.clock += 1000 * MINUTE;
    node.create(integer('db', 2, { id: 'db.2' }));
    assert.equal(node.cpus('db.2'), '3-4');
  });

  test('gets its CPUs again within ten minutes when its pod was made anew', () => {
    const node = leftBehind();
    node.clock += 10 * MINUTE;
    node.create(integer('db', 2, { uid: 'another' }));
    assert.equal(node.cpus('db'), '3-4');
  });

  test('is like any other after ten minutes when its pod was made anew', () => {
    const node = leftBehind();
    node.clock += 10 * MINUTE + 1;
    node.create(integer('db', 2, { uid: 'another' }));
    assert.equal(node.cpus('db'), '1-2');
  });

  test('is like any other in another namespace or by another name', () => {
    for (const other of [{ namespace: 'shop' }, { name: 'sidecar' }]) {
      const node = leftBehind();
      node.create(integer('db', 2, { uid: 'another', ...other }));
      assert.equal(node.cpus('db'), '1-2');
    }
  });

  test('gets its CPUs again when it crashes without a stop', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('first', 2), integer('db', 2));
    node.stop('first');
    node.create(integer('db', 2, { id: 'db.2' }));
    assert.equal(node.cpus('db.2'), '3-4');
  });

  test('gets its CPUs again after it was removed without a stop', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('first', 2), integer('db', 2));
    node.remove('db');
    node.stop('first');
    node.create(integer('db', 2, { id: 'db.2' }));
    assert.equal(node.cpus('db.2'), '3-4');
  });

  test('gets its CPUs again when it stopped while the plugin was away', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('first', 2), integer('db', 2));
    node.synchronize();
    node.create(integer('db', 2, { id: 'db.2' }));
    assert.equal(node.cpus('db.2'), '3-4');
  });

  test('gets others when somebody has one of its CPUs', () => {
    const node = leftBehind();
    node.create(annotated('io', '4'), integer('db', 2, { id: 'db.2' }));
    assert.equal(node.cpus('db.2'), '1-2');
  });

  test('gets others when there are better ones now', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(annotated('io', '1-3'), integer('db', 2));
    // Two halves of cores, as there was no whole one left but that of CPU 0.
    node.stop('db');
    node.stop('io');
    node.create(integer('db', 2, { id: 'db.2' }));
    assert.equal(node.entry('db.2').cpus.size, 2);
    assert.ok(node.ledger.policy.topology.cores.some((core) => core.equals(node.entry('db.2').cpus)));
  });

  test('gets the best of its CPUs when it is smaller than it was', () => {
    const node = leftBehind();
    node.create(integer('db', 1, { id: 'db.2' }));
    assert.equal(node.cpus('db.2'), '3');
  });

  test('gets its CPUs and the best beside them when it is larger than it was', () => {
    const node = leftBehind();
    node.create(integer('db', 4, { id: 'db.2' }));
    assert.ok(cpuset('3-4').isSubsetOf(node.entry('db.2').cpus));
    assert.equal(node.entry('db.2').cpus.size, 4);
  });

  test('gets the CPUs it had last, not those it once had', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('first', 1), integer('db', 1));
    node.update('db', wholeCpus(2));
    node.stop('first');
    node.stop('db');
    node.create(integer('db', 2, { id: 'db.2' }));
    assert.equal(node.cpus('db.2'), '2-3');
  });

  test('gets the CPUs it had although it has been without any since', () => {
    const node = nodeOf('8 cpus');
    const half = { ...wholeCpus(1), quota: 50_000, shares: 512 };
    node.create(integer('first', 2), integer('db', 2), integer('db', 2, { id: 'db.2', resources: half }));
    node.stop('first');
    node.create(integer('db', 2, { id: 'db.3' }));
    assert.equal(node.cpus('db.3'), '3-4');
  });
});

describe("a pod's next container", () => {
  test('gets the CPUs of its init container when that one has ended', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('first', 2), integer('db', 2, { id: 'init', name: 'init' }));
    node.stop('first');
    node.stop('init');
    node.create(integer('db', 2));
    assert.equal(node.cpus('db'), '3-4');
  });

  test('gets the CPUs of its init container also when that one has ended long before', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('first', 2), integer('db', 2, { id: 'init', name: 'init' }));
    node.stop('first');
    node.stop('init');
    node.clock += 1000 * MINUTE;
    node.create(integer('db', 2));
    assert.equal(node.cpus('db'), '3-4');
  });

  for (const minutes of [0, 1000]) {
    test(`gets its own ones of before rather than those of another container, after ${minutes} minutes`, () => {
      const node = nodeOf('16 cpus');
      const pod = (name: string) => integer('db', 2, { id: name, name });
      node.create(integer('first', 2), pod('a'), pod('b'));
      for (const id of ['a', 'b', 'first']) node.stop(id);
      node.clock += minutes * MINUTE;
      node.create(pod('a'));
      assert.equal(node.cpus('a'), '3-4');
    });
  }
});

describe('the memory of CPUs', () => {
  test('is of integer containers that had CPUs only', () => {
    const node = nodeOf('4 cpus');
    node.create(annotated('io', '3'));
    node.stop('io');
    node.create(integer('io', 1, { id: 'io.2' }));
    assert.equal(node.cpus('io.2'), '1');
  });

  test('does not grow without end', () => {
    const sticky = new StickyCpus();
    const node = nodeOf('8 cpus');
    node.create(integer('db', 1));
    const entry = node.entry('db');
    const numbered = (i: number) => ({ ...entry, pod: { ...entry.pod, uid: `u${i}`, name: `p${i}` } });
    for (let i = 0; i <= 5000; i++) sticky.remember(numbered(i), 0);
    assert.deepEqual(sticky.recall(numbered(0), 0), []);
    assert.ok(sticky.recall(numbered(5000), 0).length > 0);
  });

  test('survives a synchronization', () => {
    const node = leftBehind();
    node.synchronize(on('1', integer('other', 1)));
    node.create(integer('db', 2, { id: 'db.2' }));
    assert.equal(node.cpus('db.2'), '3-4');
  });
});

test('pods without uid do not get the CPUs of one another back', () => {
  const node = nodeOf('8 cpus');
  node.create(integer('first', 1), integer('a', 2, { uid: '' }));
  node.stop('first');
  node.stop('a');
  node.create(integer('b', 2, { uid: '', name: 'other' }));
  assert.equal(node.cpus('b'), '1-2');
});
