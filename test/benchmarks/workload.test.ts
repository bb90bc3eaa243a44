import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CPU_COUNTS, hostOf } from '../../benchmarks/hosts.ts';
import { fullOfIntegers, mixedNode, shuffled, type Workload } from '../../benchmarks/workload.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { createRandom } from '../../src/placement/random.ts';

const ofKind = <K extends Workload['kind']>(workloads: readonly Workload[], kind: K) =>
  workloads.filter((each): each is Extract<Workload, { kind: K }> => each.kind === kind);

for (const cpus of CPU_COUNTS) {
  describe(`a mixed node of ${cpus} CPUs`, () => {
    const host = hostOf(cpus);
    const workloads = mixedNode(host, createRandom(1));
    const annotated = ofKind(workloads, 'annotated');
    const integer = ofKind(workloads, 'integer');

    test('has six shared, three integer and one annotated container in any ten', () => {
      for (let first = 0; first + 10 <= workloads.length; first += 10) {
        const ten = workloads.slice(first, first + 10);
        assert.equal(ofKind(ten, 'shared').length, 6);
        assert.equal(ofKind(ten, 'integer').length, 3);
        assert.equal(ofKind(ten, 'annotated').length, 1);
      }
    });

    test('asks for 70 % of the CPUs, and stops there', () => {
      const pinned = Cpuset.union(annotated.map((each) => each.pinned)).size;
      const asked = pinned + integer.reduce((sum, each) => sum + each.cpus, 0);
      assert.ok(asked >= 0.7 * cpus && asked < 0.7 * cpus + 8, `${asked} CPUs`);
    });

    test('has integer containers of 1 to 8 CPUs, of every size alike', () => {
      const counts = [1, 2, 3, 4, 5, 6, 7, 8].map(
        (size) => integer.filter((each) => each.cpus === size).length,
      );
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        integer.length,
      );
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${counts}`);
    });

    test('pins whole cores of its own CPUs', () => {
      for (const { pinned } of annotated) {
        const cores = host.cores.filter((core) => core.intersects(pinned));
        assert.ok(Cpuset.union(cores).equals(pinned), `${pinned}`);
      }
    });
  });
}

test('a mixed node is filled up with shared containers to the number asked for', () => {
  const host = hostOf(64);
  const least = mixedNode(host, createRandom(1));
  const more = mixedNode(host, createRandom(1), 100);
  assert.equal(more.length, 100);
  assert.deepEqual(more.slice(0, least.length), least);
  assert.ok(more.slice(least.length).every(({ kind }) => kind === 'shared'));
});

test('the same seed gives the same node, another seed another one', () => {
  const node = (seed: number) => mixedNode(hostOf(256), createRandom(seed));
  assert.deepEqual(node(7), node(7));
  assert.notDeepEqual(node(7), node(8));
});

test('a node full of integer containers asks for 70 % of the CPUs', () => {
  const asked = fullOfIntegers(hostOf(1024), createRandom(1)).reduce(
    (sum, each) => sum + (each.kind === 'integer' ? each.cpus : 0),
    0,
  );
  assert.equal(asked, Math.floor(0.7 * 1024));
});

test('shuffling keeps everything', () => {
  const items = Array.from({ length: 50 }, (_, position) => position);
  const result = shuffled(items, createRandom(3));
  assert.notDeepEqual(result, items);
  assert.deepEqual(
    result.toSorted((one, other) => one - other),
    items,
  );
});
