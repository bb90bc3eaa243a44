import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { annotated, cpuset, integer, shared } from '../ledger/fixtures.ts';
import { Exposition } from './exposition.ts';
import { Scene } from './fixtures.ts';

const create = ({ plugin }: Scene, { pod, container }: ReturnType<typeof shared>) =>
  plugin.placing.create(pod, container);

test('all metrics are in docs/operations.md with their type and labels, and no others', async (t) => {
  const scene = await Scene.start(t, { config: { metrics: { containers: true } } });
  create(scene, integer('db', 2));
  create(scene, shared('web'));
  assert.throws(() => create(scene, annotated('io', '99')));
  create(scene, annotated('io', '1'));
  scene.plugin.observations.noteIncident('planner', 'died');
  await nextTurn();
  const { types, samples } = await Exposition.of(scene);
  const exposed = [...types].map(([name, type]) => {
    const labels = new Set(
      samples
        .filter((sample) => sample.name.replace(/_(bucket|sum|count)$/, '') === name || sample.name === name)
        .flatMap((sample) => Object.keys(sample.labels)),
    );
    labels.delete('le');
    return `${name} ${type} ${[...labels].sort().join(' ')}`.trim();
  });
  const text = readFileSync(join(import.meta.dirname, '../../../docs/operations.md'), 'utf8');
  const documented = [...text.matchAll(/^\| `(nri_cpuset_\w+)` \| (\w+) \|([^|]*)\|/gm)].map(
    ([, name, type, labels = '']) =>
      `${name} ${type} ${[...labels.matchAll(/\w+/g)].flat().sort().join(' ')}`.trim(),
  );
  assert.deepEqual(documented.toSorted(), exposed.toSorted());
});

