import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allBut, ONLINE } from '../e2e/harness/cpus.ts';
import { describeOnEveryRelease } from '../e2e/harness/host.ts';
import { integer, shared } from '../e2e/harness/pods.ts';
import { cpusOf, whereabouts } from './whereabouts.ts';

describeOnEveryRelease('Many containers', (host) => {
  test('fifty shared containers follow the pool', async () => {
    await host.plugin({ poolGrowth: { rate: 1000, burst: 1000 } });
    const pods = await Promise.all(Array.from({ length: 5 }, () => host.pod()));
    const batches = await Promise.all(
      pods.map(async (pod) => {
        const containers = [];
        for (let i = 0; i < 10; i++) containers.push(await pod.start(`c${i}`, shared()));
        return containers;
      }),
    );
    const containers = batches.flat();
    const assertPool = async (expected: string) => {
      assert.deepEqual([...new Set((await cpusOf(containers)).map(String))], [expected]);
    };
    await assertPool(`${ONLINE}`);
    const exclusive = await host.run(integer(4));
    const { cpus } = await whereabouts(exclusive);
    await assertPool(allBut(cpus));
    await exclusive.pod.remove();
    await assertPool(`${ONLINE}`);
  });
});
