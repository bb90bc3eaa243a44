import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allBut, cpuset, LAST, ONLINE } from './harness/cpus.ts';
import { describeOnEveryRelease } from './harness/host.ts';
import { annotated, guaranteedResources, integer, shared } from './harness/pods.ts';
import { until } from './harness/until.ts';

const MIB = 2 ** 20;

describeOnEveryRelease('In-place resize', (host) => {
  test('new memory leaves the CPUs of every kind of container as they are', async () => {
    await host.plugin({ minSharedCpus: 0 });
    const forbidding = { annotations: { 'weka.io/forbid-core-ids': `${LAST}` } };
    for (const workload of [integer(1, forbidding), annotated(`${LAST}`), shared(forbidding)]) {
      const container = await host.run(workload);
      const before = await container.kernel();
      await container.resize({ memory_limit_in_bytes: 128 * MIB });
      const after = await container.kernel();
      assert.equal(after.memoryLimit, 128 * MIB);
      assert.equal(after.cpus, before.cpus);
      assert.equal(after.mems, before.mems);
      assert.equal((await container.inspect()).cpu.cpus, before.cpus);
      await container.pod.remove();
    }
  });

  test('new shares and quota leave shared and annotated containers where they are', async () => {
    await host.plugin();
    for (const workload of [annotated(`${LAST}`), shared()]) {
      const container = await host.run(workload);
      const before = await container.cpus();
      await container.resize({ cpu_shares: 512, cpu_quota: 50_000, cpu_period: 100_000 });
      const after = await container.kernel();
      assert.equal(after.quota, 50_000);
      assert.equal(after.cpus, before);
      await container.pod.remove();
    }
  });

  test('an integer container grows around its CPU and shrinks again', async () => {
    await host.plugin({ minSharedCpus: 0 });
    const container = await host.run(integer(1));
    const one = cpuset(await container.cpus());

    await container.resize(guaranteedResources(2));
    const two = cpuset(await container.cpus());
    assert.equal(two.size, 2);
    assert.ok(one.isSubsetOf(two));
    assert.equal((await container.kernel()).quota, 200_000);

    await container.resize(guaranteedResources(1));
    const again = cpuset(await container.cpus());
    assert.equal(again.size, 1);
    assert.ok(again.isSubsetOf(two));
    const other = await host.run(integer(1));
    assert.ok(!cpuset(await other.cpus()).intersects(again));
  });

  test('growth that does not fit is refused and changes nothing', async () => {
    await host.plugin();
    const container = await host.run(integer(1));
    const pooled = await host.run(shared());
    const own = await container.cpus();
    const { namespace, name } = container.pod.config.metadata;
    const growth = container.resize(guaranteedResources(ONLINE.size));
    await assert.rejects(growth, new RegExp(`${namespace}/${name}`));
    const { cpus, quota } = await container.kernel();
    assert.equal(cpus, own);
    assert.equal(quota, 100_000);
    assert.equal(await pooled.cpus(), allBut(own));
  });

  test('an integer container that is given a fraction of a CPU joins the pool, and leaves it for a whole one', async () => {
    await host.plugin();
    const pooled = await host.run(shared());
    const container = await host.run(integer(1));
    assert.equal(await pooled.cpus(), allBut(await container.cpus()));

    await container.resize(guaranteedResources(0.5));
    assert.equal(await container.cpus(), `${ONLINE}`);
    const next = await host.run(shared());
    assert.equal(await next.cpus(), `${ONLINE}`);

    await container.resize(guaranteedResources(1));
    const own = await container.cpus();
    assert.equal(cpuset(own).size, 1);
    assert.equal(await pooled.cpus(), allBut(own));
    assert.equal(await next.cpus(), allBut(own));
  });

  test('a shared container that is resized gets what the pool has grown by', async () => {
    await host.plugin({ poolGrowth: { rate: 0, burst: 0 } });
    const pooled = await host.run(shared());
    const exclusive = await host.run(integer(1));
    const without = allBut(await exclusive.cpus());
    await exclusive.stop();
    await until('the plugin knows of the end', () =>
      host.pluginLog().some(({ event, containerId }) => event === 'stop' && containerId === exclusive.id),
    );
    assert.equal(await pooled.cpus(), without);
    await pooled.resize({ memory_limit_in_bytes: 64 * MIB });
    assert.equal(await pooled.cpus(), `${ONLINE}`);
  });
});
