import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { annotated, integer, on, shared } from './ledger/fixtures.ts';
import {
  AFTER_MS,
  DRIFT_MS,
  failedMove,
  foundDrift,
  GROWTH_AFTER_MS,
  RECONNECT_EVERY_MS,
  Scene,
  SETTLE_MS,
} from './reconciler-scene.ts';

describe('a pool that has grown', () => {
  it('reaches containers beyond the budget after 10 quiet seconds', async (t) => {
    const scene = new Scene(t, { poolGrowth: { rate: 1, burst: 1 } });
    scene.create(integer('one', 2));
    scene.create(shared('web'));
    scene.create(shared('shop'));
    scene.stop('one');
    assert.equal(scene.ledger.differences().growing.length, 1);
    await scene.pass(GROWTH_AFTER_MS - 1);
    assert.deepEqual(scene.sent, []);
    await scene.pass(1);
    assert.equal(scene.sent.length, 1);
    scene.assertAsWanted();
  });

  it('asks nothing of the runtime where the budget allows no growth', async (t) => {
    for (const takesUpdates of [true, false]) {
      const scene = new Scene(t, { poolGrowth: { rate: 0, burst: 0 } });
      scene.takesUpdates = takesUpdates;
      scene.create(integer('one', 2));
      scene.create(shared('web'));
      scene.stop('one');
      const { epoch } = scene.ledger;
      await scene.pass(GROWTH_AFTER_MS);
      assert.deepEqual(scene.sent, []);
      assert.equal(scene.reconnects, 0);
      assert.equal(scene.ledger.epoch, epoch);
      t.mock.timers.reset();
    }
  });
});

describe('an update without an event', () => {
  it('that fails is logged, and sent again after 5 seconds', async (t) => {
    const scene = await foundDrift(t);
    scene.update = async () => {
      throw new Error('busy');
    };
    await scene.pass(AFTER_MS);
    assert.equal(scene.sent.length, 1);
    assert.equal(scene.complaints.at(-1), 'the runtime could not update all containers');
    scene.update = async (updates) => scene.apply(updates);
    await scene.pass(SETTLE_MS);
    await scene.pass(AFTER_MS - SETTLE_MS - 1);
    assert.equal(scene.sent.length, 1);
    await scene.pass(1);
    assert.deepEqual(scene.sent, [['web 0,3-7'], ['web 0,3-7']]);
    scene.assertAsWanted();
  });

  it('that fails although cgroups cannot be read is sent again too', async (t) => {
    const scene = await foundDrift(t);
    scene.read = async () => undefined;
    scene.update = async () => {
      throw new Error('busy');
    };
    await scene.pass(AFTER_MS);
    scene.update = async (updates) => scene.apply(updates);
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.sent, [['web 0,3-7'], ['web 0,3-7']]);
    scene.assertAsWanted();
  });

  it('that is carried out after a newer decision does not stay', async (t) => {
    const scene = failedMove(t);
    await scene.pass(SETTLE_MS);
    const older = `${scene.ledger.entries.get('one')!.cpus}`;
    scene.update = async (updates) => {
      scene.create(annotated('other', older));
      scene.apply(updates);
    };
    await scene.pass(AFTER_MS - SETTLE_MS);
    const newer = `${scene.ledger.entries.get('one')!.cpus}`;
    assert.notEqual(newer, older);
    assert.equal(scene.cgroups.get('one'), older);
    scene.update = async (updates) => scene.apply(updates);
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.sent, [[`one ${older}`], [`one ${newer}`]]);
    scene.assertAsWanted();
  });

  it('that is carried out before a newer decision needs nothing more', async (t) => {
    const scene = failedMove(t);
    await scene.pass(SETTLE_MS);
    scene.update = async (updates) => {
      scene.apply(updates);
      scene.create(annotated('other', `${updates[0]!.cpus}`));
    };
    await scene.pass(AFTER_MS - SETTLE_MS);
    await scene.pass(SETTLE_MS);
    await scene.pass(AFTER_MS);
    assert.equal(scene.sent.length, 1);
    scene.assertAsWanted();
  });
});

