import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ProtocolError, StatusCode, TtrpcStatusError } from '../../src/protocol/errors.ts';
import {
  type Container,
  CreateContainerRequest,
  Empty,
  StateChangeEvent,
  StateChangeSubject,
} from '../../src/protocol/generated/nri.js';
import { Mux, PLUGIN_CHANNEL } from '../../src/protocol/mux.ts';
import {
  ContainerState,
  Event,
  eventMask,
  MemoryPolicyMode,
  PluginConnection,
  type PluginHandlers,
  RuntimeConnection,
  type RuntimeHandlers,
} from '../../src/protocol/nri.ts';
import { encode, type PartialMessage, protobuf } from '../../src/protocol/protobuf.ts';
import { TtrpcServer } from '../../src/protocol/ttrpc.ts';
import { socketPair } from './sockets.ts';
import { encoded } from './ttrpc-ends.ts';

const TIMEOUT_MS = 10_000;

const pod = {
  id: 'p1',
  name: 'db-0',
  uid: 'u1',
  namespace: 'prod',
  annotations: { 'weka.io/cores-ids': '1-3' },
  linux: { cgroupParent: '/kubepods/burstable/podu1' },
};

const container = {
  id: 'c1',
  podSandboxId: 'p1',
  name: 'main',
  state: ContainerState.RUNNING,
  labels: { 'io.kubernetes.container.name': 'main' },
  createdAt: 1_700_000_000_000_000_000,
  linux: {
    oomScoreAdj: { value: -997 },
    cgroupsPath: '/kubepods/podu1/c1',
    resources: {
      memory: { limit: { value: 2 ** 30 } },
      cpu: {
        shares: { value: 2048 },
        quota: { value: -1 },
        period: { value: 100_000 },
        cpus: '0-3',
        mems: '0',
      },
    },
  },
};

const update = { containerId: 'c2', linux: { resources: { cpu: { cpus: '4-7' } } }, ignoreFailure: true };

/** A plugin and a runtime on the two ends of a unix socket; `calls` is what the handlers were called with. */
async function connected(
  t: TestContext,
  plugin: Partial<PluginHandlers> = {},
  runtime: Partial<RuntimeHandlers> = {},
) {
  const calls: { name: string; request: unknown }[] = [];
  const record = (name: string) => (request: unknown) => {
    calls.push({ name, request });
    return {};
  };
  const [left, right] = await socketPair(t);
  const pluginSide = new PluginConnection(left, {
    configure: record('configure'),
    synchronize: record('synchronize'),
    shutdown: record('shutdown'),
    createContainer: record('createContainer'),
    updateContainer: record('updateContainer'),
    stopContainer: record('stopContainer'),
    removeContainer: record('removeContainer'),
    stopPodSandbox: record('stopPodSandbox'),
    ...plugin,
  });
  const runtimeSide = new RuntimeConnection(right, {
    registerPlugin: record('registerPlugin'),
    updateContainers: record('updateContainers'),
    ...runtime,
  });
  const close = async () => {
    pluginSide.close();
    runtimeSide.close();
    assert.deepEqual(await Promise.all([pluginSide.closed, runtimeSide.closed]), [undefined, undefined]);
  };
  return { plugin: pluginSide, runtime: runtimeSide, calls, close };
}

/** Asserts that `actual` has what `expected` has, fields given by prototype included. */
function assertHolds(actual: unknown, expected: unknown): void {
  if (typeof expected !== 'object' || expected === null) {
    assert.equal(actual, expected);
    return;
  }
  for (const [field, value] of Object.entries(expected)) {
    assertHolds((actual as Readonly<Record<string, unknown>>)[field], value);
  }
}

test('the events of a subscription are bits counted from 1', () => {
  assert.equal(eventMask(), 0);
  assert.equal(eventMask(Event.RUN_POD_SANDBOX), 1);
  assert.equal(
    eventMask(Event.CREATE_CONTAINER, Event.UPDATE_CONTAINER, Event.STOP_CONTAINER, Event.REMOVE_CONTAINER),
    0b110_1000_1000,
  );
});

