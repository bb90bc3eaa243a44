import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Seen } from '../../../src/main/ledger/synchronize.ts';
import {
  annotated,
  containerOf,
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

/** Where each container of a node is. */
function places(node: Node): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries([...node.ledger.entries.keys()].map((id) => [id, node.cpus(id)]));
}

describe('synchronizing', () => {
  test('an empty list gives an empty ledger', () => {
    const node = nodeOf('8 cpus');
    assert.deepEqual(node.synchronize(), []);
    assert.equal(node.ledger.entries.size, 0);
    assert.equal(node.ledger.pool.toString(), '0-7');
  });

  test('places what runs: annotated containers, integer ones, then those in the pool', () => {
    const node = nodeOf('8 cpus');
    const updates = node.synchronize(shared('web'), integer('db', 2), annotated('io', '1-2'));
    assert.deepEqual(shown(updates), ['web 0,5-7', 'io 1-2 mems 0', 'db 3-4']);
  });

  test('drops containers that are not listed any more', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), integer('gone', 2));
    node.synchronize(...node.listing().filter(({ container }) => container.id !== 'gone'));
    assert.deepEqual([...node.ledger.entries.keys()], ['db']);
    assert.equal(node.ledger.pool.size, 6);
  });

  test('keeps those that may just not be listed yet, where they are and for themselves', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2), integer('fresh', 2));
    const before = places(node);
    const listed = node.listing().filter(({ container }) => container.id !== 'fresh');
    node.ledger.synchronize([...listed, integer('found', 2)], true);
    const { db, fresh } = places(node);
    assert.deepEqual({ db, fresh }, before);
    assert.ok(!node.ledger.entries.get('found')!.cpus.intersects(cpuset(`${fresh}`)));
  });

  test('tells the journal how many of each kind there are', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(annotated('io', '1'), integer('db', 2), integer('huge', 9), shared('a'), shared('b'));
    const { event, outcome, reason } = node.lastRecord;
    assert.deepEqual(
      { event, outcome, reason },
      {
        event: 'synchronize',
        outcome: 'synchronized',
        reason: '1 annotated, 1 integer, 2 shared, 1 unplaced',
      },
    );
  });

  test('tells nobody who is unrestricted when the pool is everything', () => {
    const node = nodeOf('8 cpus');
    assert.deepEqual(node.synchronize(shared('web'), shared('api')), []);
    assert.equal(node.cpus('web'), undefined);
  });

  test('restricts those who were unrestricted when somebody owns CPUs', () => {
    const node = nodeOf('8 cpus');
    const updates = node.synchronize(shared('web'), on('1-2', integer('db', 2)));
    assert.deepEqual(shown(updates), ['web 0,3-7']);
  });

  test('gives the same ledger for every order of the list', () => {
    const listed = [
      integer('a', 2, { createdAt: 3 }),
      integer('b', 2, { createdAt: 3 }),
      integer('c', 3, { createdAt: 1 }),
      annotated('io', '4-5', { createdAt: 9 }),
      shared('web'),
    ];
    const [one, two] = [nodeOf('16 cpus'), nodeOf('16 cpus')];
    one.synchronize(...listed);
    two.synchronize(...listed.toReversed());
    for (const id of ['a', 'b', 'c', 'io', 'web']) assert.equal(one.cpus(id), two.cpus(id));
  });
});

