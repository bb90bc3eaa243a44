import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HealthView } from '../../../src/main/admin/api.ts';
import type { JournalRecord } from '../../../src/main/journal.ts';
import { until } from '../../e2e/harness/until.ts';
import { annotated, integer, shared } from '../ledger/fixtures.ts';
import { Scene } from './fixtures.ts';

const create = ({ plugin }: Scene, { pod, container }: ReturnType<typeof shared>) =>
  plugin.placing.create(pod, container);

describe('the state', () => {
  test('tells of every container what it is, what it owns and where it runs', async (t) => {
    const scene = await Scene.start(t);
    create(scene, integer('db', 2, { createdAt: 2e15, forbid: '0' }));
    create(scene, annotated('io', '7', { createdAt: 1e15 }));
    create(scene, shared('web', { createdAt: 3e15 }));
    const { containers, pool } = await scene.state();
    assert.equal(pool, '0,3-6');
    const shown = containers.map(({ pod, kind, cpus, runsOn, mems, askedCpus, askedCount, forbidden }) => [
      pod,
      { kind, cpus, runsOn, mems, askedCpus, askedCount, forbidden },
    ]);
    const nothing = { mems: undefined, askedCpus: undefined, askedCount: undefined, forbidden: '' };
    assert.deepEqual(Object.fromEntries(shown), {
      io: { ...nothing, kind: 'annotated', cpus: '7', runsOn: '7', mems: '1', askedCpus: '7' },
      db: { ...nothing, kind: 'integer', cpus: '1-2', runsOn: '1-2', askedCount: 2, forbidden: '0' },
      web: { ...nothing, kind: 'shared', cpus: '', runsOn: '0,3-6' },
    });
    assert.deepEqual(
      containers.map(({ createdAt }) => createdAt),
      [1e9, 2e9, 3e9],
    );
  });

  test('tells since when a container is where it is', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1000 });
    const scene = await Scene.start(t);
    const { placing } = scene.plugin;
    create(scene, integer('db', 2));
    create(scene, shared('web'));
    t.mock.timers.setTime(2000);
    const [cpu] = placing.entries.get('db')!.cpus;
    create(scene, annotated('io', `${cpu}`));
    t.mock.timers.setTime(3000);
    placing.changePolicy(placing.policy);
    const { containers } = await scene.state();
    const since = Object.fromEntries(containers.map((container) => [container.pod, container.since]));
    assert.deepEqual(since, { db: 2000, io: 2000, web: 1000 });
  });

  test('tells why a container has no CPUs of its own, and where one was found', async (t) => {
    const scene = await Scene.start(t);
    const { placing } = scene.plugin;
    placing.synchronize([integer('big', 9)]);
    create(scene, shared('web'));
    const { epoch } = placing.entries.get('web')!;
    placing.observe([{ id: 'web', cpus: placing.policy.topology.nodes[1]!.cpus, mems: '0-1', epoch }]);
    const { containers, notAsWanted } = await scene.state();
    const byPod = new Map(containers.map((container) => [container.pod, container]));
    assert.match(byPod.get('big')?.unplaced ?? '', /9 exclusive CPUs/);
    assert.equal(byPod.get('web')?.seen, '4-7');
    assert.equal(notAsWanted, 1);
  });

  test('tells who we are, who the runtime is and what the host is like', async (t) => {
    const scene = await Scene.start(t, { config: { reservedCpus: '0' } });
    const { plugin, runtime, topology, settings, reserved, health } = await scene.state();
    assert.equal(plugin.name, '99-weka-cpuset');
    assert.equal(runtime?.nri, '0.12.1');
    assert.equal(runtime?.connected, true);
    assert.deepEqual(
      topology.nodes.map(({ id, cpus }) => [id, cpus]),
      [
        [0, '0-3'],
        [1, '4-7'],
      ],
    );
    assert.equal(topology.online, '0-7');
    assert.equal(settings.minSharedCpus, 1);
    assert.equal(reserved, '0');
    assert.deepEqual(health, { live: true, ready: true, missing: [] });
  });

  test('shows the host when no runtime has called yet', async (t) => {
    const scene = await Scene.start(t, { isAlone: true });
    const { runtime, containers, topology, health } = await scene.state();
    assert.deepEqual([runtime, containers, topology.online], [undefined, [], '0-7']);
    assert.deepEqual(health.missing, ['not registered with a runtime']);
  });

  test('has what happened a moment ago', async (t) => {
    const scene = await Scene.start(t);
    assert.equal((await scene.state()).containers.length, 0);
    create(scene, shared('web'));
    assert.equal((await scene.state()).containers.length, 1);
    scene.plugin.placing.stop('web');
    assert.equal((await scene.state()).containers.length, 0);
  });

  test('tells nothing of a pod but its names', async (t) => {
    const scene = await Scene.start(t);
    create(scene, shared('web', { annotations: { token: 'secret-of-the-pod' } }));
    assert.doesNotMatch((await scene.ask('/api/v1/state')).body, /secret-of-the-pod/);
  });
});

