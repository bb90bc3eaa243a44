import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { violations } from '../../../src/main/ledger/invariants.ts';
import type { Ledger } from '../../../src/main/ledger/ledger.ts';
import type { Seen } from '../../../src/main/ledger/synchronize.ts';
import {
  annotated,
  cpuset,
  integer,
  type Node,
  nodeOf,
  on,
  policyOf,
  shared,
  shown,
  wholeCpus,
} from './fixtures.ts';

describe('the updates of an answer', () => {
  test('are none when nothing changes for anybody', () => {
    const node = nodeOf('8 cpus');
    node.create(shared('web', { forbid: '0-3' }), integer('db', 2, { forbid: '4-7' }));
    assert.deepEqual(node.create(annotated('io', '3')).updates, []);
    assert.deepEqual(node.create(shared('api', { forbid: '3' })).updates, []);
    assert.deepEqual(node.stop('io'), []);
  });

  test('name only what has changed of a container', () => {
    const node = nodeOf('2 nodes, 4 cpus', { liftCpuQuota: true });
    const { pod, container } = on('5', annotated('io', '5'));
    assert.deepEqual(shown(node.synchronize({ pod, container })), ['io mems 1 quota -1']);
    assert.deepEqual(shown(node.synchronize(...node.listing())), []);
  });

  test('never name the container that the answer is about', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2));
    assert.deepEqual(shown(node.create(annotated('io', '1-2')).updates).length, 1);
  });

  test('say who shrinks, then who moves, and leave who grows for later', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(integer('db', 2, { forbid: '0,3-4,7' }), shared('web'), shared('log', { forbid: '2,6' }));
    const { updates } = node.create(annotated('io', '1'));
    // Moving away from CPU 1 frees CPU 5 as well, but db is still on it while the others shrink.
    assert.deepEqual(shown(updates), ['web 0,3-4,7', 'db 2,6']);
    assert.equal(node.ledger.pool.toString(), '0,3-5,7');
  });

  test('let the CPUs that a moved container has left join the pool with a later answer', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.create(integer('db', 2, { forbid: '0,3-4,7' }), shared('web'), shared('api'));
    node.create(annotated('io', '1'));
    node.stop('api');
    assert.equal(node.cpus('web'), '0,3-5,7');
  });

  test('say who shrinks, who moves and then who grows when something stops', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(
      on('1-5', integer('db', 5)),
      integer('waiting', 3, { forbid: '0,4-7' }),
      on('0,6-7', shared('web')),
    );
    assert.deepEqual(shown(node.stop('db')), ['waiting 1-3', 'web 0,4-7']);
  });

  test('move a chain of containers from its end', () => {
    const node = nodeOf('4 cpus');
    const updates = node.synchronize(
      on('1', annotated('a', '2')),
      on('2', integer('b', 1, { forbid: '0-1' })),
    );
    assert.deepEqual(shown(updates), ['b 3', 'a 2 mems 0']);
  });

  test('come to an end also where two containers are each on the CPU of the other', () => {
    const { ledger } = nodeOf('3 cpus', { minSharedCpus: 0 });
    const listed = [on('1', annotated('a', '2')), on('2', integer('b', 1, { forbid: '0,2' }))];
    const updates = ledger.synchronize(listed);
    assert.deepEqual(shown(updates).toSorted(), ['a 2 mems 0', 'b 1']);
  });

  test('make a pinned container withdraw first from where those go that make way for it', () => {
    const { ledger } = nodeOf('7 cpus');
    for (const { pod, container } of [integer('a', 2), integer('b', 2)]) ledger.create(pod, container);
    assert.deepEqual(
      [...ledger.entries.values()].map(({ cpus }) => `${cpus}`),
      ['1-2', '3-4'],
    );
    // No event showed this one before; while both are there it has to run in the pool.
    const { pod, container } = annotated('io', '1-4');
    assert.deepEqual(shown(ledger.update(pod, container, {})), ['io 0,5-6']);
    assert.deepEqual(shown(ledger.stop('b')), ['io 6', 'a 0,5']);
    assert.deepEqual(violations(ledger), []);
    assert.deepEqual(shown(ledger.reconcile()), ['io 1-4 mems 0']);
  });

  test('leave a pinned container in the pool while there is nothing to withdraw to', () => {
    const { ledger } = nodeOf('2 cpus', { minSharedCpus: 0 });
    for (const { pod, container } of [integer('db', 1), shared('web')]) ledger.create(pod, container);
    const { pod, container } = annotated('io', '1');
    assert.deepEqual(shown(ledger.update(pod, container, {})), ['io 0']);
    // The two could only change places.
    assert.deepEqual(shown(ledger.stop('web')), []);
    assert.match(
      String(ledger.entries.get('io')?.unplaced),
      /no CPU to default\/io\/main, which runs in the pool/,
    );
    assert.deepEqual(shown(ledger.stop('db')), ['io 1 mems 0']);
  });

  test('let an integer container that is in the way wait in the pool while there is nothing to withdraw to', () => {
    const { ledger } = nodeOf('2 cpus', { minSharedCpus: 0 });
    const updates = ledger.synchronize([on('0', annotated('io', '1')), on('1', integer('db', 1))]);
    assert.deepEqual(shown(updates), ['db 0', 'io 1 mems 0']);
    assert.equal(ledger.entries.get('db')?.cpus.isEmpty, true);
    assert.deepEqual(shown(ledger.reconcile()), []);
    assert.equal(String(ledger.entries.get('db')?.cpus), '0');
  });

  test('do not repeat memory nodes to a pinned container that was resized while its CPU was offline', () => {
    const node = nodeOf('2 cpus');
    node.create(annotated('io', '1'));
    const nodes = node.ledger.policy.topology.nodes.map((each) => ({ ...each, cpus: cpuset('0') }));
    node.ledger.changePolicy(policyOf('2 cpus', {}, { online: cpuset('0'), offline: cpuset('1'), nodes }));
    assert.deepEqual(shown(node.update('io', { shares: 512 })), ['io 1 mems 0']);
    node.ledger.changePolicy(policyOf('2 cpus'));
    assert.deepEqual(shown(node.reconcile()), []);
  });

  test('let annotated containers change places in any order, as they may overlap', () => {
    const node = nodeOf('4 cpus');
    const updates = node.synchronize(on('1', annotated('a', '2')), on('2', annotated('b', '1')));
    assert.deepEqual(shown(updates), ['a 2 mems 0', 'b 1 mems 0']);
  });

  test('leave a shared container a CPU that it is on, where those that move can go elsewhere', () => {
    const node = nodeOf('3 cores, SMT 2');
    node.create(integer('db', 2, { forbid: '0,3' }), shared('web', { forbid: '0-1,3' }));
    assert.equal(node.entry('db').cpus.toString(), '1,4');
    // A whole core, 2 and 5, would be better for db, but leave web nothing but CPU 4, which db is still on by then.
    assert.deepEqual(shown(node.create(annotated('io', '1')).updates), ['web 2', 'db 4-5']);
  });

  test('shrink a container onto CPUs that are being left only where nothing else can be left to it', () => {
    const { ledger } = nodeOf('8 cpus');
    ledger.synchronize([
      on('1', integer('a', 1, { forbid: '0,3-7' })),
      on('4-5', integer('b', 2, { forbid: '0-3' })),
      on('2', shared('web', { forbid: '0-1,3,5-7' })),
    ]);
    const { pod, container } = annotated('io', '1,5');
    assert.deepEqual(shown(ledger.create(pod, container).updates), ['web 4', 'a 2', 'b 6-7']);
  });

  test('grow and shrink a container in one step', () => {
    const node = nodeOf('8 cpus', { poolGrowth: { rate: 0, burst: 0 } });
    node.create(integer('a', 2), shared('web'));
    node.stop('a');
    assert.equal(node.cpus('web'), '0,3-7');
    node.clock += 1000;
    assert.deepEqual(shown(node.create(annotated('io', '7')).updates), ['web 0-6']);
  });

  test('of a resize do not hand out what the resized container has yet to leave', () => {
    const node = nodeOf('8 cpus', { poolGrowth: { rate: 0, burst: 0 } });
    node.create(integer('a', 2), integer('db', 4), shared('web'));
    node.stop('a');
    assert.deepEqual(shown(node.update('db', wholeCpus(2))), ['db 3-4']);
    assert.equal(node.ledger.pool.toString(), '0-2,5-7');
    assert.equal(node.cpus('web'), '0,7');
  });
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
  ledger.observe([{ id: 'drifted', cpus: cpuset('0-7'), mems: '0', epoch }]);
  const ids = ledger.stop('stopping').map(({ id }) => id);
  assert.deepEqual(ids, [...new Set(ids)]);
});

