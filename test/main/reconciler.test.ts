import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { annotated, integer, shared } from './ledger/fixtures.ts';
import { AFTER_MS, DRIFT_MS, failedMove, foundDrift, Scene, SETTLE_MS } from './reconciler-scene.ts';

describe('a container that an answer moves', () => {
  it('is looked at once the runtime has had the time for it, alone and once', async (t) => {
    const scene = new Scene(t);
    scene.create(integer('one', 2));
    scene.create(shared('web'));
    scene.create(annotated('pinned', scene.cgroups.get('one')!));
    const twoUpdates = SETTLE_MS + 100;
    await scene.pass(twoUpdates - 1);
    assert.deepEqual(scene.looks, []);
    await scene.pass(1);
    assert.deepEqual(scene.looks, [['one']]);
    await scene.pass(1);
    assert.deepEqual(scene.looks, [['one']]);
    assert.equal(scene.reconciler.counts.drifted, 0);
  });

  it('and was not moved is found, counted and logged, and put right after 5 quiet seconds', async (t) => {
    const scene = failedMove(t);
    await scene.pass(SETTLE_MS);
    assert.deepEqual(scene.reconciler.counts, { drifted: 1, repaired: 0, repairs: 0, reconnects: 0 });
    assert.equal(scene.log.at(-1)?.container, 'default/one/main');
    await scene.pass(AFTER_MS - SETTLE_MS - 1);
    assert.deepEqual(scene.sent, []);
    await scene.pass(1);
    assert.deepEqual(scene.sent, [[`one ${scene.ledger.entries.get('one')!.cpus}`]]);
    assert.deepEqual(scene.reconciler.counts, { drifted: 1, repaired: 0, repairs: 1, reconnects: 0 });
    await scene.pass(SETTLE_MS);
    assert.deepEqual(scene.looks, [['one'], ['one']], 'and looked at again');
    assert.equal(scene.reconciler.counts.repaired, 1);
    scene.assertAsWanted();
  });

  it('and was not moved travels with the next answer', async (t) => {
    const scene = failedMove(t);
    await scene.pass(SETTLE_MS);
    scene.create(shared('web'));
    scene.assertAsWanted();
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.sent, []);
  });
});

describe('a container on other CPUs than it was told', () => {
  it('is found at the next look at all containers, and put right', async (t) => {
    const scene = new Scene(t);
    scene.create(integer('one', 2));
    scene.create(shared('web'));
    scene.cgroups.set('web', '0-7');
    await scene.pass(DRIFT_MS - 1);
    assert.deepEqual(scene.looks, []);
    await scene.pass(1);
    assert.deepEqual(scene.looks, [['one', 'web']]);
    assert.deepEqual(scene.sent, [['web 0,3-7']]);
    assert.deepEqual(scene.complaints, ['container is not on the CPUs it was told']);
    scene.assertAsWanted();
  });

  it('is counted once while it stays there, and again when it is moved elsewhere', async (t) => {
    const scene = await foundDrift(t);
    scene.takesUpdates = false;
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.drifted, 1);
    scene.cgroups.set('web', '0');
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.drifted, 2);
  });

  it('is counted once though putting it right has failed', async (t) => {
    const scene = await foundDrift(t);
    scene.update = async () => {};
    await scene.pass(AFTER_MS);
    assert.equal(scene.sent.length, 1);
    await scene.pass(AFTER_MS);
    assert.equal(scene.sent.length, 2, 'it was found there again');
    assert.equal(scene.reconciler.counts.drifted, 1);
  });

  it('because the runtime is still at it is as wanted', async (t) => {
    const scene = new Scene(t);
    scene.create(shared('web'));
    await scene.pass(DRIFT_MS - SETTLE_MS + 1);
    scene.create(integer('one', 2), { applied: false });
    await scene.pass(SETTLE_MS - 1);
    assert.deepEqual(scene.looks, [['one']]);
    await scene.pass(1);
    scene.cgroups.set('web', '0,3-7');
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.looks.at(-1), ['web', 'one']);
    assert.equal(scene.reconciler.counts.drifted, 0);
    scene.assertAsWanted();
  });

  it('that is put back by others needs nothing', async (t) => {
    const scene = await foundDrift(t);
    scene.cgroups.set('web', '0,3-7');
    for (let passed = 0; passed < DRIFT_MS; passed += AFTER_MS / 2) {
      scene.reconciler.noteAnswer([]);
      await scene.pass(AFTER_MS / 2);
    }
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.sent, []);
    scene.assertAsWanted();
  });

  it('is left alone as long as events come, which carry what is to be told', async (t) => {
    const scene = await foundDrift(t);
    for (let round = 0; round < 3; round++) {
      await scene.pass(AFTER_MS - 1);
      scene.reconciler.noteAnswer([]);
    }
    assert.deepEqual(scene.sent, []);
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.sent, [['web 0,3-7']]);
  });

  it('is not put right while a turn is under way', async (t) => {
    const scene = await foundDrift(t);
    let end!: () => void;
    void scene.mailbox.run(
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
    );
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.sent, []);
    end();
    await scene.mailbox.run(() => {});
    await scene.pass(1);
    assert.deepEqual(scene.sent, [['web 0,3-7']]);
  });

  it('which ended meanwhile is nothing to put right', async (t) => {
    const scene = new Scene(t);
    scene.create(shared('web'));
    scene.cgroups.delete('web');
    await scene.pass(DRIFT_MS);
    scene.cgroups.set('web', '0');
    scene.read = async (requests) => {
      const readings = requests.map(({ id }) => scene.reading(id));
      scene.ledger.remove('web');
      return readings;
    };
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.drifted, 0);
    assert.deepEqual(scene.complaints, []);
    assert.deepEqual(scene.sent, []);
  });

  it('because it was told others while it was looked at is as wanted', async (t) => {
    const scene = new Scene(t);
    scene.create(shared('web'));
    scene.read = async (requests) => {
      const readings = requests.map(({ id }) => scene.reading(id));
      scene.create(integer('one', 2));
      return readings;
    };
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.drifted, 0);
    scene.assertAsWanted();
  });

  it('because its cgroup has no cpuset of its own is told them again', async (t) => {
    const scene = new Scene(t);
    scene.create(integer('one', 2));
    scene.read = async (requests) =>
      requests.map(({ id }) => ({ id, cpus: '', effective: undefined, mems: '' }));
    await scene.pass(DRIFT_MS - 1);
    scene.reconciler.noteAnswer([]);
    await scene.pass(1);
    assert.equal(`${scene.ledger.entries.get('one')?.seen}`, '0-7', 'may be anywhere');
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.sent, [['one 1-2']]);
  });
});