describe('the journal', () => {
  test('tells what was decided after a record', async (t) => {
    const scene = await Scene.start(t);
    for (const pod of ['a', 'b', 'c']) create(scene, shared(pod));
    const all = await scene.json<JournalRecord[]>('/api/v1/journal');
    assert.deepEqual(
      all.map(({ sequence, container }) => [sequence, container]),
      [
        [1, 'default/a/main'],
        [2, 'default/b/main'],
        [3, 'default/c/main'],
      ],
    );
    assert.deepEqual(await scene.json('/api/v1/journal?since=2'), all.slice(2));
    assert.deepEqual(await scene.json('/api/v1/journal?since=3'), []);
  });

  test('comes in pieces where it is long', async (t) => {
    const scene = await Scene.start(t);
    const { journal } = scene.plugin;
    for (let i = 0; i < 1500; i++)
      journal.append({ time: 0, operation: `${i}`, event: 'x', outcome: 'done' });
    const first = await scene.json<JournalRecord[]>('/api/v1/journal?since=0');
    assert.deepEqual([first.length, first.at(-1)?.sequence], [1000, 1000]);
    assert.equal((await scene.json<JournalRecord[]>('/api/v1/journal?since=1000')).length, 500);
  });

  test('refuses a number that is none', async (t) => {
    const scene = await Scene.start(t);
    for (const since of ['', '-1', '1e3', '9'.repeat(40), 'x']) {
      assert.equal((await scene.ask(`/api/v1/journal?since=${since}`)).status, 400, since);
    }
  });
});

describe('health', () => {
  test('is good when the ledger takes turns', async (t) => {
    const scene = await Scene.start(t);
    const { status, body } = await scene.ask('/healthz');
    assert.deepEqual([status, JSON.parse(body)], [200, { live: true, ready: true, missing: [] }]);
  });

  test('is bad while the ledger takes none, and good again afterwards', async (t) => {
    const scene = await Scene.start(t);
    let end!: () => void;
    scene.plugin.mailbox.run(() => new Promise<void>((resolve) => (end = resolve)));
    const { status, body } = await scene.ask('/healthz');
    assert.deepEqual([status, (JSON.parse(body) as HealthView).live], [503, false]);
    assert.match(body, /the ledger takes no turns/);
    end();
    await until('it is good again', async () => (await scene.ask('/healthz')).status === 200);
  });

  test('is good without a runtime, but then we are not ready, and the answer says what is missing', async (t) => {
    const scene = await Scene.start(t, { isAlone: true });
    const missing = async () => {
      const { status, body } = await scene.ask('/readyz');
      return [status, ...(JSON.parse(body) as HealthView).missing];
    };
    assert.equal((await scene.ask('/healthz')).status, 200);
    assert.deepEqual(await missing(), [503, 'not registered with a runtime']);
    scene.plugin.observations.noteConnection(true);
    assert.deepEqual(await missing(), [503, 'not configured by the runtime']);
    scene.plugin.runtimeFacts = { name: 'x', version: '1', nri: undefined, requestTimeout: 1 };
    assert.deepEqual(await missing(), [503, 'not synchronized with the runtime']);
    scene.plugin.observations.noteEvent('create', 'answered', 1);
    assert.deepEqual(await missing(), [200]);
    scene.plugin.observations.noteConnection(false);
    assert.deepEqual(await missing(), [503, 'not registered with a runtime']);
  });
});

test('the page is served, and what is not there is not found', async (t) => {
  const scene = await Scene.start(t);
  const page = await scene.ask('/');
  assert.deepEqual(
    [page.status, page.headers['content-type'], page.body],
    [200, 'text/html', '<!doctype html>'],
  );
  for (const path of ['/x', '/api', '/../etc/passwd', '/%2e%2e/etc/passwd', '//', '*']) {
    assert.equal((await scene.ask(path)).status, 404, path);
  }
});

test('a HEAD request is answered like GET, without a body', async (t) => {
  const scene = await Scene.start(t);
  for (const path of ['/', '/healthz', '/metrics', '/api/v1/state', '/api/v1/journal', '/api/v1/events']) {
    const { status, body } = await scene.ask(path, { method: 'HEAD' });
    assert.deepEqual([path, status, body], [path, 200, '']);
  }
  assert.equal(scene.server.eventClients, 0);
});

test('every answer forbids to keep it, to guess its type, to frame it, and to load anything foreign', async (t) => {
  const scene = await Scene.start(t);
  const paths = ['/', '/healthz', '/metrics', '/api/v1/state', '/nothing'];
  for (const path of paths) {
    const { headers } = await scene.askTcp(path);
    assert.equal(headers['cache-control'], 'no-store', path);
    assert.equal(headers['x-content-type-options'], 'nosniff', path);
    assert.equal(headers['referrer-policy'], 'no-referrer', path);
    assert.match(`${headers['content-security-policy']}`, /^default-src 'none'; /, path);
    assert.doesNotMatch(`${headers['content-security-policy']}`, /unsafe|\*|https?:/, path);
  }
});