test('a plugin registers, is configured, synchronized in pieces and shut down', async (t) => {
  const { plugin, runtime, calls, close } = await connected(t, {
    configure: (request) => {
      assert.equal(request.config, 'pool: 0-3');
      assert.equal(request.requestTimeout, 2000);
      return { events: eventMask(Event.CREATE_CONTAINER, Event.STOP_CONTAINER) };
    },
    synchronize: (request) => (request.more ? { more: true } : { update: [update] }),
  });
  await plugin.registerPlugin({ pluginName: 'weka', pluginIdx: '99', NRIVersion: '0.12.0' }, TIMEOUT_MS);
  assertHolds(calls[0], { name: 'registerPlugin', request: { pluginName: 'weka', pluginIdx: '99' } });

  const configured = await runtime.configure({ config: 'pool: 0-3', requestTimeout: 2000 }, TIMEOUT_MS);
  assert.equal(configured.events, 0b10_0000_1000);

  const first = await runtime.synchronize({ pods: [pod], more: true }, TIMEOUT_MS);
  assertHolds(first, { more: true, update: { length: 0 } });
  const last = await runtime.synchronize({ containers: [container] }, TIMEOUT_MS);
  assertHolds(last, { more: false, update: [update] });

  await runtime.shutdown({}, TIMEOUT_MS);
  assert.equal(calls.at(-1)?.name, 'shutdown');
  await close();
});

test('a creation is adjusted, with CPUs, memory nodes, memory policy and updates of others', async (t) => {
  const adjust = {
    linux: {
      resources: { cpu: { cpus: '0-1', mems: '0', shares: { value: 2 } } },
      memoryPolicy: { mode: MemoryPolicyMode.BIND, nodes: '0' },
    },
  };
  const { runtime, close } = await connected(t, {
    createContainer: async (request) => {
      assertHolds(request, { pod, container });
      return { adjust, update: [update, { ...update, containerId: 'c3' }] };
    },
  });
  const answer = await runtime.createContainer({ pod, container }, TIMEOUT_MS);
  assertHolds(answer, { adjust, update: [update, { ...update, containerId: 'c3' }] });
  await close();
});

test('an update shows what is asked for, a stop may carry updates', async (t) => {
  const linuxResources = { cpu: { quota: { value: 50_000 } } };
  const { runtime, close } = await connected(t, {
    updateContainer: (request) => {
      assertHolds(request, { pod, container, linuxResources });
      return { update: [update] };
    },
    stopContainer: () => ({ update: [update] }),
  });
  const updated = await runtime.updateContainer({ pod, container, linuxResources }, TIMEOUT_MS);
  assertHolds(updated, { update: [update] });
  assertHolds(await runtime.stopContainer({ container }, TIMEOUT_MS), { update: [update] });
  await close();
});

test('removal and stop reach the same handler as calls of their own and as state changes', async (t) => {
  const { runtime, calls, close } = await connected(t);
  await runtime.removeContainer({ container }, TIMEOUT_MS);
  await runtime.stateChange({ event: Event.REMOVE_CONTAINER, container }, TIMEOUT_MS);
  await runtime.stopContainer({ container }, TIMEOUT_MS);
  await runtime.stateChange({ event: Event.STOP_CONTAINER, container }, TIMEOUT_MS);
  assert.deepEqual(
    calls.map(({ name }) => name),
    ['removeContainer', 'removeContainer', 'stopContainer', 'stopContainer'],
  );
  for (const { request } of calls) assertHolds(request, { container: { id: 'c1' } });
  await close();
});

