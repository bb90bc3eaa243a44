import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allBut } from './harness/cpus.ts';
import { describeOnEveryRelease } from './harness/host.ts';
import { guaranteedResources, integer, shared } from './harness/pods.ts';

const MIB = 2 ** 20;

describeOnEveryRelease('Update of some resources', (host) => {
  test('memory alone leaves an integer container its CPU, beside a shared one', async () => {
    await host.plugin();
    const container = await host.run(integer(1));
    const pooled = await host.run(shared());
    const own = await container.cpus();
    for (const resources of [{ memory_limit_in_bytes: 128 * MIB }, guaranteedResources(1)]) {
      await container.resize(resources);
      assert.equal(await container.cpus(), own);
      assert.equal(await pooled.cpus(), allBut(own));
      assert.equal((await container.kernel()).quota, 100_000);
    }
  });
});
