import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { SysfsTree } from '../../src/main/runtime/sysfs-tree.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import type { SysfsFiles } from '../../src/placement/sysfs-files.ts';
import { unpackTopology } from '../../src/placement/topology-arrays.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import { hostFiles } from '../../src/workers/host-files.ts';
import { type HostReading, readHost } from '../../src/workers/host-watch.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const SPEC = '2 packages, 2 nodes each, 4 cores each, SMT 2';

function setUp(t: TestContext) {
  const root = temporaryFolder(t);
  const tree = new SysfsTree(root, parseTopologySpec(SPEC));
  return { root, tree, files: hostFiles(root) };
}

function topology(reading: HostReading | undefined): HostReading & { kind: 'topology' } {
  assert.equal(reading?.kind, 'topology');
  return reading as HostReading & { kind: 'topology' };
}

const onlineOf = (reading: HostReading | undefined) =>
  unpackTopology(topology(reading).topology).online.toString();

describe('a look at the host', () => {
  it('gives its topology without marks, and nothing with those of now', (t) => {
    const { files } = setUp(t);
    const first = topology(readHost(files, undefined));
    assert.equal(onlineOf(first), '0-31');
    assert.equal(readHost(files, first.marks), undefined);
    assert.equal(onlineOf(readHost(files, undefined)), '0-31');
  });

  it('gives a new topology when CPUs go and come', (t) => {
    const { files, tree } = setUp(t);
    const first = topology(readHost(files, undefined));
    tree.takeOffline(Cpuset.range(8, 15));
    const second = topology(readHost(files, first.marks));
    assert.equal(onlineOf(second), '0-7,16-31');
    tree.bringOnline(Cpuset.from([9]));
    assert.equal(onlineOf(readHost(files, second.marks)), '0-7,9,16-31');
  });

  for (const [what, file] of [
    ['the scheduler gives CPUs up', 'cpu/isolated'],
    ['CPUs are added', 'cpu/present'],
    ['a node comes', 'node/online'],
    ['a CPU changes its node', 'node/node1/cpulist'],
  ] as const) {
    it(`gives a new topology when ${what}`, (t) => {
      const { files, root } = setUp(t);
      const { marks } = topology(readHost(files, undefined));
      writeFileSync(join(root, 'sys/devices/system', file), '0-4\n');
      assert.equal(readHost(files, marks)?.kind, 'topology');
    });
  }

  it('reads no more than a file per node and four more while nothing changes', (t) => {
    const { files } = setUp(t);
    const { marks } = topology(readHost(files, undefined));
    const paths: string[] = [];
    const counting: SysfsFiles = {
      read(path) {
        paths.push(path);
        return files.read(path);
      },
      list: files.list,
    };
    readHost(counting, marks);
    assert.ok(paths.length <= 8, paths.join('\n'));
  });

  it('says what is wrong with a host that does not tell its CPUs', (t) => {
    const { files, root } = setUp(t);
    writeFileSync(join(root, 'sys/devices/system/cpu/online'), 'many\n');
    const reading = readHost(files, undefined);
    assert.equal(reading?.kind, 'unreadable');
    assert.match((reading as HostReading & { kind: 'unreadable' }).message, /cpu\/online .*many/);
  });
});
