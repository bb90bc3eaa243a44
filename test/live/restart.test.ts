import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isReady, liveCluster } from './harness/cluster.ts';
import { kubectl } from './harness/kubectl.ts';
import { integer, pinned, shared } from './harness/pod-object.ts';
import { until } from './harness/until.ts';

const SECONDS_PER_NODE = 120;

describe('A restart of the DaemonSet on a live cluster', () => {
  const cluster = liveCluster();

  test('moves nobody, and pods that are created meanwhile are placed as ever', async (t) => {
    if (cluster.lacksCpus(t, 4)) return;
    const cpus = await cluster.freeCpus(1);
    const pool = await cluster.run(shared());
    const fixed = await cluster.run(pinned(cpus));
    const exclusive = await cluster.run(integer(1));
    const own = await exclusive.cpus();
    const ids = [...(await fixed.containerIds()), ...(await exclusive.containerIds())];

    const [old] = await cluster.pluginPodsHere();
    assert.ok(old);
    const { namespace } = old.metadata;
    await kubectl(['rollout', 'restart', 'daemonset/weka-nri-cpuset', `--namespace=${namespace}`]);
    await until(
      'the node has a new instance',
      async () => {
        const pod = await cluster.run(pinned(cpus));
        assert.equal(`${await pod.cpus()}`, `${cpus}`);
        await pod.remove();
        const here = await cluster.pluginPodsHere();
        return here.every((each) => each.metadata.uid !== old.metadata.uid && isReady(each));
      },
      SECONDS_PER_NODE * (await cluster.pluginPods()).length,
    );

    assert.equal(`${await fixed.cpus()}`, `${cpus}`);
    assert.equal(`${await exclusive.cpus()}`, `${own}`);
    assert.ok(!(await pool.cpus()).intersects(cpus.union(own)));
    assert.deepEqual([...(await fixed.containerIds()), ...(await exclusive.containerIds())], ids);
    const next = await cluster.run(shared());
    assert.ok(!(await next.cpus()).intersects(cpus.union(own)));
  });
});
