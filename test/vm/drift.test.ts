import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { allBut, ONLINE } from '../e2e/harness/cpus.ts';
import { describeOnEveryRelease } from '../e2e/harness/host.ts';
import { cpusetFolder } from '../e2e/harness/kernel.ts';
import { annotated, integer, shared } from '../e2e/harness/pods.ts';
import { until } from '../e2e/harness/until.ts';
import { NODES } from './machine.ts';
import { cpusOf } from './whereabouts.ts';

describeOnEveryRelease('Cpusets changed behind the back of plugin and runtime', (host) => {
  test('those of integer, pinned and shared containers are put right and reported', async () => {
    await host.plugin({ reconcile: { after: 2, driftInterval: 3 } });
    const containers = [
      await host.run(integer(2)),
      await host.run(annotated(`${NODES[3]}`)),
      await host.run(shared()),
    ];
    const [exclusive, pinned, pooled] = await cpusOf(containers);
    const changes = [`${ONLINE}`, allBut(pinned!), `${exclusive}`];
    for (const [i, container] of containers.entries()) {
      const { pid } = await container.inspect();
      writeFileSync(join(cpusetFolder(pid), 'cpuset.cpus'), changes[i]!);
    }
    const expected = [exclusive, pinned, pooled].join(' | ');
    await until('all are put right', async () => (await cpusOf(containers)).join(' | ') === expected);
    for (const [i, { id }] of containers.entries()) {
      const isReported = host
        .pluginLog()
        .some(({ containerId, found }) => containerId === id && found === changes[i]);
      assert.ok(isReported, `the log tells of ${changes[i]}`);
    }
  });
});
