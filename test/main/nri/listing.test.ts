import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { list } from '../../../src/main/nri/listing.ts';
import { EmbeddedRuntime } from '../../../src/main/runtime/runtime.ts';
import { Cpuset } from '../../../src/placement/cpuset.ts';
import { Event, eventMask, type PluginHandlers } from '../../../src/protocol/nri.ts';
import { connectPlugin, TIMEOUT_MS } from '../runtime/fake-plugin.ts';

const NAME = { pluginName: 'test', pluginIndex: '10' };

/** Handlers that want to be synchronized, and a promise that settles when that happens. */
function listener() {
  let onListed!: () => void;
  const listed = new Promise<void>((resolve) => {
    onListed = resolve;
  });
  let containers = 0;
  const handlers: PluginHandlers = {
    configure: () => ({ events: eventMask(Event.REMOVE_POD_SANDBOX) }),
    synchronize: (request) => {
      containers = request.containers.length;
      onListed();
      return {};
    },
    shutdown: () => ({}),
    createContainer: () => assert.fail('it has asked for no such events'),
    updateContainer: () => assert.fail('it has asked for no such events'),
    stopContainer: () => assert.fail('it has asked for no such events'),
    removeContainer: () => assert.fail('it has asked for no such events'),
    stopPodSandbox: () => assert.fail('it has asked for no such events'),
  };
  return { handlers, listed, containers: () => containers };
}

async function start(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'listing-'));
  const socket = join(folder, 'nri.sock');
  const runtime = await EmbeddedRuntime.start({ socketPath: socket, online: Cpuset.range(0, 7) });
  t.after(async () => {
    await runtime.close();
    rmSync(folder, { recursive: true });
  });
  return { runtime, socket };
}

test('A list comes on a connection of its own, while the other one goes on', async (t) => {
  const { runtime, socket } = await start(t);
  await connectPlugin(socket);
  await runtime.whenReady(TIMEOUT_MS);
  const pod = await runtime.runPod({ name: 'one', qos: 'burstable' });
  await runtime.createContainer(pod, { name: 'main' });
  const { handlers, listed, containers } = listener();
  await list({ socket, ...NAME }, handlers, listed, new AbortController().signal);
  assert.equal(containers(), 1);
  const { plugin } = await runtime.createContainer(pod, { name: 'two' });
  assert.equal(plugin, 'answered');
});

test('A list that cannot be had is an error', async (t) => {
  const { runtime, socket } = await start(t);
  const { handlers, listed } = listener();
  await runtime.close();
  await assert.rejects(list({ socket, ...NAME }, handlers, listed, new AbortController().signal));
  const unwilling: PluginHandlers = {
    ...handlers,
    configure: () => Promise.reject(new Error('not this one')),
  };
  const other = await start(t);
  await assert.rejects(
    list({ socket: other.socket, ...NAME }, unwilling, listed, new AbortController().signal),
    /has listed nothing/,
  );
});
