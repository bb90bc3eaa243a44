import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import type { ConfigureRequest, SynchronizeRequest } from '../../../src/protocol/generated/nri.js';
import { ContainerState } from '../../../src/protocol/nri.ts';
import { byName, connectPlugin, connectSilently, move, TIMEOUT_MS } from './fake-plugin.ts';
import { idOf, type Setup, setUp } from './setup.ts';

/** Connects a plugin. @returns the containers that it is listed, by name, with the CPUs that they have been given */
async function listedTo(connect: Setup['connect']) {
  let list: SynchronizeRequest | undefined;
  await connect({
    synchronize: (request) => {
      list = request;
      return {};
    },
  });
  return list?.containers.map(({ name, linux }) => [name, linux?.resources?.cpu?.cpus]);
}

describe('connecting', () => {
  test('a plugin is configured, then shown what is there', async (t) => {
    const { connect, run } = await setUp(t, {
      configuration: 'debug: true',
      runtimeVersion: 'v1.7.24',
      nriVersion: '0.11.0',
      requestTimeoutMs: 15_000,
    });
    await run('web', { annotations: { note: 'hello' } });
    let configure: ConfigureRequest | undefined;
    let list: SynchronizeRequest | undefined;
    await connect({
      configure: (request) => {
        configure = request;
        return {};
      },
      synchronize: (request) => {
        list = request;
        return {};
      },
    });
    assert.deepEqual(
      { ...configure },
      {
        config: 'debug: true',
        runtimeName: 'containerd',
        runtimeVersion: 'v1.7.24',
        registrationTimeout: 5000,
        requestTimeout: 15_000,
        NRIVersion: '0.11.0',
      },
    );
    const { note } = list?.pods[0]?.annotations ?? {};
    assert.equal(note, 'hello');
    assert.equal(list?.containers[0]?.podSandboxId, list?.pods[0]?.id);
    assert.equal(list?.containers[0]?.state, ContainerState.RUNNING);
  });

  test('a plugin can be handed a connection, which ends with the runtime like one that it made', async (t) => {
    const { runtime, socketPath, run } = await setUp(t);
    const elsewhere = createServer((socket) => runtime.adopt(socket)).listen(`${socketPath}-elsewhere`);
    t.after(() => elsewhere.close());
    const { connection, calls } = await connectPlugin(`${socketPath}-elsewhere`);
    await runtime.whenReady(TIMEOUT_MS);
    await run('web');
    assert.ok(calls.includes('CreateContainer web'));
    await runtime.close();
    await connection.closed;
  });

  test('a plugin that does not register in time is dropped', async (t) => {
    const { runtime, socketPath } = await setUp(t, { registrationTimeoutMs: 20 });
    const { connection } = await connectSilently(socketPath);
    await connection.closed;
    assert.match(runtime.losses.join(), /did not register within 20 ms/);
    assert.equal(runtime.hasPlugin, false);
  });

  test('a plugin without a valid index is refused', async (t) => {
    const { socketPath } = await setUp(t);
    const { connection } = await connectSilently(socketPath);
    await assert.rejects(
      connection.registerPlugin({ pluginName: 'fake', pluginIdx: '7' }, TIMEOUT_MS),
      /not a plugin's index and name: 7-fake/,
    );
  });

  test('a subscription to events an older runtime does not know drops the plugin', async (t) => {
    const { runtime, socketPath } = await setUp(t, { delivery: 'state-change' });
    const { connection } = await connectPlugin(socketPath, { configure: () => ({ events: 1 << 12 }) });
    await connection.closed;
    assert.match(runtime.losses.join(), /events this runtime does not know/);
  });

  test('waiting for a plugin that never comes ends with an error', async (t) => {
    const { runtime } = await setUp(t);
    await assert.rejects(runtime.whenReady(10), /no plugin was ready within 10 ms/);
  });

  test('a plugin that comes back finds the containers with the CPUs they were given, running or created', async (t) => {
    const { connect, run, runtime } = await setUp(t);
    const first = await connect(byName({ pinned: '0-3' }));
    await run('pinned', { annotations: { 'weka.io/cores-ids': '0-3' } });
    const ended = await run('ended');
    await runtime.stopContainer(idOf(ended));
    first.connection.close();
    await first.connection.closed;
    assert.deepEqual(await listedTo(connect), [['pinned', '0-3']]);
    assert.match(runtime.losses.join(), /closed the connection/);
  });

  test('a plugin that connects takes the place of the one before', async (t) => {
    const { connect, run } = await setUp(t);
    const first = await connect();
    const second = await connect();
    await first.connection.closed;
    await run('web');
    assert.deepEqual(second.calls.slice(2), ['CreateContainer web']);
  });

  test('a restart of the runtime ends the connection and keeps the containers', async (t) => {
    const { connect, run, runtime } = await setUp(t);
    const first = await connect();
    await run('web');
    await runtime.restart();
    await first.connection.closed;
    const second = await connect();
    assert.deepEqual(second.calls, ['Configure', 'Synchronize web']);
    assert.deepEqual(runtime.losses, []);
  });
});

