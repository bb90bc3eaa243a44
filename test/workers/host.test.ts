import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SysfsTree } from '../../src/main/runtime/sysfs-tree.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { TopologyError } from '../../src/placement/sysfs.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import type { CpusetRequest } from '../../src/workers/cgroup.ts';
import { Host, type HostOptions, HostWorkerError } from '../../src/workers/host.ts';
import type { CallFailure } from '../../src/workers/host-thread.ts';
import { workerFile } from '../../src/workers/worker-file.ts';
import { until } from '../e2e/harness/until.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const POLL_MS = 10;
const MANY_POLLS_MS = 20 * POLL_MS;
const PARTS = parseTopologySpec('2 packages, 8 cores each, SMT 2');

const FAULTY = {
  ...workerFile('host'),
  path: join(import.meta.dirname, 'host-faulty.worker.ts'),
};

function setUp(t: TestContext, options: Partial<HostOptions> = {}) {
  const root = temporaryFolder(t);
  const tree = new SysfsTree(root, PARTS);
  const incidents: CallFailure[] = [];
  const topologies: { readonly online: string; readonly version: number }[] = [];
  const host = new Host({
    hostRoot: root,
    pollMs: POLL_MS,
    onTopology: ({ online }, version) => topologies.push({ online: `${online}`, version }),
    onIncident: (incident) => incidents.push(incident),
    ...options,
  });
  t.after(() => host.close());
  return { root, tree, host, incidents, topologies };
}

const container = (id: string): CpusetRequest => ({ id, cgroupsPath: `/pod/${id}`, cgroupParent: '/pod' });

/** Makes a container's cgroup, and gives what is to be read of it. */
function addContainer(root: string, id: string, cpus: string) {
  const folder = join(root, 'sys/fs/cgroup/cpuset/pod', id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'cpuset.cpus'), `${cpus}\n`);
  writeFileSync(join(folder, 'cpuset.effective_cpus'), `${cpus}\n`);
  writeFileSync(join(folder, 'cpuset.mems'), '0\n');
  return { id, cpus, effective: cpus, mems: '0' };
}

/** What is read of a container as soon as there is a worker that answers. */
async function whatIsRead(host: Host, request: CpusetRequest) {
  let readings: Awaited<ReturnType<Host['readCpusets']>>;
  await until('a worker answers', async () => {
    readings = await host.readCpusets([request]);
    return readings !== undefined;
  });
  return readings;
}

describe('the host', () => {
  it('gives its topology at start, and no other while nothing changes', async (t) => {
    const { host, incidents, topologies } = setUp(t);
    const parts = await host.start();
    assert.equal(`${parts.online}`, '0-31');
    assert.deepEqual(parts.nodes, PARTS.nodes);
    await sleep(MANY_POLLS_MS);
    assert.deepEqual(topologies, []);
    assert.deepEqual(incidents, []);
  });

  it('gives a new topology for CPUs that go and come', async (t) => {
    const { host, tree, topologies } = setUp(t);
    await host.start();
    tree.takeOffline(Cpuset.from([3, 5]));
    await until('CPUs 3 and 5 are gone', () => topologies.at(-1)?.online === '0-2,4,6-31');
    tree.bringOnline(Cpuset.from([5]));
    await until('CPU 5 is back', () => topologies.at(-1)?.online === '0-2,4-31');
    assert.deepEqual(
      topologies.map(({ version }) => version),
      topologies.map((_, index) => index + 2),
    );
  });

  it('reads cpusets of containers', async (t) => {
    const { host, root } = setUp(t);
    await host.start();
    const values = addContainer(root, 'one', '1-2');
    assert.deepEqual(await host.readCpusets([container('one'), container('two')]), [
      values,
      { id: 'two', problem: 'gone' },
    ]);
  });

  it('is no host where the online CPUs are not told', async (t) => {
    const { host } = setUp(t, { hostRoot: temporaryFolder(t) });
    await assert.rejects(
      host.start(),
      (error) => error instanceof TopologyError && /online/.test(error.message),
    );
  });

  it('is reported once when it cannot be read any more, and watched on', async (t) => {
    const { host, root, tree, incidents, topologies } = setUp(t);
    await host.start();
    const online = join(root, 'sys/devices/system/cpu/online');
    // In one step, as files of sysfs change: what is empty while it is written would be reported, too.
    writeFileSync(`${online}.new`, 'garbage\n');
    renameSync(`${online}.new`, online);
    await until('it is reported', () => incidents.length > 0);
    await sleep(MANY_POLLS_MS);
    assert.equal(incidents.length, 1);
    assert.match(incidents[0]!.message, /garbage/);
    tree.takeOffline(Cpuset.from([7]));
    await until('CPU 7 is gone', () => topologies.at(-1)?.online === '0-6,8-31');
  });
});