describe('a restart of the plugin', () => {
  test('moves nobody and tells nobody anything', () => {
    const node = nodeOf('2 packages, 8 cores each, SMT 2');
    node.create(integer('a', 3), integer('b', 4), shared('web'), integer('c', 2), annotated('io', '4-5'));
    node.stop('b');
    node.create(shared('api', { forbid: '0-3' }), integer('d', 5));
    const before = places(node);
    const restarted = nodeOf('2 packages, 8 cores each, SMT 2');
    assert.deepEqual(restarted.synchronize(...node.listing()), []);
    assert.deepEqual(places(restarted), before);
  });

  test('moves nobody where the CPUs would be chosen differently now', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.synchronize(on('0,3', integer('a', 2)), on('1,6', integer('b', 2)));
    assert.deepEqual(places(node), { a: '0,3', b: '1,6' });
  });

  test('keeps what was lifted and what memory it was told', () => {
    const config = { liftCpuQuota: true };
    const node = nodeOf('2 nodes, 4 cpus', config);
    node.create(integer('db', 2), annotated('io', '5'));
    const restarted = nodeOf('2 nodes, 4 cpus', config);
    const listed = node.listing();
    assert.equal(listed.find(({ container }) => container.id === 'db')?.container.resources.quota, -1);
    assert.deepEqual(restarted.synchronize(...listed), []);
    assert.deepEqual(places(restarted), places(node));
  });

  test('keeps an integer container of which the size is not known exactly', () => {
    const resources = { ...wholeCpus(300), shares: 262144 };
    const node = nodeOf('2 nodes, 160 cores', { liftCpuQuota: true });
    node.create(integer('big', 300, { resources }));
    const restarted = nodeOf('2 nodes, 160 cores', { liftCpuQuota: true });
    assert.deepEqual(restarted.synchronize(...node.listing()), []);
    assert.equal(restarted.entry('big').cpus.size, 300);
  });

  test('shrinks the pool for those who were created while it was away', () => {
    const node = nodeOf('8 cpus');
    const updates = node.synchronize(
      on('0,3-7', shared('web')),
      on('1-2', integer('db', 2)),
      integer('new', 2),
    );
    assert.deepEqual(shown(updates), ['web 0,5-7', 'new 3-4']);
  });

  test('applies rules that have changed meanwhile', () => {
    const node = nodeOf('8 cpus');
    node.create(integer('db', 2));
    node.ledger.changePolicy(policyOf('8 cpus', { reservedCpus: '0-3' }));
    node.synchronize(...node.listing());
    assert.ok(node.entry('db').cpus.isSubsetOf(cpuset('4-7')));
  });
});

describe('of listed containers in conflict', () => {
  test('an annotated one wins over integer ones', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(on('2-3', integer('db', 2, { createdAt: 1 })), annotated('io', '3', { createdAt: 2 }));
    assert.equal(node.cpus('io'), '3');
    assert.ok(!node.entry('db').cpus.has(3));
    assert.equal(node.entry('db').cpus.size, 2);
  });

  test('the older integer one keeps its CPUs', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(
      on('2-3', integer('young', 2, { createdAt: 2 })),
      on('3-4', integer('old', 2, { createdAt: 1 })),
    );
    assert.equal(node.cpus('old'), '3-4');
    assert.ok(!node.entry('young').cpus.intersects(cpuset('3-4')));
    assert.equal(node.entry('young').cpus.size, 2);
  });

  test('one with a valid set keeps it although an older one has none', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(integer('old', 2, { createdAt: 1 }), on('1-2', integer('young', 2, { createdAt: 2 })));
    assert.equal(node.cpus('young'), '1-2');
    assert.equal(node.cpus('old'), '3-4');
  });

  test('the oldest one without CPUs is placed first', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(
      integer('young', 4, { createdAt: 3 }),
      integer('old', 4, { createdAt: 1 }),
      integer('middle', 2, { createdAt: 2 }),
    );
    assert.deepEqual(
      ['old', 'middle', 'young'].map((id) => node.entry(id).cpus.size),
      [4, 2, 0],
    );
    assert.match(node.entry('young').unplaced ?? '', /asks for 4 exclusive CPUs/);
  });

  test('two annotated ones may keep the same CPUs', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(on('1-3', annotated('a', '1-3')), on('3-4', annotated('b', '3-4')));
    assert.deepEqual(places(node), { a: '1-3', b: '3-4' });
  });
});

