import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RuntimeEvent } from '../../../src/main/runtime/events.ts';
import { nriContainer } from '../../../src/main/runtime/wire.ts';
import { Cpuset } from '../../../src/placement/cpuset.ts';
import type {
  ConfigureRequest,
  CreateContainerRequest,
  SynchronizeRequest,
  UpdateContainerRequest,
} from '../../../src/protocol/generated/nri.js';
import { Container as NriContainer } from '../../../src/protocol/generated/nri.js';
import { ContainerState, Event, eventMask } from '../../../src/protocol/nri.ts';
import { encode } from '../../../src/protocol/protobuf.ts';
import { connectPlugin, connectSilently, give, move, type Script, TIMEOUT_MS } from './fake-plugin.ts';
import { setUp } from './setup.ts';

/** Of calls of which one is not to be answered in time, and those before it are. */
const SHORT_MS = 500;

/** Gives containers CPUs by their names, and those it does not know none. */
function byName(cpus: Readonly<Record<string, string>>): Script {
  return { createContainer: ({ container }) => give(cpus[container?.name ?? ''] ?? '') };
}

function idOf(event: RuntimeEvent): string {
  assert.ok(event.container);
  return event.container.id;
}

test('a pod without a uid gets one that no other pod was given', async (t) => {
  const { runtime } = await setUp(t);
  const { runtime: other } = await setUp(t);
  for (const name of ['a', 'b', 'c', 'd']) await other.runPod({ name });
  // Those that this runtime would come to next.
  for (const { name, uid } of other.pods.slice(2)) await runtime.runPod({ name, uid });
  for (const name of ['e', 'f', 'g']) await runtime.runPod({ name });
  assert.equal(new Set(runtime.pods.map(({ uid }) => uid)).size, 5);
});

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
    let list: SynchronizeRequest | undefined;
    await connect({
      synchronize: (request) => {
        list = request;
        return {};
      },
    });
    assert.deepEqual(
      list?.containers.map(({ name, linux }) => [name, linux?.resources?.cpu?.cpus]),
      [['pinned', '0-3']],
    );
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
    let list: SynchronizeRequest | undefined;
    await connect({
      synchronize: (request) => {
        list = request;
        return {};
      },
    });
    assert.deepEqual(
      list?.containers.map(({ name, linux }) => [name, linux?.resources?.cpu?.cpus]),
      [
        ['moved', '4-5'],
        ['new', ''],
      ],
    );
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

