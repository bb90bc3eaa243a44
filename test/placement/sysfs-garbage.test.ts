import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { readTopology, TopologyError } from '../../src/placement/sysfs.ts';
import type { TopologyParts } from '../../src/placement/topology.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import { describeHost, type HostFiles, plain, reading, show } from './made-up-host.ts';

const CPU = 'sys/devices/system/cpu';

function host(spec: string): HostFiles {
  return describeHost(parseTopologySpec(spec));
}

function read(files: HostFiles): TopologyParts {
  return readTopology(reading(files));
}

describe('files that hold garbage', () => {
  for (const text of ['', '\n', 'all', '0-', '3-1', '0x3', '0-4294967295', `0,${'9'.repeat(70_000)}`]) {
    it(`refuses ${JSON.stringify(text.slice(0, 20))} as the online CPUs, naming the file`, () => {
      const files = host('4 cores');
      files.set(`${CPU}/online`, text);
      assert.throws(
        () => read(files),
        (error: Error) =>
          error instanceof TopologyError &&
          error.message.includes('/sys/devices/system/cpu/online') &&
          error.message.includes(JSON.stringify(text.trim().slice(0, 20)).slice(0, -1)) &&
          error.message.length < 400,
      );
    });
  }

  it('names files below the root that was read', () => {
    const root = '/mnt/host/';
    assert.throws(() => readTopology({ ...reading(new Map()), root }), {
      message:
        '/mnt/host/sys/devices/system/cpu/online cannot be read, and no online CPU is found in /mnt/host/sys/devices/system/cpu',
    });
    assert.throws(() => readTopology({ ...reading(new Map([[`${CPU}/online`, 'x']])), root: '/' }), {
      message: /^\/sys\/devices\/system\/cpu\/online does not name the online CPUs/,
    });
  });

  it('refuses a host without any CPU', () => {
    assert.throws(() => read(new Map()), TopologyError);
    const files = host('1 core');
    files.delete(`${CPU}/online`);
    files.set(`${CPU}/cpu0/online`, '0\n');
    assert.throws(() => read(files), TopologyError);
  });

  for (const garbage of ['', '\n', 'garbage', '0-4294967295\n', '7-0\n', ','.repeat(70_000)]) {
    it(`counts an optional file of ${JSON.stringify(garbage.slice(0, 20))} as missing`, () => {
      const paths = [
        'possible',
        'present',
        'isolated',
        'cpu1/topology/core_cpus_list',
        'cpu1/topology/package_cpus_list',
        'cpu1/topology/cluster_cpus_list',
        'cpu1/cache/index3/level',
        'cpu1/cache/index3/shared_cpu_list',
      ];
      for (const path of paths) {
        const files = host('4 cores, SMT 2');
        files.set(`${CPU}/${path}`, garbage);
        const withGarbage = plain(read(files));
        files.delete(`${CPU}/${path}`);
        // Where a host could have no CPU that is present, an empty list is one.
        if (path === 'present' && garbage.trim() === '') continue;
        assert.deepEqual(withGarbage, plain(read(files)), path);
      }
    });
  }

  it('takes the next name of a file whose first is garbage', () => {
    const files = host('4 cores, SMT 2');
    for (let cpu = 0; cpu < 8; cpu++) {
      files.set(
        `${CPU}/cpu${cpu}/topology/thread_siblings_list`,
        files.get(`${CPU}/cpu${cpu}/topology/core_cpus_list`)!,
      );
      files.set(`${CPU}/cpu${cpu}/topology/core_cpus_list`, 'garbage\n');
    }
    assert.equal(show(read(files).cores), '0,4 1,5 2,6 3,7');
  });

  it('does not believe a set of siblings that lacks the CPU itself', () => {
    const files = host('4 cores, SMT 2');
    files.set(`${CPU}/cpu1/topology/core_cpus_list`, '2-3\n');
    assert.equal(show(read(files).cores), '0,4 1 2,6 3,7 5');
  });

  it('never breaks the reading: every level stays a partition of online CPUs, and every CPU has a core', () => {
    const files = host('2 packages, 2 dies each, 2 nodes each, 2 cores each, SMT 2, siblings adjacent');
    const paths = [...files.keys()].filter((path) => path !== `${CPU}/online`);
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '',
        '0',
        '-1',
        '3',
        '0-15',
        '0-63',
        '8,1,4',
        '1-2,2-3',
        '99999',
        'ff',
        '0 kB',
        'Instruction',
      ),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...paths), text, { maxKeys: 8 }), (changes) => {
        const changed = new Map(files);
        for (const [path, value] of Object.entries(changes)) changed.set(path, value);
        const parts = read(changed);
        assert.equal(`${parts.online}`, '0-31');
        assert.equal(`${Cpuset.union(parts.cores)}`, '0-31');
        const nodes = parts.nodes.map((node) => node.cpus);
        for (const level of [parts.cores, parts.llcs, parts.packages, parts.dies, parts.clusters, nodes]) {
          const union = Cpuset.union(level);
          assert.ok(union.isSubsetOf(parts.online));
          assert.equal(
            union.size,
            level.reduce((sum, cpus) => sum + cpus.size, 0),
            `overlap in ${show(level)}`,
          );
        }
      }),
      { numRuns: 200 },
    );
  });
});
