import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Refusal } from '../../../src/main/ledger/refusal.ts';
import { annotated, cpuset, integer, type Node, nodeOf, on, shared } from './fixtures.ts';

/** The message of the refusal that a turn ends with. */
function messageOf(turn: () => unknown): string {
  try {
    turn();
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
  return assert.fail('nothing was refused');
}

/** A node whose CPUs 6 and 7 are offline. */
function halfOnline(): Node {
  const online = cpuset('0-5');
  return nodeOf('8 cpus', {}, { online, offline: cpuset('6-7') });
}

describe('an annotated container is refused', () => {
  test('when a CPU of its list is offline', () => {
    const node = halfOnline();
    node.refuses('cpu-not-online', () => node.create(annotated('io', '5-6')), '5-6', '6 offline', '0-5');
  });

  test('when a CPU of its list is not on this host', () => {
    const node = nodeOf('8 cpus', {}, { maxCpuId: 15 });
    node.refuses('cpu-not-online', () => node.create(annotated('io', '7-9')), '8-9 not on this host', '0-7');
  });

  test('when CPUs of its list are both', () => {
    const parts = { maxCpuId: 15, online: cpuset('0-5'), offline: cpuset('6-7') };
    const node = nodeOf('8 cpus', {}, parts);
    node.refuses(
      'cpu-not-online',
      () => node.create(annotated('io', '5-8')),
      '6-7 offline, 8 not on this host',
    );
  });

  test('when a CPU of its list is protected', () => {
    const node = nodeOf('8 cpus', { protectedCpus: '0-1' });
    node.refuses('cpu-protected', () => node.create(annotated('io', '1-2')), '1-2', '1 protected');
  });

  test('when its namespace may not pin', () => {
    const node = nodeOf('8 cpus', { pinningNamespaces: ['storage', 'db-*'] });
    const pin = (namespace: string) => () => node.create(annotated(`io-${namespace}`, '3', { namespace }));
    node.refuses('namespace-may-not-pin', pin('default'), 'namespace default may not pin');
    node.refuses('namespace-may-not-pin', pin('storage2'));
    pin('storage')();
    pin('db-blue')();
  });

  test('when its list is none', () => {
    const node = nodeOf('8 cpus');
    for (const list of ['', '5-1', 'a', '0-4294967295']) {
      const parts = ['weka.io/cores-ids', JSON.stringify(list)];
      node.refuses('bad-annotation', () => node.create(annotated('io', list)), ...parts);
    }
  });

  test('when integer containers on its CPUs cannot all be moved', () => {
    const node = nodeOf('4 cpus');
    node.create(integer('db', 2));
    const parts = ['1-3', 'default/db/main 1-2 (integer)', '2', '1'];
    node.refuses('cannot-reassign', () => node.create(annotated('io', '1-3')), ...parts);
  });

  test('when integer containers on its CPUs may not go elsewhere', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 1, { forbid: '0,2-7' }));
    node.refuses('cannot-reassign', () => node.create(annotated('io', '1')), 'default/db/main');
  });

  test('when moving integer containers away would leave too little of the pool', () => {
    const node = nodeOf('4 cpus', { minSharedCpus: 2 });
    node.create(integer('db', 1));
    node.refuses('cannot-reassign', () => node.create(annotated('io', '0-1')), 'min-shared');
  });

  test('when too little of the pool would remain', () => {
    const node = nodeOf('4 cpus', { minSharedCpus: 2 });
    node.refuses('pool-too-small', () => node.create(annotated('io', '0-2')), 'leave 1', 'at least 2');
    node.create(annotated('io', '0-1'));
  });

  test('when a living shared container would be left without CPUs', () => {
    const node = nodeOf('4 cpus');
    node.create(shared('picky', { forbid: '0-2' }));
    const parts = ['annotated container asks for CPUs 3', 'default/picky/main'];
    node.refuses('shared-container-starved', () => node.create(annotated('io', '3')), ...parts);
  });

  test('when moves in its favour would leave a living shared container without CPUs', () => {
    const node = nodeOf('3 cpus', { minSharedCpus: 0 });
    node.create(integer('db', 1), shared('picky', { forbid: '0-1' }));
    assert.equal(node.cpus('db'), '1');
    node.refuses('shared-container-starved', () => node.create(annotated('io', '0-1')), 'default/picky/main');
  });
});

