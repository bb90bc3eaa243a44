import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { ContainerUpdate } from '../../../src/protocol/generated/nri.js';
import type { PartialMessage } from '../../../src/protocol/protobuf.ts';
import { give, move } from './fake-plugin.ts';
import { type Setup, setUp } from './setup.ts';

const PINNED = { annotations: { 'weka.io/cores-ids': '0-3' } };

interface Scene extends Setup {
  /** Creates a container, which the plugin gives `cpus` after `updates`. */
  create(
    name: string,
    cpus: string,
    options?: Parameters<Setup['run']>[1],
    ...updates: Updates
  ): Promise<string>;
  /** What has been found since the last time, `I1 a b`. */
  found(): readonly string[];
}
type Updates = readonly PartialMessage<ContainerUpdate>[];

async function scene(context: TestContext): Promise<Scene> {
  const setup = await setUp(context);
  let answer = give('');
  await setup.connect({
    createContainer: () => answer,
    updateContainer: ({ container }) => ({
      update: [...(answer.update ?? []), { containerId: container!.id, linux: answer.adjust!.linux }],
    }),
    stopContainer: () => ({ update: answer.update }),
  });
  let seen = 0;
  return {
    ...setup,
    create: async (name, cpus, options, ...updates) => {
      answer = give(cpus, ...updates);
      const { container } = await setup.run(name, options);
      answer = give('');
      return container!.id;
    },
    found: () => {
      const fresh = setup.runtime.violations.slice(seen);
      seen += fresh.length;
      return fresh.map(({ invariant, containers, cpus }) => {
        const names = containers.map((label) => label.split('/').at(-1)).sort();
        return `${invariant} ${names.join(' ')}: ${cpus}`;
      });
    },
  };
}

describe('the watch finds', () => {
  test('two integer containers on one CPU', async (t) => {
    const { create, found } = await scene(t);
    await create('a', '0-3', { cpus: 4 });
    await create('b', '3-6', { cpus: 4 });
    assert.deepEqual(found(), ['I1 a b: 3']);
  });

  test('an integer container on CPUs of an annotated one', async (t) => {
    const { create, found } = await scene(t);
    await create('pinned', '0-3', PINNED);
    await create('job', '2-5', { cpus: 4 });
    assert.deepEqual(found(), ['I2 job pinned: 2-3']);
  });

  test('an exclusive CPU that is in two places only between two updates', async (t) => {
    const { create, found } = await scene(t);
    const first = await create('first', '0-3', { cpus: 4 });
    const second = await create('second', '4-7', { cpus: 4 });
    await create('web', '12-15', {}, move(first, '4-7'), move(second, '8-11'));
    assert.deepEqual(found(), ['I1 first second: 4-7']);
  });

  test('a container moved to CPUs before the pool has left them', async (t) => {
    const { create, found } = await scene(t);
    const job = await create('job', '0-3', { cpus: 4 });
    const web = await create('web', '4-15');
    await create('other', '8-15', {}, move(job, '4-7'), move(web, '8-15'));
    assert.deepEqual(found(), ['I3 job web: 4-7']);
  });

  test('a shared container on an owned CPU, also one that was never restricted', async (t) => {
    const { create, found } = await scene(t);
    await create('web', '');
    await create('job', '0-3', { cpus: 4 });
    assert.deepEqual(found(), ['I3 job web: 0-3']);
  });

  test('a shared container whose update failed', async (t) => {
    const { create, found } = await scene(t);
    const web = await create('web', '0-15');
    await create('job', '0-3', { cpus: 4 }, move(web, '4-16'));
    assert.deepEqual(found(), ['I3 job web: 0-3']);
  });

  test('shared and integer containers on CPUs that are forbidden to them', async (t) => {
    const { create, found } = await scene(t);
    const annotations = { 'weka.io/forbid-core-ids': '0-1' };
    await create('web', '0-7', { annotations });
    await create('job', '1,8-10', { annotations, cpus: 4 });
    assert.deepEqual(found(), ['I3 web: 0-1', 'I4 job: 1', 'I3 job web: 1']);
  });

  test('an integer container with too few CPUs, and an annotated one with others than it listed', async (t) => {
    const { create, found } = await scene(t);
    await create('job', '4-6', { cpus: 4 });
    await create('pinned', '0-2', PINNED);
    assert.deepEqual(found(), ['I4 job: 4-6', 'I5 pinned: 0-2']);
  });

  test('a container with a malformed list that was created all the same', async (t) => {
    const { create, found } = await scene(t);
    await create('pinned', '0-3', { annotations: { 'weka.io/cores-ids': '3-0' } });
    assert.deepEqual(found(), ['I5 pinned: 0-3']);
  });

  test('an integer container that loses CPUs to a move', async (t) => {
    const { create, found } = await scene(t);
    const job = await create('job', '0-3', { cpus: 4 });
    await create('web', '8-15', {}, move(job, '0-2'));
    assert.deepEqual(found(), ['I4 job: 0-2']);
  });

  test('a resize that was agreed to and not carried out', async (t) => {
    const { create, found, runtime } = await scene(t);
    const job = await create('job', '0-3', { cpus: 4 });
    await runtime.updateContainer(job, { cpus: { limit: 6 } });
    assert.deepEqual(found(), ['I4 job: 0-3']);
  });

  test('what a plugin leaves broken after it has synchronized, but not what it found', async (t) => {
    const { connect, found, run, runtime } = await scene(t);
    runtime.disconnectPlugin();
    const pinned = (await run('pinned', PINNED)).container!.id;
    const web = (await run('web')).container!.id;
    const repaired = await connect({
      synchronize: () => ({ update: [move(pinned, '0-3'), move(web, '4-15')] }),
    });
    assert.deepEqual(found(), []);
    repaired.connection.close();
    await connect({ synchronize: () => ({ update: [move(web, '3-15')] }) });
    assert.deepEqual(found(), ['I3 pinned web: 3']);
  });

  test('a breach once, when it begins, and again when it comes back', async (t) => {
    const { create, found } = await scene(t);
    await create('job', '0-3', { cpus: 4 });
    const web = await create('web', '0-15');
    assert.deepEqual(found(), ['I3 job web: 0-3']);
    await create('other', '8-15');
    assert.deepEqual(found(), []);
    await create('healing', '8-15', {}, move(web, '4-15'));
    await create('hurting', '8-15', {}, move(web, '3-15'));
    assert.deepEqual(found(), ['I3 job web: 3']);
  });
});