describe('a host worker', () => {
  it('that cannot be started is an error that says so', async (t) => {
    const file = { ...FAULTY, path: join(import.meta.dirname, 'no-such.worker.ts') };
    const { host, incidents } = setUp(t, { file });
    await assert.rejects(
      host.start(),
      (error) => error instanceof HostWorkerError && /no-such\.worker/.test(error.message),
    );
    assert.equal(await host.readCpusets([container('one')]), undefined);
    assert.deepEqual(incidents, []);
  });

  it('that dies is replaced, and what changed meanwhile is seen', async (t) => {
    const { host, root, tree, incidents, topologies } = setUp(t, { file: FAULTY });
    await host.start();
    assert.equal(await host.readCpusets([container('exit')]), undefined);
    tree.takeOffline(Cpuset.from([9]));
    await until('CPU 9 is gone', () => topologies.at(-1)?.online === '0-8,10-31');
    assert.deepEqual(incidents, [{ kind: 'died', message: 'the host worker ended: exit code 3' }]);
    const values = addContainer(root, 'one', '4');
    assert.deepEqual(await host.readCpusets([container('one')]), [values]);
  });

  it('that dies again and again is replaced each time', async (t) => {
    const { host, root, incidents } = setUp(t, { file: FAULTY });
    await host.start();
    for (let deaths = 1; deaths <= 3; deaths++) {
      assert.equal(await host.readCpusets([container('exit')]), undefined);
      await until('it is reported', () => incidents.length === deaths);
      const values = addContainer(root, 'one', `${deaths}`);
      assert.deepEqual(await whatIsRead(host, container('one')), [values]);
    }
  });

  it('that hangs has no answer for anyone, and is replaced', async (t) => {
    const { host, root, tree, incidents, topologies } = setUp(t, { file: FAULTY, callTimeoutMs: 1000 });
    await host.start();
    const other = host.readCpusets([container('hang'), container('one')]);
    assert.equal(await host.readCpusets([container('one')], 100), undefined);
    assert.equal(await other, undefined);
    tree.takeOffline(Cpuset.from([9]));
    await until('CPU 9 is gone', () => topologies.at(-1)?.online === '0-8,10-31');
    assert.equal(incidents[0]?.kind, 'timeout');
    const values = addContainer(root, 'one', '4');
    assert.deepEqual(await whatIsRead(host, container('one')), [values]);
  });

  it('that fails in one call is reported once and goes on', async (t) => {
    const { host, root, incidents } = setUp(t, { file: FAULTY, pollMs: 600_000 });
    await host.start();
    assert.equal(await host.readCpusets([container('throw')]), undefined);
    assert.equal(await host.readCpusets([container('throw')]), undefined);
    assert.deepEqual(incidents, [
      { kind: 'error', message: 'the host worker failed: RangeError: on request' },
    ]);
    const values = addContainer(root, 'one', '4');
    assert.deepEqual(await host.readCpusets([container('one')]), [values]);
  });

  it('has no answer after the host is closed, and is not missed', async (t) => {
    const { host, incidents } = setUp(t);
    await host.start();
    const asked = host.readCpusets([container('one')]);
    await host.close();
    await asked;
    assert.equal(await host.readCpusets([container('one')]), undefined);
    await sleep(MANY_POLLS_MS);
    assert.deepEqual(incidents, []);
  });
});