describe('an integer container is refused', () => {
  test('when too few CPUs are free', () => {
    const node = nodeOf('8 cpus');
    node.create(annotated('io', '0-3'));
    const parts = ['asks for 5 exclusive CPUs', '4 are free', 'default/io/main 0-3 (annotated)'];
    node.refuses('not-enough-cpus', () => node.create(integer('db', 5)), ...parts);
  });

  test('when too few are free outside of its forbidden CPUs', () => {
    const node = nodeOf('8 cpus');
    const parts = ['3 are free', '5 more may not be given to it', 'held by nobody'];
    node.refuses('not-enough-cpus', () => node.create(integer('db', 4, { forbid: '0-4' })), ...parts);
  });

  test('when too few are free outside of reserved and isolated CPUs', () => {
    const node = nodeOf('8 cpus', { reservedCpus: '0-1' }, { isolated: cpuset('6-7') });
    node.refuses('not-enough-cpus', () => node.create(integer('db', 5)), '4 are free');
  });

  test('when too little of the pool would remain', () => {
    const node = nodeOf('8 cpus', { minSharedCpus: 3 });
    const parts = ['asks for 6', 'leave 2', 'at least 3', 'minSharedCpus'];
    node.refuses('pool-too-small', () => node.create(integer('db', 6)), ...parts);
    node.create(integer('db', 5));
  });

  test('when by default not one CPU of the pool would remain', () => {
    const node = nodeOf('8 cpus');
    node.refuses('pool-too-small', () => node.create(integer('db', 8)));
  });

  test('when a living shared container would be left without CPUs, wherever it goes', () => {
    const node = nodeOf('4 cpus', { minSharedCpus: 0 });
    node.create(shared('picky', { forbid: '0-2' }));
    node.refuses('shared-container-starved', () => node.create(integer('db', 4)), 'default/picky/main');
    node.create(integer('db', 3));
  });

  test('when the last CPU of the pool would be gone for a shared container that runs on forbidden ones', () => {
    const node = nodeOf('4 cpus', { minSharedCpus: 0 });
    node.synchronize(on('0', annotated('io', '0')), shared('picky', { forbid: '1-3' }));
    assert.equal(node.cpus('picky'), '1-3');
    node.refuses('shared-container-starved', () => node.create(integer('db', 3)), 'default/picky/main');
  });

  test('only if there is no choice that spares those who still have something to lose', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(
      on('0', annotated('io', '0')),
      on('1-7', shared('lost', { forbid: '1-7' })),
      on('1', shared('picky', { forbid: '0,2-7' })),
    );
    node.create(integer('db', 2));
    assert.equal(node.cpus('picky'), '1');
  });
});

describe('a shared container is refused', () => {
  test('when the pool is empty', () => {
    const node = nodeOf('4 cpus', { minSharedCpus: 0 });
    node.create(integer('db', 4));
    const parts = ['default/web/main', 'no CPU', 'default/db/main 0-3 (integer)'];
    node.refuses('pool-empty', () => node.create(shared('web')), ...parts);
  });

  test('when everything in the pool is forbidden to it', () => {
    const node = nodeOf('4 cpus');
    node.create(annotated('io', '0-1'));
    node.refuses('pool-empty', () => node.create(shared('web', { forbid: '2-3' })), '2-3');
  });
});

describe('a refusal', () => {
  test('says who is refused what by whom, and in which operation', () => {
    const node = nodeOf('8 cpus');
    const seen = integer('db', 9, { namespace: 'shop', name: 'postgres' });
    const message = messageOf(() => node.create(seen));
    assert.match(message, /weka-nri-cpuset/);
    assert.match(message, /create container shop\/db\/postgres: integer container asks for 9 exclusive CPUs/);
    assert.ok(message.includes(node.lastRecord.operation));
  });

  test('is in the journal with its code', () => {
    const node = nodeOf('8 cpus');
    messageOf(() => node.create(integer('db', 9)));
    const { event, outcome, code, container, containerId, reason } = node.lastRecord;
    assert.deepEqual(
      { event, outcome, code, container, containerId },
      {
        event: 'create',
        outcome: 'refused',
        code: 'not-enough-cpus',
        container: 'default/db/main',
        containerId: 'db',
      },
    );
    assert.match(reason ?? '', /9 exclusive CPUs/);
  });

  test('names only some of many holders', () => {
    const node = nodeOf('16 cpus');
    for (let i = 0; i < 8; i++) node.create(annotated(`io-${i}`, `${i}`));
    const message = messageOf(() => node.create(integer('db', 9)));
    assert.equal(message.match(/annotated\)/g)?.length, 5);
    assert.match(message, /and 3 more/);
  });

  test('names a container by its id when its pod is not known', () => {
    const node = nodeOf('2 cpus');
    const { container } = shared('web', { id: 'c0ffee' });
    node.create(integer('db', 1));
    const pod = { id: 'p', uid: '', name: '', namespace: '', annotations: {}, cgroupParent: '' };
    const { resources } = integer('x', 5).container;
    assert.match(
      messageOf(() => node.ledger.create(pod, { ...container, resources })),
      /container c0ffee:/,
    );
  });

  test('leaves later requests as they would have been without it', () => {
    const [one, two] = [nodeOf('8 cpus'), nodeOf('8 cpus')];
    for (const node of [one, two]) node.create(shared('web'), integer('db', 2));
    messageOf(() => one.create(annotated('io', '9')));
    messageOf(() => one.create(integer('big', 7)));
    for (const node of [one, two]) node.create(integer('cache', 3));
    for (const id of ['web', 'db', 'cache']) assert.equal(one.cpus(id), two.cpus(id));
  });
});
