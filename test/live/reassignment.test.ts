import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { liveCluster } from './harness/cluster.ts';
import { integer, pinned, shared } from './harness/pod-object.ts';

describe('Reassignment on a live cluster', () => {
  const cluster = liveCluster();

  test('an integer container makes room for a pinned one while it runs', async (t) => {
    if (cluster.lacksCpus(t, 4)) return;
    const pool = await cluster.run(shared());
    const moved = await cluster.run(integer(1));
    const contested = await moved.cpus();
    const ids = await moved.containerIds();

    const pod = await cluster.run(pinned(contested));
    assert.equal(`${await pod.cpus()}`, `${contested}`);
    const own = await moved.cpus();
    assert.equal(own.size, 1);
    assert.ok(!own.intersects(contested));
    assert.ok(!(await pool.cpus()).intersects(contested.union(own)));
    assert.deepEqual(await moved.containerIds(), ids);
  });
});
