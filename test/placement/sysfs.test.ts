import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { readTopology, type TopologyJson, topologyJson } from '../../src/placement/sysfs.ts';
import type { TopologyParts } from '../../src/placement/topology.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import { hostFiles } from '../../src/workers/host-files.ts';
import { inTemporaryFolder } from '../temporary-folder.ts';
import {
  describeCache,
  describeHost,
  type HostFiles,
  plain,
  reading,
  removeFiles,
  show,
} from './made-up-host.ts';

const CPU = 'sys/devices/system/cpu';
const NODE = 'sys/devices/system/node';

function host(spec: string): HostFiles {
  return describeHost(parseTopologySpec(spec));
}

function read(files: HostFiles): TopologyParts {
  return readTopology(reading(files));
}

/** Archives of real machines' files, kept outside of the project: NAME.tar.bz2 with what to read from it in NAME.json. */
const { TOPOLOGY_ARCHIVES: ARCHIVES = resolve(import.meta.dirname, '../../../shared/topologies') } =
  process.env;

/** Most of the archives' files, and nothing that tells of the topology. */
const UNUSED = [
  'sys/bus',
  'sys/class',
  'sys/fs',
  'sys/kernel',
  'proc/device-tree',
  'power',
  'cpuidle',
  'hugepages',
];
const UNUSED_OF_CACHES = [
  'number_of_sets',
  'ways_of_associativity',
  'coherency_line_size',
  '*_policy',
  'size',
];

describe('the topologies of real machines', {
  skip:
    (!existsSync(ARCHIVES) && `no archives in ${ARCHIVES}`) ||
    (spawnSync('bzip2', ['--help']).error !== undefined && 'bzip2 is not installed'),
}, () => {
  const names = existsSync(ARCHIVES) ? readdirSync(ARCHIVES).filter((name) => name.endsWith('.json')) : [];
  for (const name of names.map((file) => file.replace(/\.json$/, ''))) {
    it(`reads ${name}`, () => {
      const expected: TopologyJson = JSON.parse(readFileSync(join(ARCHIVES, `${name}.json`), 'utf8'));
      inTemporaryFolder((folder) => {
        const excluded = [...UNUSED, ...UNUSED_OF_CACHES].map((path) => `--exclude=*/${path}`);
        execFileSync('tar', ['-xjf', join(ARCHIVES, `${name}.tar.bz2`), '-C', folder, ...excluded]);
        const [root] = readdirSync(folder);
        const files = hostFiles(join(folder, root!));
        const actual = topologyJson(readTopology(files));

        assert.deepEqual(actual.online, expected.online);
        assert.deepEqual(actual.cores, expected.cores);
        assert.deepEqual(actual.packages, expected.packages);
        assert.deepEqual(actual.l3, expected.l3);
        if (expected.dies.length > 0) assert.deepEqual(actual.dies, expected.dies);
        for (const [id, node] of Object.entries(expected.nodes)) {
          // The expected CPUs of a node without any of its own are what is near it.
          const hasCpus = /[1-9a-f]/.test(files.read(`${NODE}/node${id}/cpumap`) ?? '');
          if (hasCpus) assert.deepEqual(actual.nodes[id], node, `node ${id}`);
        }
      });
    });
  }
});

