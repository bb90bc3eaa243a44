import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cpuset } from '../../../src/placement/cpuset.ts';
import type { TopologyParts } from '../../../src/placement/topology.ts';
import { type Circumstances, findingsOf, healthyFiles, TOPOLOGY, textOf } from './made-up-node.ts';

const OWN_CONFIG = 'etc/nri/conf.d/99-weka-cpuset.conf';

function findingsOn(parts: Partial<TopologyParts>, settings = '', circumstances: Circumstances = {}) {
  const files = healthyFiles({ ...TOPOLOGY, ...parts });
  if (settings !== '') files.set(OWN_CONFIG, settings);
  return findingsOf(files, circumstances);
}

test('offline CPUs are named, with the command that brings them back', async () => {
  const { 'cpus-online': finding } = await findingsOn({
    online: Cpuset.range(0, 5),
    offline: Cpuset.range(6, 7),
  });
  assert.equal(finding?.level, 'note');
  assert.match(textOf(finding), /offline: 6-7.*for cpu in 6 7; do echo 1 >/s);
});

test('isolated CPUs are judged by what they are used for', async () => {
  const isolated = Cpuset.range(4, 7);
  const levels: string[] = [];
  for (const use of ['exclude', 'prefer', 'ignore']) {
    const { 'cpus-isolated': finding } = await findingsOn({ isolated }, `isolatedCpus: ${use}\n`);
    levels.push(finding!.level);
    assert.match(finding!.found, /4-7.*runs on the first only/);
  }
  assert.deepEqual(levels, ['note', 'warning', 'warning']);
});

test('isolated CPUs that leave none for the rest are an error', async () => {
  const { 'cpus-isolated': finding } = await findingsOn({ isolated: Cpuset.range(0, 7) });
  assert.equal(finding?.level, 'error');
});

test('a use for isolated CPUs where there are none is worth a note', async () => {
  const { 'cpus-isolated': finding } = await findingsOn({}, 'isolatedCpus: prefer\n');
  assert.equal(finding?.level, 'note');
});

test('a core with one of its threads offline is named', async () => {
  const files = healthyFiles({
    ...TOPOLOGY,
    online: Cpuset.range(0, 6),
    offline: Cpuset.from([7]),
    cores: [Cpuset.range(0, 1), Cpuset.range(2, 3), Cpuset.range(4, 5), Cpuset.from([6])],
  });
  files.set('sys/devices/system/cpu/offline', '7\n');
  const { smt: finding } = await findingsOf(files);
  assert.equal(finding?.level, 'note');
  assert.match(finding.found, /CPU 6\b/);
});

test('a node with CPUs but without memory is a warning, memory without CPUs a note', async () => {
  const [first, second] = TOPOLOGY.nodes;
  const { 'node-memory': bare } = await findingsOn({ nodes: [first!, { ...second!, memoryBytes: 0 }] });
  assert.equal(bare?.level, 'warning');
  assert.match(bare.found, /node 1/);
  const { 'node-memory': remote } = await findingsOn({
    nodes: [
      { ...first!, cpus: TOPOLOGY.online },
      { ...second!, cpus: Cpuset.EMPTY },
    ],
  });
  assert.equal(remote?.level, 'note');
});

test('a host that does not tell its CPUs is an error when it runs, and not judged from files', async () => {
  const files = healthyFiles();
  for (const path of [...files.keys()]) if (path.startsWith('sys/devices/system/cpu')) files.delete(path);
  assert.equal((await findingsOf(files))['cpus-online']?.level, 'error');
  assert.equal((await findingsOf(files, { isLive: false }))['cpus-online']?.level, 'skipped');
});