test('every metric begins with our prefix and says what it is', async (t) => {
  const { types, help } = await Exposition.of(await Scene.start(t));
  for (const [name, type] of types) {
    assert.match(name, /^nri_cpuset_[a-z_]+$/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    assert.match(help.get(name) ?? '', /^[A-Z1].{20,}\.$/, name);
  }
});

test('only summaries have quantiles, and only histograms have bounds', async (t) => {
  const { types, samples } = await Exposition.of(await Scene.start(t));
  for (const { name, labels } of samples) {
    if ('quantile' in labels) assert.equal(types.get(name), 'summary', name);
    if ('le' in labels) assert.equal(types.get(name.replace(/_bucket$/, '')), 'histogram', name);
  }
});

describe('CPUs by state', () => {
  const statesOf = async (scene: Scene) => {
    const states: Record<string, number> = {};
    for (const { labels, value } of (await Exposition.of(scene)).all('cpus')) {
      const { node, state } = labels;
      if (value > 0) states[`${node} ${state}`] = value;
    }
    return states;
  };

  test('are told for each node, every CPU once', async (t) => {
    const scene = await Scene.start(t, {
      config: { reservedCpus: '0', protectedCpus: '4' },
      parts: { isolated: cpuset('7'), offline: cpuset('8-9'), maxCpuId: 9 },
    });
    create(scene, annotated('io', '0-1'));
    create(scene, integer('db', 2));
    create(scene, shared('web'));
    assert.deepEqual(await statesOf(scene), {
      '0 annotated': 2,
      '0 integer': 2,
      '1 reserved': 1,
      '1 shared': 2,
      '1 isolated': 1,
      ' offline': 2,
    });
  });

  test('are told by the instance that decides, not by one that waits', async (t) => {
    const scene = await Scene.start(t, { isAlone: true });
    scene.plugin.active = false;
    assert.deepEqual(await statesOf(scene), {});
  });

  test('are told before a runtime has called', async (t) => {
    const scene = await Scene.start(t, { isAlone: true, config: { reservedCpus: '0' } });
    assert.deepEqual(await statesOf(scene), { '0 reserved': 1, '0 shared': 3, '1 shared': 4 });
  });
});

describe('containers', () => {
  test('are counted by kind', async (t) => {
    const scene = await Scene.start(t);
    scene.plugin.placing.synchronize([integer('big', 9)]);
    create(scene, annotated('io', '7'));
    create(scene, shared('web'));
    const metrics = await Exposition.of(scene);
    const counts = metrics.all('containers').map(({ labels: { kind }, value }) => [kind, value]);
    assert.deepEqual(Object.fromEntries(counts), { annotated: 1, integer: 0, shared: 1, unplaced: 1 });
    assert.equal(metrics.value('pool_cpus'), 7);
  });

  test('have no names unless that is asked for', async (t) => {
    const scene = await Scene.start(t);
    create(scene, integer('db', 2));
    assert.doesNotMatch((await scene.ask('/metrics')).body, /"db"/);
  });

  test('with CPUs of their own have names if that is asked for, also odd ones', async (t) => {
    const scene = await Scene.start(t, { config: { metrics: { containers: true } } });
    create(scene, integer('db', 2, { namespace: 'a"b\\c' }));
    create(scene, shared('web'));
    const infos = (await Exposition.of(scene)).all('container_info');
    const labels = {
      namespace: 'a\\"b\\\\c',
      pod: 'db',
      container: 'main',
      kind: 'integer',
      cpus: '1-2',
    };
    assert.deepEqual(
      infos.map((info) => info.labels),
      [labels],
    );
  });

  test('that are not as wanted, and not as told, are counted', async (t) => {
    const scene = await Scene.start(t);
    const { placing } = scene.plugin;
    create(scene, shared('web'));
    const { epoch } = placing.entries.get('web')!;
    placing.observe([{ id: 'web', cpus: cpuset('3'), mems: '0-1', epoch }]);
    const metrics = await Exposition.of(scene);
    assert.equal(metrics.value('containers_not_as_told'), 1);
    assert.equal(metrics.value('containers_not_as_wanted', { difference: 'misplaced' }), 1);
    assert.equal(metrics.value('containers_not_as_wanted', { difference: 'moving' }), 0);
    assert.equal(metrics.value('invariant_violations'), 0);
  });
});

describe('what happened is counted', () => {
  test('refusals by code', async (t) => {
    const scene = await Scene.start(t);
    for (const pod of ['a', 'b']) assert.throws(() => create(scene, annotated(pod, '99')));
    assert.throws(() => create(scene, integer('c', 20)));
    const metrics = await Exposition.of(scene);
    assert.equal(metrics.value('refusals_total', { code: 'bad-annotation' }), 2);
    assert.equal(metrics.value('refusals_total', { code: 'not-enough-cpus' }), 1);
  });

  test('what was wrong with annotations', async (t) => {
    const scene = await Scene.start(t);
    create(scene, shared('web', { forbid: 'x' }));
    create(scene, shared('other', { forbid: '1' }));
    assert.equal((await Exposition.of(scene)).value('warnings_total'), 1);
  });

  test('moves, their CPUs, and the updates that carried them', async (t) => {
    const scene = await Scene.start(t);
    create(scene, shared('web'));
    create(scene, integer('db', 2));
    const [cpu] = scene.plugin.placing.entries.get('db')!.cpus;
    create(scene, annotated('io', `${cpu}`));
    await nextTurn();
    const metrics = await Exposition.of(scene);
    assert.equal(metrics.value('moves_total'), 1);
    assert.equal(metrics.value('moved_cpus_total'), 1);
    // The shared container left the pool twice, the integer one moved.
    assert.equal(metrics.value('container_updates_total', { cause: 'create' }), 3);
  });

  test('events by what became of them, with how long they took', async (t) => {
    const scene = await Scene.start(t);
    const { observations } = scene.plugin;
    for (const ms of [0.05, 0.05, 400]) observations.noteEvent('create', 'answered', ms);
    observations.noteEvent('create', 'refused', 1);
    observations.noteEvent('stop', 'late', 1e6);
    const metrics = await Exposition.of(scene);
    const answered = { event: 'create', outcome: 'answered' };
    assert.equal(metrics.value('event_duration_seconds_count', answered), 3);
    assert.equal(metrics.value('event_duration_seconds_sum', answered), 0.4001);
    const below = (le: string) => metrics.value('event_duration_seconds_bucket', { ...answered, le });
    assert.deepEqual([below('0.000032'), below('0.000064'), below('+Inf')], [0, 2, 3]);
    const buckets = metrics
      .all('event_duration_seconds_bucket')
      .filter(({ labels: { event, outcome } }) => event === 'stop' && outcome === 'late');
    assert.deepEqual(
      buckets.map(({ value }) => value),
      [...Array(buckets.length - 1).fill(0), 1],
    );
    const { events } = await scene.state();
    assert.deepEqual(
      events.find(({ event, outcome }) => event === 'create' && outcome === 'answered'),
      { ...answered, count: 3, p50Us: 54, p99Us: 400_000, maxUs: 400_000 },
    );
  });

  test('plans, workers, drift and connections', async (t) => {
    const scene = await Scene.start(t);
    const { observations, counts } = scene.plugin;
    observations.notePlan({
      tasks: 3,
      answers: 3,
      ms: 50,
      first: [0, 9, 0, 0, 0, 0, 0],
      best: [0, 4, 0, 0, 0, 0, 0],
    });
    observations.noteIncident('host', 'timeout');
    Object.assign(counts, { drifted: 4, repaired: 3, repairs: 2, reconnects: 1 });
    observations.noteConnection(false);
    observations.noteConnection(true);
    const metrics = await Exposition.of(scene);
    assert.equal(metrics.value('planner_calls_total'), 2);
    assert.equal(metrics.value('planner_seconds_total'), 0.05);
    assert.equal(metrics.value('planner_spared_cpus_total'), 5);
    assert.equal(metrics.value('worker_incidents_total', { worker: 'host', kind: 'timeout' }), 1);
    assert.equal(metrics.value('drift_total'), 4);
    assert.equal(metrics.value('drift_repaired_total'), 3);
    assert.equal(metrics.value('repair_reconnects_total'), 1);
    assert.equal(metrics.value('registrations_total'), 2);
    assert.equal(metrics.value('ready'), 0);
  });
});

test('who we are and what the runtime is are told', async (t) => {
  const metrics = await Exposition.of(await Scene.start(t));
  assert.equal(metrics.value('runtime_info', { name: 'containerd', nri_version: '0.12.1' }), 1);
  assert.equal(metrics.value('build_info', { node_version: process.version }), 1);
  assert.equal(metrics.value('request_timeout_seconds'), 2);
  assert.equal(metrics.value('synchronize_duration_seconds'), 0.003);
});

test('changes of the settings that are refused are counted, and in the state with what is wrong', async (t) => {
  const scene = await Scene.start(t);
  assert.equal((await Exposition.of(scene)).value('settings_refused'), 0);
  assert.equal('refusedSettings' in (await scene.state()), false);
  scene.plugin.refused.push('unknown setting "y"');
  assert.equal((await Exposition.of(scene)).value('settings_refused'), 1);
  assert.deepEqual((await scene.state()).refusedSettings, ['unknown setting "y"']);
});

test('what is not known yet is left out', async (t) => {
  const metrics = await Exposition.of(await Scene.start(t, { isAlone: true }));
  for (const name of ['pool_cpus', 'request_timeout_seconds', 'synchronized_time_seconds', 'runtime_info']) {
    assert.deepEqual(metrics.all(name), [], name);
  }
  assert.equal(metrics.value('ready'), 0);
});