describe('a listed integer container', () => {
  test('that was resized to less keeps the best of its CPUs', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.synchronize(on('2-3,6-7', integer('db', 2)));
    assert.equal(node.cpus('db'), '2,6');
  });

  test('that was resized to more keeps its CPUs', () => {
    const node = nodeOf('4 cores, SMT 2');
    node.synchronize(on('3,7', integer('db', 4)));
    assert.ok(cpuset('3,7').isSubsetOf(node.entry('db').cpus));
    assert.equal(node.entry('db').cpus.size, 4);
  });

  test('that was resized grows before those without CPUs are placed', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(integer('old', 4, { createdAt: 1 }), on('1-2', integer('db', 4, { createdAt: 2 })));
    assert.equal(node.entry('db').cpus.size, 4);
    assert.notEqual(node.entry('old').unplaced, undefined);
  });

  test('on CPUs that are forbidden to it is moved off them', () => {
    const node = nodeOf('8 cpus');
    node.synchronize(on('2-3', integer('db', 2, { forbid: '3' })));
    assert.ok(!node.entry('db').cpus.has(3));
  });

  test('on CPUs that integer containers may not have is moved off them', () => {
    const node = nodeOf('8 cpus', { reservedCpus: '2' });
    node.synchronize(on('2-3', integer('db', 2)));
    assert.ok(!node.entry('db').cpus.has(2));
  });

  test('on a CPU that has gone offline is moved off it', () => {
    const node = nodeOf('8 cpus', {}, { online: cpuset('0-6'), offline: cpuset('7') });
    node.synchronize(on('6-7', integer('db', 2)));
    assert.equal(node.entry('db').cpus.size, 2);
    assert.ok(!node.entry('db').cpus.has(7));
  });

  test('with a cpuset that does not fit this host is placed anew', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(on('100-101', integer('db', 2)));
    assert.equal(node.cpus('db'), '1-2');
  });

  test('leaves something to shared containers that are listed', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(integer('db', 2), shared('picky', { forbid: '0,2-3' }));
    assert.equal(node.cpus('picky'), '1');
  });
});

describe('a listed container that cannot be placed', () => {
  test('runs in the pool and is reported as unplaced', () => {
    const node = nodeOf('4 cpus');
    const updates = node.synchronize(on('1', integer('db', 1)), integer('huge', 8), shared('web'));
    assert.deepEqual(shown(updates).toSorted(), ['huge 0,2-3', 'web 0,2-3']);
    assert.match(node.entry('huge').unplaced ?? '', /asks for 8 exclusive CPUs/);
    assert.match(
      node.lastRecord.warnings?.join() ?? '',
      /default\/huge\/main runs in the shared pool: .*asks for 8/,
    );
  });

  test('may be an annotated one whose CPUs are offline', () => {
    const node = nodeOf('4 cpus', {}, { online: cpuset('0-2'), offline: cpuset('3') });
    node.synchronize(annotated('io', '3'));
    assert.match(node.entry('io').unplaced ?? '', /3 offline/);
  });

  test('may be an annotated one whose annotation is no CPU list', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(annotated('io', 'all'), shared('web'));
    assert.match(node.entry('io').unplaced ?? '', /"all"/);
    const [warning, ...others] = node.lastRecord.warnings ?? [];
    assert.match(warning ?? '', /default\/io\/main runs in the shared pool: .*"all"/);
    assert.deepEqual(others, []);
  });

  test('leaves the pool and others alone', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(annotated('io', '0-3'), shared('web'), on('1', integer('db', 1)));
    assert.equal(node.cpus('db'), '1');
    assert.equal(node.cpus('web'), '0,2-3');
    assert.match(node.entry('io').unplaced ?? '', /minSharedCpus/);
  });

  test('does not own the pool after a restart because it happens to be of the right size', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(on('1', integer('db', 1)), integer('three', 3), shared('web'));
    const restarted = nodeOf('4 cpus');
    assert.equal(node.cpus('three'), '0,2-3');
    assert.deepEqual(restarted.synchronize(...node.listing()), []);
    assert.match(restarted.entry('three').unplaced ?? '', /minSharedCpus/);
  });

  test('keeps off the CPUs that are forbidden to it', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(integer('huge', 8, { forbid: '0' }));
    assert.equal(node.cpus('huge'), '1-3');
  });
});

