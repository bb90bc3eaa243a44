import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { nriContainer } from '../../../src/main/runtime/wire.ts';
import { Cpuset } from '../../../src/placement/cpuset.ts';
import type { CreateContainerRequest, UpdateContainerRequest } from '../../../src/protocol/generated/nri.js';
import { Container as NriContainer } from '../../../src/protocol/generated/nri.js';
import { Event, eventMask } from '../../../src/protocol/nri.ts';
import { encode } from '../../../src/protocol/protobuf.ts';
import { byName, give, move, type Script, TIMEOUT_MS } from './fake-plugin.ts';
import { idOf, setUp } from './setup.ts';

/** Of calls of which one is not to be answered in time, and those before it are. */
const SHORT_MS = 500;

test('a pod without a uid gets one that no other pod was given', async (t) => {
  const { runtime } = await setUp(t);
  const { runtime: other } = await setUp(t);
  for (const name of ['a', 'b', 'c', 'd']) await other.runPod({ name });
  // Those that this runtime would come to next.
  for (const { name, uid } of other.pods.slice(2)) await runtime.runPod({ name, uid });
  for (const name of ['e', 'f', 'g']) await runtime.runPod({ name });
  assert.equal(new Set(runtime.pods.map(({ uid }) => uid)).size, 5);
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