describe('a runtime that does not take updates without an event', () => {
  it('is connected to anew after 5 quiet seconds, at most once in 30 seconds', async (t) => {
    const scene = await foundDrift(t);
    scene.takesUpdates = false;
    await scene.pass(AFTER_MS - 1);
    assert.equal(scene.reconnects, 0);
    await scene.pass(1);
    assert.equal(scene.reconnects, 1);
    for (let passed = AFTER_MS; passed < RECONNECT_EVERY_MS; passed += AFTER_MS) await scene.pass(AFTER_MS);
    assert.equal(scene.reconnects, 1);
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.reconciler.counts, { drifted: 1, repaired: 0, repairs: 0, reconnects: 2 });
    assert.deepEqual(scene.sent, []);
  });

  it('is not connected to anew when all is as wanted', async (t) => {
    const scene = new Scene(t);
    scene.takesUpdates = false;
    scene.create(integer('one', 2));
    scene.create(shared('web'));
    await scene.pass(10 * DRIFT_MS);
    assert.equal(scene.reconnects, 0);
  });

  it('and started this plugin is waited for, which is said once', async (t) => {
    const scene = await foundDrift(t);
    scene.takesUpdates = false;
    scene.canReconnect = false;
    for (let round = 0; round < 3; round++) await scene.pass(RECONNECT_EVERY_MS);
    assert.equal(scene.complaints.filter((line) => line.includes('before its next event')).length, 1);
    assert.equal(scene.reconciler.counts.reconnects, 0);
    scene.create(shared('shop'));
    scene.assertAsWanted();
  });
});

describe('an unplaced container', () => {
  it('is given CPUs that were released without an event to tell it, also where the pool is not to grow', async (t) => {
    const scene = new Scene(t, { poolGrowth: { rate: 0, burst: 0 } });
    const updates = scene.ledger.synchronize([
      on('1-5', integer('first', 5)),
      on('0,6-7', integer('second', 5)),
    ]);
    scene.apply(updates);
    scene.reconciler.noteAnswer(updates);
    assert.match(scene.ledger.entries.get('second')?.unplaced ?? '', /5 exclusive CPUs/);
    scene.ledger.remove('first');
    scene.reconciler.noteAnswer([]);
    await scene.pass(AFTER_MS - 1);
    assert.deepEqual(scene.sent, []);
    await scene.pass(1);
    assert.deepEqual(scene.sent, [['second 1-5']]);
  });
});

describe('a runtime that is away', () => {
  for (const takesUpdates of [true, false]) {
    it(`is told nothing before it is back, ${takesUpdates ? 'and then without an event' : 'nor connected to anew'}`, async (t) => {
      const scene = await foundDrift(t);
      scene.takesUpdates = takesUpdates;
      scene.isConnected = false;
      for (let times = 0; times < 3; times++) await scene.pass(RECONNECT_EVERY_MS);
      assert.deepEqual([scene.sent, scene.reconnects], [[], 0]);
      assert.deepEqual(scene.reconciler.counts, { drifted: 1, repaired: 0, repairs: 0, reconnects: 0 });
      scene.isConnected = true;
      await scene.pass(1);
      assert.deepEqual([scene.sent, scene.reconnects], takesUpdates ? [[['web 0,3-7']], 0] : [[], 1]);
    });
  }
});

describe('a reconciler that is closed, since another instance is active now,', () => {
  for (const [how, takesUpdates] of [
    ['sends nothing', true],
    ['does not connect anew', false],
  ] as const) {
    it(`${how} because of containers that it has looked at meanwhile`, async (t) => {
      const scene = new Scene(t);
      scene.takesUpdates = takesUpdates;
      scene.create(integer('one', 2));
      scene.create(shared('web'));
      scene.read = async (requests) => {
        scene.reconciler.close();
        scene.cgroups.set('web', '0-3');
        return requests.map(({ id }) => scene.reading(id));
      };
      await scene.pass(DRIFT_MS);
      assert.deepEqual(scene.sent, []);
      assert.equal(scene.reconnects, 0);
      assert.deepEqual(scene.complaints, []);
    });
  }
});
