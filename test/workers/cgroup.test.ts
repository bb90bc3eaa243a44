import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type CpusetReading, type CpusetRequest, pausesMs, readCpusets } from '../../src/workers/cgroup.ts';
import { temporaryFolder } from '../temporary-folder.ts';

type Files = Readonly<Record<string, string>>;

const POD = 'kubepods-burstable-pod1.slice';
const SYSTEMD = `kubepods.slice/kubepods-burstable.slice/${POD}/cri-containerd-abc.scope`;
const CGROUPFS = 'kubepods/burstable/pod1/abc';
const byScope: CpusetRequest = { id: 'abc', cgroupsPath: `${POD}:cri-containerd:abc`, cgroupParent: '' };
const byPath: CpusetRequest = {
  id: 'abc',
  cgroupsPath: `/${CGROUPFS}`,
  cgroupParent: '/kubepods/burstable/pod1',
};

const v1 = (cpus: string): Files => ({
  'cpuset.cpus': `${cpus}\n`,
  'cpuset.effective_cpus': `${cpus}\n`,
  'cpuset.mems': '0\n',
});
const v2 = (cpus: string, effective = cpus): Files => ({
  'cpuset.cpus': `${cpus}\n`,
  'cpuset.cpus.effective': `${effective}\n`,
  'cpuset.mems': '\n',
});
const CONTROLLERS = { 'cgroup.controllers': 'cpuset cpu io memory pids\n' };

