import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { integer } from './ledger/fixtures.ts';
import { DRIFT_MS, Scene } from './reconciler-scene.ts';

/** After a look that proves nothing. */
const AGAIN_MS = 1000;

describe('a container whose cgroup is there before its CPUs are set, as on cgroup v2', () => {
  it('is as wanted when they are set a moment later', async (t) => {
    const scene = new Scene(t);
    scene.create(integer('one', 2));
    const { read } = scene;
    scene.read = async (requests) => requests.map(({ id }) => ({ id, cpus: '', effective: '0-7', mems: '' }));
    await scene.pass(DRIFT_MS);
    scene.read = read;
    await scene.pass(AGAIN_MS - 1);
    assert.deepEqual(scene.looks, [['one']]);
    await scene.pass(1);
    assert.deepEqual(scene.looks, [['one'], ['one']], 'it is looked at again');
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.reconciler.counts, { drifted: 0, repaired: 0, repairs: 0, reconnects: 0 });
    assert.deepEqual(scene.complaints, []);
  });

  it('is told them again when they are not', async (t) => {
    const scene = new Scene(t);
    scene.create(integer('one', 2));
    const { read } = scene;
    scene.read = async (requests) => requests.map(({ id }) => ({ id, cpus: '', effective: '0-7', mems: '' }));
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.complaints, []);
    await scene.pass(AGAIN_MS);
    assert.deepEqual(scene.complaints, ['container is not on the CPUs it was told']);
    assert.deepEqual(scene.sent, [['one 1-2']]);
    scene.read = read;
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.repaired, 1);
  });
});