describe('the watch leaves alone', () => {
  test('annotated containers that overlap', async (t) => {
    const { create, found } = await scene(t);
    await create('pinned', '0-3', PINNED);
    await create('also-pinned', '0-3', PINNED);
    assert.deepEqual(found(), []);
  });

  test('a job that runs in the pool because there was no plugin when it was created', async (t) => {
    const { connect, found, run, runtime } = await scene(t);
    runtime.disconnectPlugin();
    await run('web');
    await run('job', { cpus: 4 });
    // As large a pool as the job asks for, by chance.
    const update = runtime.containers.map(({ id }) => move(id, '0-3'));
    await connect({ synchronize: () => ({ update }) });
    assert.deepEqual(found(), []);
  });

  test('a job that a synchronization finds in conflict and lets run in the pool', async (t) => {
    const { connect, create, found, run, runtime } = await scene(t);
    const job = await create('job', '0-3', { cpus: 4 });
    const web = await create('web', '4-15');
    runtime.disconnectPlugin();
    const pinned = (await run('pinned', { annotations: { 'weka.io/cores-ids': '0-11' } })).container!.id;
    const update = [move(web, '12-15'), move(job, '12-15'), move(pinned, '0-11')];
    await connect({ synchronize: () => ({ update }), updateContainer: () => ({}) });
    await runtime.updateContainer(job, { cpus: { limit: 6 } });
    assert.deepEqual(found(), []);
  });

  test('a container that came while no plugin was there, and to which everything that is left is forbidden', async (t) => {
    const { connect, create, found, run, runtime } = await scene(t);
    await create('pinned', '0-11', { annotations: { 'weka.io/cores-ids': '0-11' } });
    runtime.disconnectPlugin();
    const web = (await run('web', { annotations: { 'weka.io/forbid-core-ids': '8-15' } })).container!.id;
    await connect({
      synchronize: () => ({ update: [move(web, '12-15')] }),
      createContainer: () => give('12-15'),
    });
    await run('other');
    assert.deepEqual(found(), []);
  });

  test('an integer container that its pod or an annotation makes a shared one', async (t) => {
    const { create, found } = await scene(t);
    await create('half', '0-15', { cpus: 1.5 });
    await create('sidecar', '0-15', { cpus: 2, annotations: { 'weka.io/exclusive.sidecar': 'false' } });
    assert.deepEqual(found(), []);
  });

  test('a container that has ended', async (t) => {
    const { create, found, runtime } = await scene(t);
    await runtime.stopContainer(await create('first', '0-3', { cpus: 4 }));
    await create('second', '0-3', { cpus: 4 });
    assert.deepEqual(found(), []);
  });

  test('everything while no plugin is connected', async (t) => {
    const { create, found, run, runtime } = await scene(t);
    await create('job', '0-3', { cpus: 4 });
    runtime.disconnectPlugin();
    await run('web');
    assert.deepEqual(found(), []);
  });
});