/** A host with these files, by their folder below /sys/fs/cgroup. */
function host(context: TestContext, folders: Readonly<Record<string, Files>>): string {
  const root = temporaryFolder(context);
  for (const [folder, files] of Object.entries(folders)) {
    const path = join(root, 'sys/fs/cgroup', folder);
    mkdirSync(path, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  }
  return root;
}

async function readOne(root: string, request: CpusetRequest): Promise<CpusetReading | undefined> {
  return (await readCpusets(root, [request]))[0];
}

describe('the cpuset of a container', () => {
  for (const folder of ['cpuset', 'cpuset,cpu', 'memory,cpuset']) {
    it(`is read on cgroup v1 with its controller at ${folder}, from either driver`, async (t) => {
      const root = host(t, {
        cpu: {},
        [`${folder}/${CGROUPFS}`]: v1('1-2'),
        [`${folder}/${SYSTEMD}`]: v1('4'),
      });
      assert.deepEqual(await readCpusets(root, [byPath, byScope]), [
        { id: 'abc', cpus: '1-2', effective: '1-2', mems: '0' },
        { id: 'abc', cpus: '4', effective: '4', mems: '0' },
      ]);
    });
  }

  it('is read on cgroup v2, from either driver', async (t) => {
    const root = host(t, { '.': CONTROLLERS, [CGROUPFS]: v2('1-2', '1'), [SYSTEMD]: v2('4') });
    assert.deepEqual(await readCpusets(root, [byPath, byScope]), [
      { id: 'abc', cpus: '1-2', effective: '1', mems: '' },
      { id: 'abc', cpus: '4', effective: '4', mems: '' },
    ]);
  });

  it('is read from v1 where v2 is mounted beside it without cpusets', async (t) => {
    const root = host(t, {
      unified: { 'cgroup.controllers': '\n' },
      [`unified/${SYSTEMD}`]: {},
      [`cpuset/${SYSTEMD}`]: v1('3'),
    });
    assert.deepEqual(await readOne(root, byScope), { id: 'abc', cpus: '3', effective: '3', mems: '0' });
  });

  it('is read from v2 where that is mounted beside v1 and has the cpusets', async (t) => {
    const root = host(t, { cpu: {}, unified: CONTROLLERS, [`unified/${SYSTEMD}`]: v2('3') });
    assert.deepEqual(await readOne(root, byScope), { id: 'abc', cpus: '3', effective: '3', mems: '' });
  });

  it('is empty with the effective one of the parent where nothing was asked for on v2', async (t) => {
    const root = host(t, { '.': CONTROLLERS, [CGROUPFS]: v2('', '0-7') });
    assert.deepEqual(await readOne(root, byPath), { id: 'abc', cpus: '', effective: '0-7', mems: '' });
  });

  it('is empty where the controller is not handed down on v2', async (t) => {
    const root = host(t, { '.': CONTROLLERS, [CGROUPFS]: { 'cgroup.procs': '' } });
    assert.deepEqual(await readOne(root, byPath), { id: 'abc', cpus: '', effective: undefined, mems: '' });
  });

  it('has no effective set on kernels that do not tell it', async (t) => {
    const root = host(t, { [`cpuset/${CGROUPFS}`]: { 'cpuset.cpus': '5\n', 'cpuset.mems': '0\n' } });
    assert.deepEqual(await readOne(root, byPath), { id: 'abc', cpus: '5', effective: undefined, mems: '0' });
  });

  it('is that of the cgroup inside of the scope where crun made one', async (t) => {
    const root = host(t, { '.': CONTROLLERS, [SYSTEMD]: v2('', '0-7'), [`${SYSTEMD}/container`]: v2('2-3') });
    assert.deepEqual(await readOne(root, byScope), { id: 'abc', cpus: '2-3', effective: '2-3', mems: '' });
  });

  it('is that of the scope, whatever a container makes inside of it', async (t) => {
    const root = host(t, { '.': CONTROLLERS, [SYSTEMD]: v2('2-3'), [`${SYSTEMD}/container`]: v2('2') });
    assert.deepEqual(await readOne(root, byScope), { id: 'abc', cpus: '2-3', effective: '2-3', mems: '' });
  });

  it('is gone with its cgroup', async (t) => {
    assert.deepEqual(await readOne(host(t, { cpuset: v1('0-7') }), byPath), { id: 'abc', problem: 'gone' });
    assert.deepEqual(await readOne(host(t, { '.': CONTROLLERS }), byScope), { id: 'abc', problem: 'gone' });
  });

  it('cannot be had where no cpusets are mounted', async (t) => {
    assert.deepEqual(await readOne(host(t, {}), byPath), { id: 'abc', problem: 'no-access' });
    assert.deepEqual(await readOne(host(t, { cpu: {} }), byPath), { id: 'abc', problem: 'no-access' });
  });

  it('cannot be had where it cannot be read', async (t) => {
    // A folder in the file's place: permissions would not stop root.
    const root = host(t, { [`cpuset/${CGROUPFS}/cpuset.cpus`]: {} });
    assert.deepEqual(await readOne(root, byPath), { id: 'abc', problem: 'no-access' });
  });

  it('is not looked for outside of the hierarchy', async (t) => {
    const root = host(t, { cpuset: {}, secret: v1('1') });
    const request = { id: 'abc', cgroupsPath: '/../secret', cgroupParent: '' };
    assert.deepEqual(await readOne(root, request), { id: 'abc', problem: 'unknown-path' });
  });

  it('is read with pauses, and in the order asked for, when many are', async (t) => {
    const ids = Array.from({ length: 100 }, (_, index) => `${index}`);
    const root = host(t, Object.fromEntries(ids.map((id) => [`cpuset/pod/${id}`, v1(id)])));
    const pauses: number[] = [];
    const readings = await readCpusets(
      root,
      ids.map((id) => ({ id, cgroupsPath: `/pod/${id}`, cgroupParent: '' })),
      async (ms) => pauses.push(ms),
    );
    assert.deepEqual(
      readings.map((reading) => 'cpus' in reading && reading.cpus),
      ids,
    );
    const totalMs = pauses.reduce((sum, ms) => sum + ms, 0);
    assert.ok(totalMs >= 250, `100 containers with pauses of ${totalMs} ms`);
    assert.equal(pausesMs(100), totalMs);
  });
});

describe('the cpuset of a real cgroup', () => {
  const parent = '/sys/fs/cgroup/cpuset';
  const cannot =
    process.getuid?.() !== 0
      ? 'needs root'
      : !existsSync(`${parent}/cpuset.cpus`)
        ? 'needs cgroup v1 with the cpuset controller'
        : false;

  it('is what the kernel was told, while there is one', { skip: cannot }, async (t) => {
    const name = `weka-cpuset-test-${process.pid}`;
    const folder = `${parent}/${name}`;
    const [cpus, mems] = ['cpuset.cpus', 'cpuset.mems'].map((file) =>
      readFileSync(`${parent}/${file}`, 'utf8').trim(),
    );
    const one = /\d+/.exec(cpus!)![0];
    const request = { id: 'real', cgroupsPath: `/${name}`, cgroupParent: '/' };

    mkdirSync(folder);
    t.after(() => {
      if (existsSync(folder)) rmdirSync(folder);
    });
    writeFileSync(`${folder}/cpuset.mems`, mems!);
    writeFileSync(`${folder}/cpuset.cpus`, cpus!);
    const child = spawn('sleep', ['300'], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    try {
      writeFileSync(`${folder}/cgroup.procs`, `${child.pid}`);
      assert.deepEqual(await readOne('/', request), { id: 'real', cpus, effective: cpus, mems });
      writeFileSync(`${folder}/cpuset.cpus`, one);
      assert.deepEqual(await readOne('/', request), { id: 'real', cpus: one, effective: one, mems });
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      assert.match(status, new RegExp(`^Cpus_allowed_list:\\s+${one}$`, 'm'));
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
    rmdirSync(folder);
    assert.deepEqual(await readOne('/', request), { id: 'real', problem: 'gone' });
  });
});
