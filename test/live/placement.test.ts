import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { liveCluster } from './harness/cluster.ts';
import { guaranteed, integer, pinned, shared } from './harness/pod-object.ts';
import { until } from './harness/until.ts';

describe('Placement on a live cluster', () => {
  const cluster = liveCluster();

  test('an integer container gets CPUs of its own, which shared ones leave and get back', async () => {
    const pool = await cluster.run(shared());
    const exclusive = await cluster.run(integer(1));
    const own = await exclusive.cpus();
    assert.equal(own.size, 1);
    assert.ok(!(await pool.cpus()).intersects(own));
    await exclusive.remove();
    await until('the shared container may use them again', async () => own.isSubsetOf(await pool.cpus()));
  });

  test('a pinned container runs on exactly its CPUs, and shared ones do not', async () => {
    const cpus = await cluster.freeCpus(1);
    const pool = await cluster.run(shared());
    const pod = await cluster.run(pinned(cpus));
    assert.equal(`${await pod.cpus()}`, `${cpus}`);
    assert.ok(!(await pool.cpus()).intersects(cpus));
  });

  test('pinned containers may share CPUs', async () => {
    const cpus = await cluster.freeCpus(1);
    const pods = [await cluster.run(pinned(cpus)), await cluster.run(pinned(cpus))];
    for (const pod of pods) assert.equal(`${await pod.cpus()}`, `${cpus}`);
  });

  test('a pin of one container leaves the others of its pod in the pool', async () => {
    const cpus = await cluster.freeCpus(1);
    const pod = await cluster.run({
      name: 'half-pinned',
      annotations: { 'weka.io/cores-ids.main': `${cpus}` },
      containers: { main: {}, other: {} },
    });
    assert.equal(`${await pod.cpus('main')}`, `${cpus}`);
    assert.ok(!(await pod.cpus('other')).intersects(cpus));
  });

  test('a sidecar with whole CPUs can be left in the pool', async (t) => {
    if (cluster.lacksCpus(t, 4)) return;
    const pod = await cluster.run({
      name: 'with-sidecar',
      annotations: { 'weka.io/exclusive.sidecar': 'false' },
      containers: { main: guaranteed('1'), sidecar: guaranteed('1') },
    });
    const own = await pod.cpus('main');
    assert.equal(own.size, 1);
    assert.ok(!(await pod.cpus('sidecar')).intersects(own));
  });

  test('a fraction of a CPU is shared, also in a Guaranteed pod', async () => {
    const exclusive = await cluster.run(integer(1));
    const pod = await cluster.run({ name: 'fraction', containers: { main: guaranteed('250m') } });
    const own = await exclusive.cpus();
    assert.ok(!(await pod.cpus()).intersects(own));
    await exclusive.remove();
    await until('it may use the CPUs that became free', async () => own.isSubsetOf(await pod.cpus()));
  });

  test('forbidden CPUs are kept from shared containers', async () => {
    const pool = await cluster.run(shared());
    const forbidden = (await pool.cpus()).lowest(1);
    const pod = await cluster.run(shared({ 'weka.io/forbid-core-ids': `${forbidden}` }));
    assert.ok(!(await pod.cpus()).intersects(forbidden));
  });

  test('a pin that cannot be is refused, in words that reach the owner of the pod', async () => {
    const pod = await cluster.create({
      name: 'impossible',
      annotations: { 'weka.io/cores-ids': '0,none' },
      containers: { main: {} },
    });
    const refusal = await pod.refusal();
    assert.match(refusal, /"none"/);
    assert.ok(refusal.includes(pod.name), refusal);
    assert.match(refusal, /\[operation \w+-\d+\]/);
  });
});
