import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, type TestContext, test } from 'node:test';
import { allBut, cpuset, LAST, ONLINE } from './harness/cpus.ts';
import { describeOnEveryRelease, type Host } from './harness/host.ts';
import { cgroupMounts, cpusetFolder, cpusetVersion } from './harness/kernel.ts';
import { annotated, type Container, integer, shared } from './harness/pods.ts';
import { until } from './harness/until.ts';

const SWITCH = `/sys/devices/system/cpu/cpu${LAST}/online`;

/** Takes the last CPU offline until the test ends. @returns whether this kernel does that; else the test is skipped */
function takeOffline(context: TestContext): boolean {
  try {
    accessSync(SWITCH, constants.W_OK);
    // Brings the CPU back when its input ends, and that it does however this process ends.
    const guard = spawn('sh', ['-c', 'cat; echo 1 >"$0"', SWITCH], {
      stdio: ['pipe', 'ignore', 'inherit'],
      detached: true,
    });
    context.after(async () => {
      guard.stdin.end();
      await once(guard, 'exit');
    });
    writeFileSync(SWITCH, '0');
    return true;
  } catch (error) {
    context.skip(`this kernel keeps CPU ${LAST} online: ${(error as Error).message}`);
    return false;
  }
}

function bringOnline(): void {
  writeFileSync(SWITCH, '1');
}

/** The group of a container's cpuset. */
async function groupOf(container: Container): Promise<string> {
  return cpusetFolder((await container.inspect()).pid);
}

/**
 * Gives all groups above containers the online CPUs: cgroup v1 does not give a CPU that comes back to groups that have lost
 * it, and no group can have a CPU that the one above it has not.
 */
function restoreParents(group: string): void {
  if (cpusetVersion() === 2) return;
  const mounts = cgroupMounts().map(({ folder }) => folder);
  let top = group;
  while (!mounts.includes(dirname(top))) top = dirname(top);
  const restore = (folder: string): void => {
    const inner = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    if (inner.length === 0) return;
    writeFileSync(join(folder, 'cpuset.cpus'), `${ONLINE}`);
    for (const { name } of inner) restore(join(folder, name));
  };
  restore(top);
}

/**
 * The online CPUs as the plugin last noticed them. It may look while the kernel is still at it and see half of a change, so
 * that it has noticed something does not mean that it has noticed all.
 */
function noticed(host: Host): unknown {
  const changes = host.pluginLog().filter(({ msg }) => msg === 'the CPUs of the host changed');
  return changes.map(({ online }) => online).at(-1);
}

/** An integer container on the last CPU. */
async function runOnLast(host: Host): Promise<Container> {
  const others: Container[] = [];
  for (;;) {
    const container = await host.run(integer(1));
    if ((await container.cpus()) === `${LAST}`) {
      for (const other of others) await other.pod.remove();
      return container;
    }
    others.push(container);
  }
}

describeOnEveryRelease('CPU hotplug', (host) => {
  beforeEach(() => host.endPlugin());

  test('a CPU that goes offline is no longer used, and again when it is back', async (t) => {
    await host.plugin({ minSharedCpus: 0, reconcile: { hostInterval: 0.2 } });
    const before = await host.run(shared());
    if (!takeOffline(t)) return;
    await until('the plugin notices', () => noticed(host) === allBut(LAST));
    assert.equal(await before.cpus(), allBut(LAST));
    const meanwhile = await host.run(shared());
    assert.equal(await meanwhile.cpus(), allBut(LAST));
    await assert.rejects(host.create(annotated(`${LAST}`)), /offline/);

    bringOnline();
    await until('the plugin notices', () => noticed(host) === `${ONLINE}`);
    restoreParents(await groupOf(before));
    const pinned = await host.run(annotated(`${LAST}`));
    assert.equal(await pinned.cpus(), `${LAST}`);
    await pinned.pod.remove();
    await until('the pool has grown', async () => (await before.cpus()) === `${ONLINE}`);
    assert.equal(await meanwhile.cpus(), `${ONLINE}`);
  });

  test('an integer container is given another CPU when its own goes offline', async (t) => {
    await host.plugin({ minSharedCpus: 0, reconcile: { hostInterval: 0.2, after: 0.5 } });
    const exclusive = await runOnLast(host);
    // With cgroup v1 the kernel takes the processes out of a group without CPUs, so they cannot be asked afterwards.
    const group = await groupOf(exclusive);
    if (!takeOffline(t)) return;
    await until('it has another one', async () => {
      const cpus = readFileSync(join(group, 'cpuset.cpus'), 'utf8').trim();
      return cpus !== `${LAST}` && cpuset(cpus).size === 1 && (await exclusive.inspect()).cpu.cpus === cpus;
    });

    bringOnline();
    restoreParents(group);
  });
});
