import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SysfsTree } from '../../../src/main/runtime/sysfs-tree.ts';
import { Cpuset } from '../../../src/placement/cpuset.ts';
import { readTopology } from '../../../src/placement/sysfs.ts';
import type { TopologyParts } from '../../../src/placement/topology.ts';
import { parseTopologySpec } from '../../../src/placement/topology-spec.ts';
import { hostFiles } from '../../../src/workers/host-files.ts';
import { plain, show } from '../../placement/made-up-host.ts';
import { inTemporaryFolder } from '../../temporary-folder.ts';

/** Writes `parts` as a tree, and gives `use` the tree and what is read of it from then on. */
function withTree(
  parts: TopologyParts,
  use: (tree: SysfsTree, read: () => TopologyParts, root: string) => void,
): void {
  inTemporaryFolder((root) => {
    const tree = new SysfsTree(root, parts);
    use(tree, () => readTopology(hostFiles(root)), root);
  });
}

const cpus = (...ids: number[]) => Cpuset.from(ids);

const small = fc.integer({ min: 1, max: 3 });
const spec = fc
  .record({
    packages: small,
    dies: small,
    nodes: small,
    llcs: small,
    cores: small,
    smt: fc.constantFrom(1, 2, 4),
    siblings: fc.constantFrom('apart', 'adjacent'),
    memory: fc.integer({ min: 1, max: 4096 }),
  })
  .map(
    ({ packages, dies, nodes, llcs, cores, smt, siblings, memory }) =>
      `${packages} packages, ${dies} dies, ${nodes} nodes, ${llcs} llcs, ${cores} cores, SMT ${smt}, ` +
      `siblings ${siblings}, ${memory} MiB each`,
  );

describe('a made-up host', () => {
  it('reads back as it was specified', () => {
    fc.assert(
      fc.property(spec, (text) => {
        const parts = parseTopologySpec(text);
        withTree(parts, (_, read) => assert.deepEqual(plain(read()), plain(parts)));
      }),
      { numRuns: 25 },
    );
  });

  for (const text of [
    '2 packages, 4 nodes each, 8 llcs each, 8 cores each, SMT 2',
    '2 packages, 4 nodes each, 8 llcs each, 8 cores each, SMT 4',
  ]) {
    it(`reads back with ${parseTopologySpec(text).online.size} CPUs`, () => {
      const parts = parseTopologySpec(text);
      withTree(parts, (_, read) => assert.deepEqual(plain(read()), plain(parts)));
    });
  }

  it('says in numbers and links too what belongs together, as other plugins want to know it', () => {
    const parts = parseTopologySpec('2 packages, 2 nodes each, 2 cores each, SMT 2, 1 GiB each');
    withTree(parts, (_, __, root) => {
      const files = hostFiles(join(root, 'sys/devices/system'));
      const said = (path: string) => files.read(path)?.trim();
      const numbers = (cpu: number) =>
        ['physical_package_id', 'die_id', 'cluster_id', 'core_id'].map((name) =>
          said(`cpu/cpu${cpu}/topology/${name}`),
        );
      assert.deepEqual(numbers(0), ['0', '0', '65535', '0']);
      assert.deepEqual(numbers(14), ['1', '0', '65535', '6']);
      assert.equal(said('cpu/cpu14/topology/thread_siblings_list'), '6,14');
      assert.equal(said('cpu/cpu14/node3/cpulist'), '6-7,14-15');
      const cache = (name: string) =>
        ['id', 'level', 'type', 'size', 'shared_cpu_list'].map((file) =>
          said(`cpu/cpu14/cache/${name}/${file}`),
        );
      assert.deepEqual(cache('index2'), ['6', '2', 'Unified', '1024K', '6,14']);
      assert.deepEqual(cache('index3'), ['3', '3', 'Unified', '32768K', '6-7,14-15']);
      for (const name of ['possible', 'online', 'has_memory', 'has_normal_memory'])
        assert.equal(said(`node/${name}`), '0-3');
      assert.match(said('node/node3/meminfo')!, /^Node 3 MemTotal: 1048576 kB\nNode 3 MemFree: 1048576 kB\n/);
    });
  });

  it('can have what a specification has no words for', () => {
    const parts: TopologyParts = {
      maxCpuId: 31,
      online: cpus(1, 2, 3, 4, 5, 6, 7, 9),
      offline: cpus(0, 8),
      isolated: cpus(5),
      cores: [cpus(1, 9), cpus(2), cpus(3), cpus(4), cpus(5), cpus(6), cpus(7)],
      clusters: [cpus(1, 9), cpus(2), cpus(3), cpus(4, 5), cpus(6, 7)],
      llcs: [cpus(1, 2, 3, 4, 5, 9), cpus(6, 7)],
      l3: [cpus(1, 2, 3, 4, 5, 9)],
      dies: [],
      packages: [cpus(1, 2, 3, 4, 5, 6, 7, 9)],
      nodes: [
        { id: 0, cpus: cpus(1, 2, 3, 4, 5, 6, 7, 9), memoryBytes: 0, distances: [10, 40] },
        { id: 7, cpus: Cpuset.EMPTY, memoryBytes: 1 << 20, distances: [40, 10] },
      ],
      coreKinds: [cpus(1, 2, 3, 9), cpus(4, 5), cpus(6, 7)],
    };
    withTree(parts, (_, read) => assert.deepEqual(plain(read()), plain(parts)));
  });
});