describe('a shared container that is listed on CPUs that somebody owns', () => {
  test('is the one that leaves', () => {
    const node = nodeOf('8 cpus');
    const updates = node.synchronize(on('0-7', shared('web')), on('2-3', integer('db', 2)));
    assert.deepEqual(shown(updates), ['web 0-1,4-7']);
  });
});

describe('a listed annotated container', () => {
  test('that was told something else is put where it belongs', () => {
    const node = nodeOf('8 cpus');
    assert.deepEqual(shown(node.synchronize(on('0-7', annotated('io', '2-3')))), ['io 2-3 mems 0']);
  });

  test('stays where it is although its namespace may no longer pin', () => {
    const node = nodeOf('8 cpus', { pinningNamespaces: [] });
    const { pod, container } = annotated('io', '2-3');
    const resources = { cpus: '2-3', mems: '0' };
    assert.deepEqual(node.synchronize({ pod, container: { ...container, resources } }), []);
    assert.equal(node.entry('io').unplaced, undefined);
  });

  test('keeps a CPU that has gone offline, if it is there already', () => {
    const node = nodeOf('4 cpus', {}, { online: cpuset('0-2'), offline: cpuset('3') });
    node.synchronize(on('2-3', annotated('io', '2-3')));
    assert.equal(node.entry('io').cpus.toString(), '2-3');
  });

  test('keeps a CPU that has gone offline also where somebody left that one out', () => {
    const node = nodeOf('4 cpus', {}, { online: cpuset('0-2'), offline: cpuset('3') });
    assert.deepEqual(shown(node.synchronize(on('2', annotated('io', '2-3')))), ['io 2-3 mems 0']);
    assert.equal(node.entry('io').unplaced, undefined);
  });
});

describe('a pinned container that was created while nobody placed', () => {
  test('does not get the last CPUs of the pool, and costs nobody its own, also after a restart', () => {
    for (const reservedCpus of ['', '1']) {
      let listing: readonly Seen[] = [on('0', integer('db', 1)), annotated('io', '1')];
      for (let starts = 0; starts < 2; starts++) {
        const node = nodeOf('2 cpus', { reservedCpus });
        node.synchronize(...listing);
        assert.equal(node.cpus('db'), '0');
        assert.match(node.entry('io').unplaced ?? '', /minSharedCpus/);
        listing = node.listing();
      }
    }
  });

  test('comes before an integer container on its CPUs, which is moved', () => {
    const node = nodeOf('4 cpus');
    node.synchronize(on('1', integer('db', 1)), on('2', integer('cache', 1)), annotated('io', '1'));
    assert.deepEqual([node.cpus('io'), node.cpus('db'), node.cpus('cache')], ['1', '3', '2']);
  });
});

describe('a container that was created before its pod was known', () => {
  test('is classified by what there is', () => {
    const node = nodeOf('8 cpus');
    const { container } = integer('db', 2);
    const pod = { id: '', uid: '', name: '', namespace: '', annotations: {}, cgroupParent: '' };
    node.synchronize({ pod, container }, containerOf('web'));
    assert.equal(node.entry('db').cpus.size, 2);
  });
});

test('a warning about an annotation names the container, also when many are listed', () => {
  const node = nodeOf('4 cpus');
  node.synchronize(shared('a', { forbid: 'x' }));
  assert.match(node.lastRecord.warnings?.[0] ?? '', /^default\/a\/main: .*forbid-core-ids/);
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

test('a container that is listed twice counts once, as it was listed last', () => {
  const { ledger } = nodeOf('8 cpus');
  const updates = ledger.synchronize([on('1-2', integer('db', 2)), on('3-4', integer('db', 2))]);
  assert.deepEqual(shown(updates), []);
  assert.equal(String(ledger.entries.get('db')?.cpus), '3-4');
});
