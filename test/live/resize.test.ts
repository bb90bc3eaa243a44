import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { liveCluster } from './harness/cluster.ts';
import { kubectl } from './harness/kubectl.ts';
import { guaranteed, integer, pinned, shared } from './harness/pod-object.ts';
import { until } from './harness/until.ts';

/** Whether pods can be resized while they run: from Kubernetes 1.33 on by default. Where they cannot, the test is skipped. */
async function canResize(context: TestContext): Promise<boolean> {
  const { resources } = JSON.parse(await kubectl(['get', '--raw=/api/v1'])) as {
    readonly resources: readonly { readonly name: string }[];
  };
  const isSupported = resources.some(({ name }) => name === 'pods/resize');
  if (!isSupported) context.skip('this cluster has no pods/resize');
  return isSupported;
}

describe('In-place resize on a live cluster', () => {
  const cluster = liveCluster();

  test('an integer container grows around its CPU and shrinks again, without a restart', async (t) => {
    if (!(await canResize(t)) || cluster.lacksCpus(t, 4)) return;
    const pool = await cluster.run(shared());
    const pod = await cluster.run(integer(1));
    const one = await pod.cpus();
    const ids = await pod.containerIds();

    await pod.resize(guaranteed('2'));
    await until('it has two CPUs', async () => (await pod.cpus()).size === 2);
    const two = await pod.cpus();
    assert.ok(one.isSubsetOf(two));
    assert.ok(!(await pool.cpus()).intersects(two));

    await pod.resize(guaranteed('1'));
    await until('it has one CPU', async () => (await pod.cpus()).size === 1);
    assert.ok((await pod.cpus()).isSubsetOf(two));
    assert.deepEqual(await pod.containerIds(), ids);
  });

  test('other resources leave a pinned container where it is', async (t) => {
    if (!(await canResize(t))) return;
    const cpus = await cluster.freeCpus(1);
    const options = pinned(cpus);
    const pod = await cluster.run({ ...options, containers: { main: guaranteed('100m') } });
    await pod.resize(guaranteed('200m'));
    await until('the container has the new resources', () => pod.hasCpuLimit(guaranteed('200m')));
    assert.equal(`${await pod.cpus()}`, `${cpus}`);
  });
});