describe('the answer to an update that comes when others are to move, and nobody was told yet', () => {
  /** On CPUs 1 and 2 `db`, which has to leave CPU 1 for CPU 3. */
  const beside = (other: Seen): Node => {
    const node = nodeOf('8 cpus', { pinningNamespaces: [] });
    node.synchronize(on('1-2', integer('db', 2)), other);
    return node;
  };

  test('moves nobody to a CPU that the shared container it is about has yet to leave, nor that one to theirs', () => {
    const { pod, container } = shared('web');
    const { ledger } = beside({ pod, container });
    ledger.changePolicy(policyOf('8 cpus', { reservedCpus: '1' }));
    assert.equal(`${ledger.entries.get('db')?.cpus}`, '2-3');
    assert.deepEqual(shown(ledger.update(pod, container, { shares: 256 })), ['web 0,4-7']);
    assert.deepEqual(shown(ledger.reconcile()), ['db 2-3', 'web 0-1,4-7']);
  });

  test('moves nobody to a CPU that the integer container it is about has yet to leave', () => {
    const node = beside(annotated('io', '1'));
    assert.equal(node.cpus('io'), '0,3-7');
    node.ledger.changePolicy(policyOf('8 cpus'));
    assert.equal(`${node.entry('db').cpus}`, '2-3');
    // It withdraws from where the other one goes.
    assert.deepEqual(shown(node.update('db', wholeCpus(2))), ['io 0,4-7', 'db 2-3']);
    assert.deepEqual(shown(node.reconcile()), ['io 1 mems 0']);
  });

  test('tells a shared container of a CPU that is being left only where nothing else can be left to it', () => {
    const { pod, container } = shared('web', { forbid: '0,2-7' });
    const { ledger } = beside({ pod, container });
    ledger.changePolicy(policyOf('8 cpus', { reservedCpus: '1' }));
    assert.deepEqual(shown(ledger.update(pod, container, { shares: 256 })), ['web 1']);
  });

  test('names one once that leaves for its own CPUs', () => {
    const node = beside(annotated('io', '5'));
    node.ledger.changePolicy(policyOf('8 cpus', { reservedCpus: '1' }));
    assert.deepEqual(shown(node.update('db', wholeCpus(2))), ['io 5 mems 0', 'db 2-3']);
  });
});