describe('synchronizing', () => {
  const chunked = { maxSynchronizeBytes: 20_000 };

  test('a long list comes in chunks, the last of which takes the updates', async (t) => {
    const { connect, run, runtime } = await setUp(t, chunked);
    for (let index = 0; index < 10; index++) await run(`web-${index}`);
    const mores: boolean[] = [];
    const names: string[] = [];
    await connect({
      synchronize: ({ containers, more }) => {
        mores.push(more);
        names.push(...containers.map(({ name }) => name));
        return more ? { more } : { update: [move(runtime.containers[0]!.id, '4-15')] };
      },
    });
    assert.ok(mores.length > 2);
    assert.deepEqual(mores.indexOf(false), mores.length - 1);
    assert.deepEqual(
      names,
      Array.from({ length: 10 }, (_, index) => `web-${index}`),
    );
    assert.equal(runtime.containers[0]?.resources.cpus.toString(), '4-15');
  });

  test('a list that was prepared has what changed since', async (t) => {
    const { runtime, connect, run } = await setUp(t);
    await connect(byName({ moved: '0-1' }));
    const moved = await run('moved');
    const ended = await run('ended');
    runtime.prepareListing();
    await connect({ createContainer: () => ({ update: [move(idOf(moved), '4-5')] }) });
    await run('new');
    await runtime.stopContainer(idOf(ended));
    assert.deepEqual(await listedTo(connect), [
      ['moved', '4-5'],
      ['new', ''],
    ]);
  });

  test('1100 containers do not fit into a message', async (t) => {
    const { connect, runtime } = await setUp(t);
    const pod = await runtime.runPod({ name: 'crowd' });
    for (let index = 0; index < 1100; index++) await runtime.createContainer(pod, { name: `c${index}` });
    const counts: number[] = [];
    await connect({
      synchronize: ({ containers, more }) => {
        counts.push(containers.length);
        return { more };
      },
    });
    assert.deepEqual(counts, [550, 550]);
  });

  test('a plugin that answers a chunk as if it were the last is dropped', async (t) => {
    const { run, runtime, socketPath } = await setUp(t, chunked);
    for (let index = 0; index < 10; index++) await run(`web-${index}`);
    const { connection } = await connectPlugin(socketPath, { synchronize: () => ({ more: false }) });
    await connection.closed;
    assert.match(runtime.losses.join(), /more=true was answered with more=false/);
  });

  test('a plugin that sends updates before the last chunk is dropped', async (t) => {
    const { run, runtime, socketPath } = await setUp(t, chunked);
    for (let index = 0; index < 10; index++) await run(`web-${index}`);
    const id = runtime.containers[0]!.id;
    const { connection } = await connectPlugin(socketPath, {
      synchronize: ({ more }) => ({ more, update: [move(id, '1')] }),
    });
    await connection.closed;
    assert.match(runtime.losses.join(), /more=true and 1 updates/);
    assert.ok(runtime.containers[0]?.resources.cpus.isEmpty);
  });
});