describe('reading a topology', () => {
  it('gives every level that the host describes', () => {
    const spec = parseTopologySpec('2 packages, 2 dies each, 2 nodes each, 2 llcs each, 3 cores each, SMT 2');
    assert.deepEqual(plain(read(describeHost(spec))), plain(spec));
  });

  it('reads a file per core, not per CPU, and a few per cache, package and node', () => {
    const files = reading(host('2 packages, 4 nodes each, 8 llcs each, 8 cores each, SMT 2'));
    const parts = readTopology(files);
    assert.equal(parts.online.size, 1024);
    const perLevel = parts.cores.length + 4 * parts.llcs.length + 3 * parts.nodes.length;
    assert.ok(files.paths.length < perLevel + 50, `${files.paths.length} files and folders read`);
  });

  it('reads no file per core where SMT is off', () => {
    const described = host('2 packages, 4 llcs each, 64 cores each');
    described.set(`${CPU}/smt/active`, '0\n');
    const files = reading(described);
    assert.equal(readTopology(files).cores.length, 512);
    assert.ok(files.paths.length < 100, `${files.paths.length} files and folders read`);
  });

  it('believes the cores where the kernel does not schedule by SMT', () => {
    const files = host('4 cores, SMT 2');
    files.set(`${CPU}/smt/active`, '0\n');
    assert.equal(show(read(files).cores), '0,4 1,5 2,6 3,7');
  });

  for (const smt of [1, 2, 3, 4, 8]) {
    it(`reads cores of ${smt} CPUs`, () => {
      const spec = parseTopologySpec(`2 packages, 4 cores each, SMT ${smt}`);
      assert.equal(show(read(describeHost(spec)).cores), show(spec.cores));
    });
  }

  it('reads the masks of old kernels', () => {
    const spec = parseTopologySpec('2 packages, 20 cores each, SMT 2');
    const files = describeHost(spec);
    for (const [path, text] of [...files]) {
      const name = path.split('/').at(-1)!;
      const mask = {
        core_cpus_list: 'thread_siblings',
        package_cpus_list: 'core_siblings',
        shared_cpu_list: 'shared_cpu_map',
        cpulist: 'cpumap',
      }[name];
      if (mask !== undefined) files.set(path.replace(name, mask), `${maskText(text.trim())}\n`);
    }
    removeFiles(files, /list$/);
    assert.deepEqual(plain(read(files)), plain(spec));
  });

  it('ends a value at a NUL byte, which some kernels write', () => {
    const files = host('4 cores, SMT 2');
    const expected = plain(read(files));
    for (const [path, text] of [...files]) if (path.includes('/topology/')) files.set(path, `${text}\0`);
    assert.deepEqual(plain(read(files)), expected);
  });

  it('takes a die that is a package, and a cluster that is a core, as not described', () => {
    const files = host('2 packages, 4 cores each, SMT 2');
    for (let cpu = 0; cpu < 16; cpu++) {
      files.set(
        `${CPU}/cpu${cpu}/topology/die_cpus_list`,
        files.get(`${CPU}/cpu${cpu}/topology/package_cpus_list`)!,
      );
    }
    const { dies, clusters } = read(files);
    assert.deepEqual([dies, clusters], [[], []]);
  });

  it('takes a level with the id -1 as not described', () => {
    const files = host('4 cores, SMT 2');
    for (let cpu = 0; cpu < 8; cpu++) {
      for (const level of ['die', 'cluster']) {
        files.set(`${CPU}/cpu${cpu}/topology/${level}_id`, '-1\n');
        files.set(`${CPU}/cpu${cpu}/topology/${level}_cpus_list`, `${cpu}\n`);
      }
    }
    const { dies, clusters } = read(files);
    assert.deepEqual([dies, clusters], [[], []]);
  });

  it('reads clusters of cores', () => {
    const files = host('8 cores');
    for (let cpu = 0; cpu < 8; cpu++) {
      files.set(`${CPU}/cpu${cpu}/topology/cluster_cpus_list`, cpu < 4 ? '0-3\n' : '4-7\n');
    }
    assert.equal(show(read(files).clusters), '0-3 4-7');
  });

  it('takes isolated CPUs that are online', () => {
    const files = host('8 cores');
    files.set(`${CPU}/online`, '0-6\n');
    files.set(`${CPU}/isolated`, '5-7\n');
    assert.equal(`${read(files).isolated}`, '5-6');
  });
});

describe('offline CPUs', () => {
  it('are in no level, whatever other files say', () => {
    const files = host('2 packages, 2 cores each, SMT 2');
    files.set(`${CPU}/online`, '1-5,7\n');
    removeFiles(files, /cpu[06]\/(topology|cache)/);
    const parts = read(files);
    assert.equal(`${parts.offline}`, '0,6');
    assert.equal(show(parts.cores), '1,5 2 3,7 4');
    assert.equal(show(parts.packages), '1,4-5 2-3,7');
    assert.equal(show(parts.llcs), '1,4-5 2-3,7');
    assert.equal(show(parts.nodes.map((node) => node.cpus)), '1,4-5 2-3,7');
  });

  it('are those that are present, not all that could ever be', () => {
    const files = host('4 cores');
    files.set(`${CPU}/possible`, '0-511\n');
    files.set(`${CPU}/present`, '0-5\n');
    const parts = read(files);
    assert.equal(`${parts.offline}`, '4-5');
    assert.equal(parts.maxCpuId, 511);
  });

  it('are told by their own switch where the kernel has no list', () => {
    const files = host('4 cores');
    removeFiles(files, /cpu\/(online|present|possible)$/);
    files.set(`${CPU}/cpu1/online`, '1\n');
    files.set(`${CPU}/cpu2/online`, '0\n');
    const parts = read(files);
    assert.equal(`${parts.online}`, '0-1,3');
    assert.equal(`${parts.offline}`, '2');
    assert.equal(parts.maxCpuId, 3);
  });
});

