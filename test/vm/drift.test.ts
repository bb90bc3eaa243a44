import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { allBut, ONLINE } from '../e2e/harness/cpus.ts';
import { describeOnEveryRelease } from '../e2e/harness/host.ts';
import { cpusetFolder } from '../e2e/harness/kernel.ts';
import { annotated, integer, shared } from '../e2e/harness/pods.ts';
import { until } from '../e2e/harness/until.ts';
import { NODES } from './machine.ts';
import { cpusOf, whereabouts } from './whereabouts.ts';

const CGROUPS = '/sys/fs/cgroup';

// containerd takes no updates without an event, so the plugin connects anew to put something right, twice a minute at most:
// every test has a plugin of its own.
describeOnEveryRelease('Cpusets changed behind the back of plugin and runtime', (host) => {
  beforeEach(() => host.endPlugin());

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

  test('memory nodes of a pinned container are put right and reported', async () => {
    await host.plugin({ reconcile: { after: 2, driftInterval: 3 } });
    const container = await host.run(annotated(`${NODES[3]}`));
    const { pid } = await container.inspect();
    writeFileSync(join(cpusetFolder(pid), 'cpuset.mems'), '0-3');
    assert.equal((await whereabouts(container)).mems, '0-3');
    await until('it is held to node 3 again', async () => (await whereabouts(container)).mems === '3');
    const isReported = host
      .pluginLog()
      .some(
        ({ containerId, told, found }) => containerId === container.id && told === '3' && found === '0-3',
      );
    assert.ok(isReported, 'the log tells of it');
  });

  // There is no systemd in the machine: the test does what it would do, for runc leaves the container where it was told to.
  test("a container's cgroup is looked for where systemd makes it for a slice and a scope", async () => {
    await host.plugin({ reconcile: { driftInterval: 1 } });
    const slice = `kubepods-pod${host.release}.slice`;
    const container = await host.run(integer(2, { cgroupParent: slice }));
    const { pid } = await container.inspect();
    const root = join(CGROUPS, 'kubepods.slice');
    const scope = join(root, slice, `cri-containerd-${container.id}.scope`);
    const groups = [root, join(root, slice), scope];
    for (const group of groups) {
      writeFileSync(join(dirname(group), 'cgroup.subtree_control'), '+cpuset');
      mkdirSync(group);
    }
    writeFileSync(join(scope, 'cpuset.cpus'), '0');
    writeFileSync(join(scope, 'cgroup.procs'), `${pid}`);
    await until('the log tells where it is', () =>
      host.pluginLog().some(({ containerId, found }) => containerId === container.id && found === '0'),
    );
  });
});