test('the end of a pod reaches the same handler as a call of its own and as a state change', async (t) => {
  const { runtime, calls, close } = await connected(t);
  await runtime.stopPodSandbox({ pod }, TIMEOUT_MS);
  const stateChange = [encode(StateChangeEvent, { event: 2 }), encode(StateChangeSubject, { pod })];
  await runtime.call('StateChange', Buffer.concat(stateChange), TIMEOUT_MS);
  assert.deepEqual(
    calls.map(({ name }) => name),
    ['stopPodSandbox', 'stopPodSandbox'],
  );
  for (const { request } of calls) assertHolds(request, { pod: { id: 'p1', uid: 'u1' } });
  await close();
});

test('events nothing is done about are acknowledged in both styles of delivery', async (t) => {
  const { runtime, calls, close } = await connected(t);
  await runtime.runPodSandbox({ pod }, TIMEOUT_MS);
  await runtime.removePodSandbox({ pod }, TIMEOUT_MS);
  await runtime.postCreateContainer({ pod, container }, TIMEOUT_MS);
  await runtime.startContainer({ pod, container }, TIMEOUT_MS);
  await runtime.postStartContainer({ pod, container }, TIMEOUT_MS);
  await runtime.postUpdateContainer({ pod, container }, TIMEOUT_MS);
  for (const name of ['UpdatePodSandbox', 'PostUpdatePodSandbox', 'ValidateContainerAdjustment']) {
    assert.equal((await runtime.call(name, encode(Empty, {}), TIMEOUT_MS)).length, 0);
  }
  for (const event of [1, 3, 5, 6, 7, 9, 12, 13, 99]) {
    await runtime.stateChange({ event, container }, TIMEOUT_MS);
  }
  assert.deepEqual(calls, []);
  await close();
});

test('a call no version of NRI has is answered with UNIMPLEMENTED, and the connection stays', async (t) => {
  const { runtime, calls, close } = await connected(t);
  await assert.rejects(runtime.call('CheckpointContainer', new Uint8Array(0), TIMEOUT_MS), {
    status: StatusCode.UNIMPLEMENTED,
  });
  await runtime.removeContainer({ container }, TIMEOUT_MS);
  assert.equal(calls.length, 1);
  await close();
});

test('updates outside of an answer reach the runtime, which lists those that failed', async (t) => {
  const { plugin, close } = await connected(
    t,
    {},
    { updateContainers: (request) => ({ failed: request.update }) },
  );
  const { failed } = await plugin.updateContainers({ update: [update] }, TIMEOUT_MS);
  assertHolds(failed, [update]);
  await close();
});

test('both sides can call at the same time, also from inside a handler', async (t) => {
  const { plugin, runtime, close } = await connected(t, {
    stopContainer: async () => plugin.updateContainers({ update: [update] }, TIMEOUT_MS).then(() => ({})),
  });
  await Promise.all([
    runtime.stopContainer({ container }, TIMEOUT_MS),
    plugin.updateContainers({ update: [update] }, TIMEOUT_MS),
    runtime.removeContainer({ container }, TIMEOUT_MS),
  ]);
  await close();
});

test("the message of a handler's error is what the runtime is told", async (t) => {
  const { runtime, close } = await connected(t, {
    createContainer: async () => {
      throw new Error('pod prod/db-0 asks for CPUs 1-3, CPU 2 is taken');
    },
  });
  await assert.rejects(runtime.createContainer({ pod, container }, TIMEOUT_MS), (error) => {
    assert.ok(error instanceof TtrpcStatusError);
    assert.equal(error.message, 'pod prod/db-0 asks for CPUs 1-3, CPU 2 is taken');
    return true;
  });
  await close();
});

test('a request that is no message is refused by name, and the connection stays', async (t) => {
  const { runtime, calls, close } = await connected(t);
  await assert.rejects(runtime.call('CreateContainer', Buffer.from([0x0a, 0xff]), TIMEOUT_MS), (error) => {
    assert.ok(error instanceof TtrpcStatusError);
    assert.equal(error.status, StatusCode.INVALID_ARGUMENT);
    assert.match(error.message, /CreateContainer/);
    return true;
  });
  await runtime.removeContainer({ container }, TIMEOUT_MS);
  assert.deepEqual(
    calls.map(({ name }) => name),
    ['removeContainer'],
  );
  await close();
});