describe('last-level caches', () => {
  it('are those of level 3, also below a level 4', () => {
    const files = host('2 llcs, 2 cores each');
    for (let cpu = 0; cpu < 4; cpu++) {
      describeCache(files, cpu, 4, { level: 4, type: 'Unified', cpus: Cpuset.range(0, 3) });
    }
    assert.equal(show(read(files).llcs), '0-1 2-3');
  });

  it('are of the highest level where there is no level 3, and are then not called l3', () => {
    const files = host('4 cores, SMT 2');
    removeFiles(files, /index3/);
    const parts = read(files);
    assert.equal(show(parts.llcs), '0,4 1,5 2,6 3,7');
    assert.deepEqual(topologyJson(parts).l3, []);
  });

  it('can be of level 3 for some CPUs only', () => {
    const files = host('8 cores');
    for (let cpu = 0; cpu < 8; cpu++) {
      describeCache(files, cpu, 3, { level: 3, type: 'Unified', cpus: Cpuset.range(0, 5) });
    }
    removeFiles(files, /cpu[67]\/cache\/index3/);
    for (const cpu of [6, 7]) {
      describeCache(files, cpu, 2, { level: 2, type: 'Unified', cpus: Cpuset.from([6, 7]) });
    }
    const parts = read(files);
    assert.equal(show(parts.llcs), '0-5 6-7');
    assert.deepEqual(topologyJson(parts).l3, [[0, 1, 2, 3, 4, 5]]);
  });

  it('are found whatever the order of the caches, and are no instruction caches', () => {
    const files = host('2 llcs, 2 cores each');
    for (let cpu = 0; cpu < 4; cpu++) {
      describeCache(files, cpu, 0, {
        level: 3,
        type: 'Unified',
        cpus: cpu < 2 ? Cpuset.range(0, 1) : Cpuset.range(2, 3),
      });
      describeCache(files, cpu, 3, { level: 3, type: 'Instruction', cpus: Cpuset.range(0, 3) });
    }
    assert.equal(show(read(files).llcs), '0-1 2-3');
  });

  it('are none where the host describes none', () => {
    const files = host('4 cores');
    removeFiles(files, /\/cache\//);
    const parts = read(files);
    assert.deepEqual(parts.llcs, []);
    assert.deepEqual(topologyJson(parts).l3, []);
  });
});

describe('NUMA nodes', () => {
  it('may have sparse ids, no CPUs, or no memory', () => {
    const files = host('2 nodes, 2 cores each');
    removeFiles(files, /system\/node/);
    const node = (id: number, cpus: string, kib: number, distance: string) => {
      files.set(`${NODE}/node${id}/cpulist`, `${cpus}\n`);
      files.set(`${NODE}/node${id}/meminfo`, `Node ${id} MemTotal: ${kib} kB\n`);
      files.set(`${NODE}/node${id}/distance`, `${distance}\n`);
    };
    node(16, '', 512, '31 32 10');
    node(0, '0-1', 1024, '10 20 31');
    node(8, '2-3', 0, '20 10 32');
    assert.deepEqual(JSON.parse(JSON.stringify(read(files).nodes)), [
      { id: 0, cpus: '0-1', memoryBytes: 1024 * 1024, distances: [10, 20, 31] },
      { id: 8, cpus: '2-3', memoryBytes: 0, distances: [20, 10, 32] },
      { id: 16, cpus: '', memoryBytes: 512 * 1024, distances: [31, 32, 10] },
    ]);
  });

  it('are one node with all of the memory on a kernel without NUMA', () => {
    const files = host('4 cores');
    removeFiles(files, /system\/node/);
    files.set('proc/meminfo', 'MemTotal:       2048 kB\nMemFree: 1 kB\n');
    assert.deepEqual(topologyJson(read(files)).nodes, { 0: { cpus: [0, 1, 2, 3], memory: 2048 * 1024 } });
  });

  for (const [what, text] of [
    ['missing', undefined],
    ['for another number of nodes', '10 20 20\n'],
    ['no numbers', '10 far\n'],
  ] as const) {
    it(`are at the kernel's default distances where theirs are ${what}`, () => {
      const files = host('2 nodes, 2 cores each');
      files.delete(`${NODE}/node1/distance`);
      if (text !== undefined) files.set(`${NODE}/node1/distance`, text);
      assert.deepEqual(read(files).nodes[1]?.distances, [20, 10]);
    });
  }

  it('share no CPU: the first that names it has it', () => {
    const files = host('2 nodes, 2 cores each');
    files.set(`${NODE}/node1/cpulist`, '0-3\n');
    assert.equal(show(read(files).nodes.map((node) => node.cpus)), '0-1 2-3');
  });
});

/** The kernel's mask for a list, two words wide. */
function maskText(list: string): string {
  let mask = 0n;
  for (const range of list === '' ? [] : list.split(',')) {
    const [first, last = first] = range.split('-').map(Number);
    for (let cpu = first!; cpu <= last!; cpu++) mask |= 1n << BigInt(cpu);
  }
  const digits = mask.toString(16).padStart(24, '0');
  return digits.match(/.{8}/g)!.join(',');
}
