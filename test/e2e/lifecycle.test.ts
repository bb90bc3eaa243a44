import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allBut, cpuset, LAST, ONLINE } from './harness/cpus.ts';
import { describeOnEveryRelease, type Host } from './harness/host.ts';
import { annotated, type Container, integer, shared } from './harness/pods.ts';
import { until } from './harness/until.ts';

/** An integer container on a CPU that it would not be given if it came alone. */
async function runOnUnlikelyCpu(host: Host): Promise<Container> {
  const first = await host.run(integer(1));
  const second = await host.run(integer(1));
  await first.pod.remove();
  return second;
}

describeOnEveryRelease('Restarts', (host) => {
  test('a plugin that is killed and started again moves nothing', async () => {
    const configuration = { minSharedCpus: 0 };
    await host.plugin(configuration);
    const exclusive = await runOnUnlikelyCpu(host);
    const pooled = await host.run(shared());
    const own = await exclusive.cpus();
    const { pid } = await exclusive.inspect();

    await host.endPlugin('SIGKILL');
    assert.equal(await exclusive.cpus(), own);
    await host.plugin(configuration);
    assert.equal(await exclusive.cpus(), own);
    assert.equal((await exclusive.inspect()).pid, pid);
    assert.equal(await pooled.cpus(), allBut(own));
    const next = await host.run(shared());
    assert.equal(await next.cpus(), allBut(own));
  });

  test('CPUs of containers that ended while the plugin was away are free', async () => {
    await host.plugin();
    const exclusive = await host.run(integer(1));
    const pooled = await host.run(shared());
    await host.endPlugin();
    await exclusive.pod.remove();
    await host.plugin();
    await until('the pool has grown', async () => (await pooled.cpus()) === `${ONLINE}`);
    const next = await host.run(integer(1));
    assert.equal(await pooled.cpus(), allBut(await next.cpus()));
  });

  test('the plugin outlives a restart of containerd and goes on', async () => {
    const plugin = await host.plugin({ minSharedCpus: 0 });
    const exclusive = await runOnUnlikelyCpu(host);
    const pooled = await host.run(shared());
    const own = await exclusive.cpus();

    await host.restartContainerd();
    assert.equal(plugin.isRunning, true);
    assert.equal(await exclusive.cpus(), own);
    assert.equal(await pooled.cpus(), allBut(own));

    await pooled.pod.remove();
    const pinned = await host.run(annotated(own));
    assert.equal(await pinned.cpus(), own);
    assert.equal(cpuset(await exclusive.cpus()).size, 1);
    assert.notEqual(await exclusive.cpus(), own);
  });

  test('containers that ended while containerd was down give their CPUs back', async () => {
    await host.plugin();
    const exclusive = await host.run(integer(1));
    const pooled = await host.run(shared());
    const { pid } = await exclusive.inspect();
    await host.restartContainerd(() => process.kill(pid, 'SIGKILL'));
    await until('the pool has grown', async () => (await pooled.cpus()) === `${ONLINE}`);
  });

  test('pods made without the plugin are put right when it starts: annotated and shared', async () => {
    await host.endPlugin();
    const pinned = await host.run(annotated(`${LAST}`));
    const pooled = await host.run(shared());
    assert.equal(await pinned.cpus(), `${ONLINE}`);
    await host.plugin();
    assert.equal(await pinned.cpus(), `${LAST}`);
    assert.equal(await pooled.cpus(), allBut(LAST));
  });

  test('pods made without the plugin are put right when it starts: integer and shared', async () => {
    await host.endPlugin();
    const exclusive = await host.run(integer(1));
    const pooled = await host.run(shared());
    await host.plugin();
    const own = await exclusive.cpus();
    assert.equal(cpuset(own).size, 1);
    assert.equal(await pooled.cpus(), allBut(own));
  });

  test('an annotated pod made without the plugin takes its CPU from an integer one', async () => {
    const configuration = { minSharedCpus: 0 };
    await host.plugin(configuration);
    const exclusive = await host.run(integer(1));
    const own = await exclusive.cpus();
    await host.endPlugin();
    const pinned = await host.run(annotated(own));
    await host.plugin(configuration);
    assert.equal(await pinned.cpus(), own);
    assert.equal(cpuset(await exclusive.cpus()).size, 1);
    assert.notEqual(await exclusive.cpus(), own);
  });
});