test('an answer that is no message rejects its call as a protocol error', async (t) => {
  const [left, right] = await socketPair(t);
  const mux = new Mux(left);
  new TtrpcServer(
    mux,
    PLUGIN_CHANNEL,
    'nri.pkg.api.v1alpha1.Plugin',
    new Map([['Synchronize', () => encoded(Buffer.from([0x0a, 0xff]))]]),
  );
  const runtime = new RuntimeConnection(right, {
    registerPlugin: () => ({}),
    updateContainers: () => ({}),
  });
  await assert.rejects(runtime.synchronize({}, TIMEOUT_MS), (error) => {
    assert.ok(error instanceof ProtocolError);
    assert.match(error.message, /Synchronize/);
    return true;
  });
});

test('an answer that cannot be encoded becomes an error, at once or later', async (t) => {
  const broken = { update: [null as unknown as typeof update] };
  const { runtime, close } = await connected(t, {
    stopContainer: () => broken,
    updateContainer: async () => broken,
  });
  await assert.rejects(runtime.stopContainer({ container }, TIMEOUT_MS), TtrpcStatusError);
  await assert.rejects(runtime.updateContainer({ container }, TIMEOUT_MS), TtrpcStatusError);
  await close();
});

test('a full-size container, encoded by someone else, is reduced to what is used', async (t) => {
  const { runtime, calls, close } = await connected(t);
  const environment = new protobuf.BufferWriter();
  for (let number = 0; number < 1000; number++)
    environment.uint32((8 << 3) | 2).string(`VARIABLE_${number}=value`);
  const known = encode(CreateContainerRequest, { pod, container });
  // A second `container` field is merged into the first, so this adds the environment to it.
  const extra = new protobuf.BufferWriter()
    .uint32((2 << 3) | 2)
    .bytes(environment.finish())
    .finish();
  await runtime.call('CreateContainer', Buffer.concat([known, extra]), TIMEOUT_MS);
  const { request } = calls[0]!;
  assertHolds(request, { pod, container });
  const decoded = (request as CreateContainerRequest).container!;
  assert.ok(JSON.stringify(decoded).length < 1000);
  await close();
});

test('a synchronization of nearly 4 MiB arrives whole', async (t) => {
  const containers: PartialMessage<Container>[] = Array.from({ length: 8000 }, (_, number) => ({
    ...container,
    id: String(number).padStart(64, '0'),
    labels: { padding: 'x'.repeat(200) },
  }));
  const { runtime, close } = await connected(t, {
    synchronize: (request) => ({
      update: request.containers.map(({ id }) => ({
        containerId: id,
        linux: { resources: { cpu: { cpus: '0' } } },
      })),
    }),
  });
  const { update: updates } = await runtime.synchronize({ containers }, TIMEOUT_MS);
  assert.deepEqual(
    updates.map(({ containerId }) => containerId),
    containers.map(({ id }) => id),
  );
  await close();
});

test('an answer given just before the plugin closes still arrives, and the end is ordinary for both', async (t) => {
  const { plugin, runtime } = await connected(t, {
    shutdown: () => {
      setImmediate(() => plugin.close());
      return {};
    },
  });
  await runtime.shutdown({}, TIMEOUT_MS);
  assert.equal(await runtime.closed, undefined);
  assert.equal(await plugin.closed, undefined);
});

test('a label or annotation named like a member of objects is just a key', async (t) => {
  const labels = Object.fromEntries([
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ]);
  const { runtime, calls, close } = await connected(t);
  await runtime.createContainer({ container: { id: 'c1', labels } }, TIMEOUT_MS);
  const { request } = calls[0]!;
  const received = (request as CreateContainerRequest).container!.labels;
  assert.deepEqual(Object.entries(received), [
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ]);
  await close();
});
