import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { allBut, cpuset, ONLINE } from './harness/cpus.ts';
import { describeOnEveryRelease, type Host } from './harness/host.ts';
import { cpusetFolder, cpusetVersion } from './harness/kernel.ts';
import { annotated, type Container, integer, shared } from './harness/pods.ts';
import { until } from './harness/until.ts';

const FOUND = 'container is not on the CPUs it was told';

/** What the plugin has logged of a container that it found elsewhere: where it was told to be, and where it was. */
function found(
  host: Host,
  { id }: Container,
): readonly { readonly told: unknown; readonly found: unknown }[] {
  return host
    .pluginLog()
    .flatMap(({ msg, containerId, told, found }) =>
      msg === FOUND && containerId === id ? [{ told, found }] : [],
    );
}

async function folderOf(container: Container): Promise<string> {
  return cpusetFolder((await container.inspect()).pid);
}

/** How many lists the plugin has asked for to put something right. */
function listings(host: Host): number {
  return host.pluginLog().filter(({ msg }) => msg === 'connecting anew to put containers right').length;
}

function writeCpus(folder: string, cpus: string): void {
  writeFileSync(join(folder, 'cpuset.cpus'), cpus);
}

// Both releases take no updates without an event: the plugin has them list what they have, twice a minute at most.
describeOnEveryRelease('Drift', (host) => {
  beforeEach(() => host.endPlugin());

  test('cpusets that somebody else has changed are put right', async () => {
    // It looks more than once before it has them listed: what is written while it looks it may not find at once.
    await host.plugin({ minSharedCpus: 0, reconcile: { after: 3, driftInterval: 1 } });
    const exclusive = await host.run(integer(1));
    const pooled = await host.run(shared());
    const own = await exclusive.cpus();
    const before = listings(host);

    const folders = [await folderOf(pooled), await folderOf(exclusive)] as const;
    writeCpus(folders[0], own);
    writeCpus(folders[1], `${ONLINE}`);
    await until('both are put right', async () => {
      const cpus = [await exclusive.cpus(), await pooled.cpus()];
      return cpus[0] === own && cpus[1] === allBut(own);
    });
    assert.deepEqual(found(host, exclusive), [{ told: own, found: `${ONLINE}` }]);
    assert.deepEqual(found(host, pooled), [{ told: allBut(own), found: own }]);
    assert.ok(listings(host) - before <= 1, 'it does not ask for more lists than one');
  });

  const skip = cpusetVersion() === 1 ? false : 'on cgroup v2 a parent group does not make an update fail';
  test('a container that could not be moved for a pinned one is moved later', { skip }, async () => {
    await host.plugin({ minSharedCpus: 0, reconcile: { after: 4, driftInterval: 0 } });
    const exclusive = await host.run(integer(1));
    const own = await exclusive.cpus();
    // A group can only be given CPUs that the one above it has.
    const folder = await folderOf(exclusive);
    const pod = dirname(folder);
    const groups = readdirSync(pod, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of groups) writeCpus(join(pod, name), own);
    writeCpus(pod, own);

    const pinned = await host.run(annotated(own));
    assert.equal(await pinned.cpus(), own);
    assert.equal(await exclusive.cpus(), own, 'it could not be moved');
    assert.equal(host.takeFailedUpdates(), 1);
    await until('the plugin notices', () => found(host, exclusive).length === 1);

    writeCpus(pod, `${ONLINE}`);
    await until('it is moved', async () => !cpuset(await exclusive.cpus()).intersects(cpuset(own)));
    assert.equal(cpuset(await exclusive.cpus()).size, 1);
    assert.equal(await pinned.cpus(), own);
    assert.equal(found(host, exclusive).length, 1);
  });
});