describe('taking CPUs of a made-up host offline', () => {
  it('takes them out of every level, and brings them back to their places', () => {
    const parts = parseTopologySpec('2 packages, 2 nodes each, 2 cores each, SMT 2');
    withTree(parts, (tree, read, root) => {
      const before = plain(read());
      tree.takeOffline(cpus(0, 3));
      assert.equal(`${tree.online}`, '1-2,4-15');
      const { online, offline, cores, packages, llcs, nodes } = read();
      assert.equal(`${online}`, '1-2,4-15');
      assert.equal(`${offline}`, '0,3');
      assert.equal(show(cores), '1,9 2,10 4,12 5,13 6,14 7,15 8 11');
      assert.equal(show(packages), '1-2,8-11 4-7,12-15');
      assert.equal(show(llcs), '1,8-9 2,10-11 4-5,12-13 6-7,14-15');
      assert.equal(show(nodes.map((node) => node.cpus)), '1,8-9 2,10-11 4-5,12-13 6-7,14-15');
      const cpu = join(root, 'sys/devices/system/cpu');
      assert.ok(existsSync(join(cpu, 'cpu3')) && !existsSync(join(cpu, 'cpu3/topology')));
      assert.equal(hostFiles(cpu).read('offline'), '0,3\n');

      tree.bringOnline(cpus(0));
      assert.equal(show(read().cores), '0,8 1,9 2,10 4,12 5,13 6,14 7,15 11');
      tree.bringOnline(cpus(3));
      assert.deepEqual(plain(read()), before);
    });
  });

  it('leaves a node without CPUs where its last one goes', () => {
    withTree(parseTopologySpec('2 nodes, 1 core each'), (tree, read) => {
      tree.takeOffline(cpus(0));
      const { nodes, cores } = read();
      assert.equal(show(cores), '1');
      assert.deepEqual(
        nodes.map((node) => `${node.id}: ${node.cpus}`),
        ['0: ', '1: 1'],
      );
    });
  });

  it('changes nothing for CPUs that already are as wanted', () => {
    withTree(parseTopologySpec('4 cores'), (tree, read) => {
      tree.takeOffline(cpus(3));
      tree.takeOffline(cpus(3));
      tree.bringOnline(cpus(1));
      assert.equal(`${read().online}`, '0-2');
    });
  });

  it('is refused for the last CPU, and the other way for one that the host never had', () => {
    withTree(parseTopologySpec('2 cores'), (tree, read) => {
      assert.throws(() => tree.takeOffline(cpus(0, 1)), RangeError);
      assert.throws(() => tree.bringOnline(cpus(2)), RangeError);
      assert.equal(`${read().online}`, '0-1');
    });
  });

  it('comes out the same whatever the way that led there', () => {
    const parts = parseTopologySpec('2 packages, 2 cores each, SMT 2');
    const step = fc.record({
      online: fc.boolean(),
      ids: fc.uniqueArray(fc.nat(7), { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), (steps) => {
        withTree(parts, (tree, read) => {
          for (const { online, ids } of steps) {
            if (online) tree.bringOnline(Cpuset.from(ids));
            else if (!tree.online.isSubsetOf(Cpuset.from(ids))) tree.takeOffline(Cpuset.from(ids));
          }
          const actual = read();
          const left = (level: readonly Cpuset[]) =>
            level
              .map((members) => members.intersect(tree.online))
              .filter((members) => !members.isEmpty)
              .sort((a, b) => a.first - b.first);
          assert.ok(actual.online.equals(tree.online));
          assert.equal(show(actual.cores), show(left(parts.cores)));
          assert.equal(show(actual.packages), show(left(parts.packages)));
          assert.equal(show(actual.llcs), show(left(parts.llcs)));
        });
      }),
      { numRuns: 25 },
    );
  });
});