describe('a container of the pool is not told of a CPU that is being left, where pinned ones are about to leave all others', () => {
  /** A ledger in which `db` has to leave CPU 1 and `io` the pool, and nobody was told that. */
  const unsettled = (): Ledger => {
    const node = nodeOf('8 cpus', { pinningNamespaces: [] });
    node.synchronize(on('1-2', integer('db', 2)), annotated('io', '5'), shared('web'));
    assert.deepEqual([node.cpus('io'), node.cpus('web')], ['0,3-7', '0,3-7']);
    node.ledger.changePolicy(policyOf('8 cpus', { reservedCpus: '1' }));
    assert.equal(`${node.ledger.pool}`, '0-1,4,6-7');
    return node.ledger;
  };

  test('with others', () => {
    assert.deepEqual(shown(unsettled().reconcile()), ['web 0,4,6-7', 'io 5 mems 0', 'db 2-3']);
  });

  test('when it is updated', () => {
    const { pod, container } = shared('web');
    assert.deepEqual(shown(unsettled().update(pod, container, { shares: 256 })), ['web 0,4,6-7']);
  });
});

test('of two that change places one withdraws to CPUs it keeps, and is on all of its own with the next answer', () => {
  const config = { minSharedCpus: 0, priority: 'numa', reservedCpus: '10' } as const;
  const node = nodeOf('2 packages, 2 nodes each, 2 cores each, SMT 2', config);
  node.synchronize(
    on('0-1,6,8-9', integer('a', 5)),
    on('14', integer('b', 1)),
    on('7,15', integer('c', 2, { forbid: '12-13' })),
    on('11', integer('d', 1)),
    on('2-5', annotated('io', '2-5')),
  );
  assert.deepEqual(shown(node.create(annotated('pinned', '6-7')).updates), ['a 1,9', 'c 0,8']);
  assert.equal(`${node.entry('a').cpus}`, '1,9,12-13,15');
  assert.deepEqual(shown(node.reconcile()), ['a 1,9,12-13,15']);
});

test('of two that change places and keep nothing one is given first what nobody is on', () => {
  const node = nodeOf('4 cores, SMT 2', { minSharedCpus: 0 });
  node.synchronize(on('1-2,5', integer('a', 3)), on('0,4', integer('b', 2, { forbid: '6-7' })));
  assert.deepEqual(shown(node.create(annotated('pinned', '2-4')).updates), ['a 6-7', 'b 1,5']);
  assert.deepEqual(shown(node.reconcile()), ['a 0,6-7']);
});