describe('a pinned container on other memory nodes than it was told', () => {
  it('is found, counted and logged like one on other CPUs, and put right', async (t) => {
    const scene = new Scene(t, {}, '2 nodes, 4 cpus each');
    scene.create(annotated('pinned', '4-5'));
    scene.memory.set('pinned', '0-1');
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.complaints, ['container is not on the memory nodes it was told']);
    const { container, told, found } = scene.log.at(-1)!;
    assert.deepEqual([container, told, found], ['default/pinned/main', '1', '0-1']);
    assert.deepEqual(scene.sent, [['pinned 4-5 mems 1']]);
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.reconciler.counts, { drifted: 1, repaired: 1, repairs: 1, reconnects: 0 });
    scene.assertAsWanted();
  });

  it('is counted once, also when its CPUs are others, too', async (t) => {
    const scene = new Scene(t, {}, '2 nodes, 4 cpus each');
    scene.create(annotated('pinned', '4-5'));
    scene.memory.set('pinned', '0-1');
    scene.cgroups.set('pinned', '0-7');
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.complaints, [
      'container is not on the CPUs it was told',
      'container is not on the memory nodes it was told',
    ]);
    assert.equal(scene.reconciler.counts.drifted, 1);
    scene.assertAsWanted();
    assert.equal(scene.memory.get('pinned'), '1');
  });

  it('is as wanted where its cgroup says nothing of them, and there are no others', async (t) => {
    const scene = new Scene(t);
    scene.create(annotated('pinned', '4-5'));
    scene.memory.delete('pinned');
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.drifted, 0);
    assert.deepEqual(scene.sent, []);
  });
});

describe('cgroups', () => {
  it('that cannot be read are reported once', async (t) => {
    const scene = new Scene(t);
    scene.create(integer('one', 2));
    scene.read = async (requests) => requests.map(({ id }) => ({ id, problem: 'no-access' }));
    for (let round = 0; round < 3; round++) await scene.pass(DRIFT_MS);
    assert.equal(scene.looks.length, 3);
    assert.equal(scene.complaints.length, 1);
    assert.match(scene.complaints[0]!, /not verified/);
    scene.assertAsWanted();
  });

  it('that the host worker fails to read are looked at again', async (t) => {
    const scene = new Scene(t);
    scene.create(shared('web'));
    const { read } = scene;
    scene.read = async () => {
      throw new Error('no worker');
    };
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.complaints, ['reconciling failed']);
    scene.read = read;
    scene.cgroups.set('web', '0');
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.drifted, 1);
  });
});

describe('after a list', () => {
  it('all containers are looked at as soon as the runtime has carried out the answer, and once', async (t) => {
    const scene = new Scene(t);
    scene.create(integer('one', 2));
    scene.create(shared('web'));
    await scene.pass(DRIFT_MS);
    const before = scene.looks.length;
    // As an instance leaves it that ends before it has looked.
    scene.cgroups.set('one', '0-7');
    scene.reconciler.noteAnswer([]);
    scene.reconciler.noteListed();
    await scene.pass(SETTLE_MS - 200);
    assert.equal(scene.looks.length, before);
    await scene.pass(200);
    assert.deepEqual(scene.looks.slice(before), [['one', 'web']]);
    assert.equal(scene.reconciler.counts.drifted, 1);
    await scene.pass(SETTLE_MS);
    assert.equal(scene.looks.length, before + 1);
  });
});