describe('creating a container', () => {
  test('the plugin is shown what a kubelet would ask for', async (t) => {
    const { connect, run } = await setUp(t);
    const requests: CreateContainerRequest[] = [];
    await connect({
      createContainer: (request) => {
        requests.push(request);
        return {};
      },
    });
    await run('job', { cpus: 8 });
    await run('web');
    const [job, web] = requests;
    const cpu = job?.container?.linux?.resources?.cpu;
    assert.deepEqual([cpu?.shares?.value, cpu?.quota?.value, cpu?.period?.value], [8192, 800_000, 100_000]);
    assert.equal(job?.container?.linux?.resources?.memory?.limit?.value, 2 ** 30);
    assert.match(job?.pod?.linux?.cgroupParent ?? '', /^\/kubepods\.slice\/kubepods-pod[0-9a-f_]+\.slice$/);
    assert.equal(web?.container?.linux?.resources?.cpu?.quota, null);
    assert.match(web?.pod?.linux?.cgroupParent ?? '', /\/kubepods-burstable\.slice\//);
  });

  test('a container is as large on the wire as a real one', async (t) => {
    const { run } = await setUp(t);
    const { container } = await run('web');
    const { length } = encode(NriContainer, nriContainer(container!));
    assert.ok(length > 4000 && length < 4800, `${length} bytes`);
  });

  test('the adjustment is what it gets, and updates of others are applied first, in their order', async (t) => {
    const { connect, run, runtime } = await setUp(t);
    const web = idOf(await run('web'));
    await connect({ createContainer: () => give('0-3', move(web, '4-15'), move(web, '5-15')) });
    const event = await run('pinned', { annotations: { 'weka.io/cores-ids': '0-3' } });
    assert.equal(event.ok, true);
    assert.equal(event.plugin, 'answered');
    assert.ok(event.latencyMs > 0);
    assert.equal(event.container?.state, 'running');
    assert.equal(event.container?.resources.cpus.toString(), '0-3');
    assert.deepEqual(
      event.updates.map(({ label, from, to, result }) => [label, `${from}`, `${to}`, result]),
      [
        ['default/web/web', '', '4-15', 'applied'],
        ['default/web/web', '4-15', '5-15', 'applied'],
      ],
    );
    assert.equal(runtime.container(web).resources.cpus.toString(), '5-15');
    assert.deepEqual(runtime.violations, []);
  });

  test('an update with an empty cpuset changes nothing, and without an adjustment there is no restriction', async (t) => {
    const { connect, run, runtime } = await setUp(t);
    const plugin: Script = byName({ web: '4-15' });
    await connect(plugin);
    const web = idOf(await run('web'));
    await connect({ createContainer: () => ({ update: [move(web, '')] }) });
    const other = await run('other');
    assert.equal(runtime.container(web).resources.cpus.toString(), '4-15');
    assert.equal(runtime.effectiveCpus(other.container!).toString(), '0-15');
  });

  test('updates that fail, and those of exited and unknown containers, do not keep it from the others', async (t) => {
    const { connect, run, runtime } = await setUp(t);
    const [web, exited, last] = [idOf(await run('web')), idOf(await run('exited')), idOf(await run('last'))];
    await runtime.stopContainer(exited);
    await connect({
      createContainer: () =>
        give(
          '',
          move(web, '4-99'),
          move(exited, '4'),
          move('unknown', '4'),
          move(web, 'x'),
          move(last, '4-15'),
        ),
    });
    const event = await run('new');
    assert.equal(event.ok, true);
    assert.deepEqual(
      event.updates.map((update) => update.result),
      ['failed', 'ignored', 'ignored', 'failed', 'applied'],
    );
    assert.match(event.updates[0]?.error ?? '', /CPUs 16-99 are not online/);
    assert.ok(runtime.container(web).resources.cpus.isEmpty);
    assert.equal(runtime.container(last).resources.cpus.toString(), '4-15');
  });

  test("a refusal fails it with the plugin's message and is undone by Stop and Remove", async (t) => {
    const { connect, run, runtime } = await setUp(t);
    const plugin = await connect({
      createContainer: () => {
        throw new Error('no room');
      },
    });
    const event = await run('job', { cpus: 4 });
    assert.equal(event.ok, false);
    assert.equal(event.plugin, 'refused');
    assert.equal(event.error, 'no room');
    assert.deepEqual(plugin.calls.slice(2), [
      'CreateContainer job',
      'StopContainer job',
      'RemoveContainer job',
    ]);
    assert.deepEqual(runtime.containers, []);
    assert.equal(runtime.hasPlugin, true);
  });

  test('an update that names the container being created fails the creation and applies nothing', async (t) => {
    const { connect, run, runtime } = await setUp(t);
    const web = idOf(await run('web'));
    const plugin = await connect({
      createContainer: ({ container }) => give('', move(web, '1'), move(container!.id, '2')),
    });
    const event = await run('job');
    assert.equal(event.ok, false);
    assert.match(event.error ?? '', /update of the container that is being created/);
    assert.ok(runtime.container(web).resources.cpus.isEmpty);
    assert.deepEqual(plugin.calls.slice(2), [
      'CreateContainer job',
      'StopContainer job',
      'RemoveContainer job',
    ]);
  });

  test('a late answer costs the plugin its connection, and the container goes without its adjustment', async (t) => {
    const { connect, run, runtime } = await setUp(t, { requestTimeoutMs: SHORT_MS });
    let answer!: () => void;
    const plugin = await connect({
      createContainer: () =>
        new Promise((resolve) => {
          answer = () => resolve(give('0-3'));
        }),
    });
    const event = await run('job', { cpus: 4 });
    answer();
    assert.equal(event.plugin, 'late');
    assert.equal(event.ok, true);
    assert.ok(event.container?.resources.cpus.isEmpty);
    await plugin.connection.closed;
    assert.match(runtime.losses.join(), /CreateContainer was not answered within 500 ms/);
    assert.equal(runtime.hasPlugin, false);
  });

  test('CPUs that are not online are accepted at creation and fail the start', async (t) => {
    const { connect, run, runtime } = await setUp(t);
    const plugin = await connect(byName({ job: '12-19' }));
    const event = await run('job', { cpus: 8 });
    assert.equal(event.ok, false);
    assert.match(event.error ?? '', /CPUs 16-19 are not online/);
    assert.deepEqual(plugin.calls.slice(-2), ['StopContainer job', 'RemoveContainer job']);
    assert.deepEqual(runtime.containers, []);
  });

  test('calls that overlap reach the plugin one at a time, in their order', async (t) => {
    const { connect, runtime } = await setUp(t);
    let inFlight = 0;
    const plugin = await connect({
      createContainer: async () => {
        assert.equal(++inFlight, 1);
        await sleep(1);
        inFlight--;
        return {};
      },
    });
    const pod = await runtime.runPod({ name: 'web' });
    const names = ['a', 'b', 'c', 'd'];
    const events = await Promise.all(names.map((name) => runtime.createContainer(pod, { name })));
    assert.ok(events.every((event) => event.plugin === 'answered'));
    assert.deepEqual(
      plugin.calls.slice(2),
      names.map((name) => `CreateContainer ${name}`),
    );
  });
});

for (const delivery of ['state-change', 'methods'] as const) {
  test(`a container's life is told in order (delivery by ${delivery})`, async (t) => {
    const { connect, events, run, runtime } = await setUp(t, { delivery });
    const plugin = await connect();
    const web = await run('web');
    await runtime.removePod(web.pod!);
    assert.deepEqual(plugin.calls.slice(2), [
      'CreateContainer web',
      'StopContainer web',
      'RemoveContainer web',
    ]);
    assert.deepEqual(
      events.map((event) => [event.operation, event.plugin]),
      [
        'Synchronize',
        'RunPodSandbox',
        'CreateContainer',
        'PostCreateContainer',
        'StartContainer',
        'PostStartContainer',
        'StopContainer',
        'StopPodSandbox',
        'RemoveContainer',
        'RemovePodSandbox',
      ].map((operation) => [operation, 'answered']),
    );
    assert.deepEqual([...runtime.pods, ...runtime.containers], []);
  });
}

test('only events the plugin has subscribed to are delivered', async (t) => {
  const { connect, events, run, runtime } = await setUp(t);
  await connect({ configure: () => ({ events: eventMask(Event.CREATE_CONTAINER) }) });
  await runtime.removePod((await run('web')).pod!);
  assert.deepEqual(
    events.filter((event) => event.plugin === 'answered').map((event) => event.operation),
    ['Synchronize', 'CreateContainer'],
  );
});

describe('resizing a container', () => {
  test('the plugin sees what is asked for; its own entry replaces that, others are applied first', async (t) => {
    const { connect, run, runtime } = await setUp(t);
    const web = idOf(await run('web'));
    let request: UpdateContainerRequest | undefined;
    await connect({
      createContainer: () => give('0-3', move(web, '4-15')),
      updateContainer: (received) => {
        request = received;
        const own = {
          containerId: received.container!.id,
          linux: { resources: { cpu: { cpus: '0-5', quota: { value: -1 } } } },
        };
        return { update: [own, move(web, '6-15')] };
      },
    });
    const job = idOf(await run('job', { cpus: 4 }));
    const event = await runtime.updateContainer(job, { cpus: { limit: 6 } });
    assert.equal(request?.container?.linux?.resources?.cpu?.quota?.value, 400_000);
    assert.equal(request?.linuxResources?.cpu?.quota?.value, 600_000);
    assert.equal(request?.linuxResources?.cpu?.cpus, '');
    assert.equal(event.ok, true);
    const { resources, spec } = runtime.container(job);
    assert.deepEqual([`${resources.cpus}`, resources.shares, resources.quota], ['0-5', 6144, -1]);
    assert.equal(spec.cpus?.limit, 6);
    assert.deepEqual(runtime.violations, []);
  });

  test('a refusal changes nothing', async (t) => {
    const { connect, run, runtime } = await setUp(t);
    await connect({
      ...byName({ job: '0-3' }),
      updateContainer: () => {
        throw new Error('only 2 CPUs are free');
      },
    });
    const { container } = await run('job', { cpus: 4 });
    const event = await runtime.updateContainer(container!.id, { cpus: { limit: 8 } });
    assert.deepEqual([event.ok, event.error], [false, 'only 2 CPUs are free']);
    assert.deepEqual(runtime.container(container!.id), container);
  });
});

describe('unsolicited updates', () => {
  test('are applied', async (t) => {
    const { connect, run, runtime } = await setUp(t);
    const { connection } = await connect();
    const web = idOf(await run('web'));
    await connection.updateContainers({ update: [move(web, '4-15')] }, TIMEOUT_MS);
    assert.equal(runtime.container(web).resources.cpus.toString(), '4-15');
  });

  test('of which some fail are answered with an error that does not say which', async (t) => {
    const { connect, run, runtime } = await setUp(t);
    const { connection } = await connect();
    const [bad, good] = [idOf(await run('bad')), idOf(await run('good'))];
    const update = [move(bad, '99'), move(good, '4-15')];
    await assert.rejects(
      connection.updateContainers({ update }, TIMEOUT_MS),
      /some containers could not be updated/,
    );
    assert.equal(runtime.container(good).resources.cpus.toString(), '4-15');
  });

  test('wait for the event in flight: a handler that awaits one is late', async (t) => {
    const { connect, run } = await setUp(t, { requestTimeoutMs: SHORT_MS });
    const plugin = await connect({
      createContainer: async () => {
        await plugin.connection.updateContainers({ update: [] }, TIMEOUT_MS);
        return {};
      },
    });
    assert.equal((await run('web')).plugin, 'late');
  });
});

test('CPUs that go offline are lost to the containers on them', async (t) => {
  const { connect, run, runtime } = await setUp(t);
  await connect(byName({ web: '8-15', job: '0-3' }));
  const [web, job] = [await run('web'), await run('job', { cpus: 4 })];
  runtime.setOnline(Cpuset.range(4, 11));
  assert.equal(runtime.effectiveCpus(web.container!).toString(), '8-11');
  assert.equal(runtime.effectiveCpus(job.container!).toString(), '4-11');
});
