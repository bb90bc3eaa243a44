import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allBut, cpuset } from './harness/cpus.ts';
import { describeOnEveryRelease } from './harness/host.ts';
import { lastCpu } from './harness/kernel.ts';
import { annotated, BUSY, integer } from './harness/pods.ts';
import { until } from './harness/until.ts';

describeOnEveryRelease('Reassignment', (host) => {
  test('a running integer container makes way for an annotated one and keeps running', async () => {
    await host.plugin({ minSharedCpus: 0 });
    const exclusive = await host.run(integer(1, { command: BUSY }));
    const before = await exclusive.cpus();
    const { pid } = await exclusive.inspect();

    const pinned = await host.run(annotated(before));
    assert.equal(await pinned.cpus(), before);
    const after = await exclusive.cpus();
    assert.notEqual(after, before);
    assert.equal(cpuset(after).size, 1);

    const now = await exclusive.inspect();
    assert.equal(now.running, true);
    assert.equal(now.pid, pid);
    await until('the process runs on its new CPU', () => lastCpu(pid) === Number(after));
  });

  test('a container that was moved is not moved back, and its old CPU is free when the annotated one ends', async () => {
    await host.plugin({ minSharedCpus: 0 });
    const exclusive = await host.run(integer(1));
    const before = await exclusive.cpus();
    const pinned = await host.run(annotated(before));
    const after = await exclusive.cpus();
    await pinned.pod.remove();
    assert.equal(await exclusive.cpus(), after);
    const other = await host.run(integer(1, { annotations: { 'weka.io/forbid-core-ids': allBut(before) } }));
    assert.equal(await other.cpus(), before);
  });

  test('where an integer container cannot go elsewhere the annotated one is refused and nothing moves', async () => {
    await host.plugin({ minSharedCpus: 0 });
    const probe = await host.run(integer(1));
    const own = await probe.cpus();
    await probe.pod.remove();
    const stuck = await host.run(integer(1, { annotations: { 'weka.io/forbid-core-ids': allBut(own) } }));
    const { namespace, name } = stuck.pod.config.metadata;
    await assert.rejects(host.create(annotated(own)), new RegExp(`${namespace}/${name}`));
    assert.equal(await stuck.cpus(), own);
  });
});
