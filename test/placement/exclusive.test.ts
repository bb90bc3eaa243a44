import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { compareCosts } from '../../src/placement/exclusive.ts';
import { choose, costOf, request } from './exclusive-request.ts';
import { hostOf, regularHost } from './hosts.ts';

/** Eight cores of one LLC: 0,8 and 1,9 to 7,15. */
const plain = regularHost({ coresPerLlc: 8, threads: 2 });

describe('whole cores first', () => {
  test('two CPUs are the siblings of one core, whichever way they are numbered', () => {
    assert.equal(choose(plain, 2), '1,9');
    const adjacent = regularHost({ coresPerLlc: 8, threads: 2, siblings: 'adjacent' });
    assert.equal(choose(adjacent, 2), '2-3');
  });

  test('three CPUs are one core and one more CPU', () => {
    assert.equal(choose(plain, 3), '1-2,9');
  });

  test('whole cores are preferred to orphans', () => {
    assert.equal(choose(plain, 2, { taken: [1, 2, 3] }), '4,12');
  });

  test('the odd CPU is an orphan, so that no core is split', () => {
    assert.equal(choose(plain, 1, { taken: [5] }), '13');
    assert.equal(choose(plain, 3, { taken: [5] }), '1,9,13');
  });

  test('an orphan beside the same pod is preferred to one beside another', () => {
    assert.equal(choose(plain, 1, { taken: [3], samePod: [6] }), '14');
  });

  test('a CPU whose sibling is withheld from the container is no orphan', () => {
    assert.equal(choose(plain, 1, { withheld: [3], taken: [6] }), '14');
    assert.equal(choose(plain, 1, { withheld: [3] }), '1');
  });

  test('a core is split when there are neither whole cores enough nor orphans', () => {
    assert.equal(choose(plain, 1), '1');
  });

  test('with nothing but orphans left, orphans it is', () => {
    assert.equal(choose(plain, 3, { taken: [0, 1, 2, 3, 4, 5, 6, 7] }), '9-11');
  });
});

describe('few and near domains', () => {
  /** Two packages with two nodes each; a node has two LLCs of two cores: node 0 has 0-3,16-19, node 1 4-7,20-23. */
  const numa = regularHost({
    packages: 2,
    nodesPerPackage: 2,
    llcsPerNode: 2,
    coresPerLlc: 2,
    threads: 2,
  });

  test('a container stays in one node if one has room, though others have lower CPUs', () => {
    assert.equal(choose(numa, 8, { taken: [0, 4] }), '8-11,24-27');
  });

  test('two nodes are of the same package', () => {
    // One core of each node of package 0 is taken, and one node of package 1: nodes 0 and 1 are the pair.
    assert.equal(choose(numa, 10, { taken: [0, 16, 4, 20, 8, 24, 9, 25] }), '1-3,6-7,17-19,22-23');
  });

  test('among packages the nearer nodes are used', () => {
    const nodes = [0, 1, 2].map((node) => ({ cpus: [2 * node, 2 * node + 1], node, llc: node }));
    const host = hostOf(nodes);
    const distances = [
      [10, 40, 20],
      [40, 10, 30],
      [20, 30, 10],
    ];
    const far = { ...host, nodes: host.nodes.map((node, id) => ({ ...node, distances: distances[id]! })) };
    assert.equal(choose(far, 4), '0-1,4-5');
  });

  test('a container stays in one LLC if one has room', () => {
    assert.equal(choose(numa, 4, { taken: [2, 18, 4, 6, 20, 22] }), '8-9,24-25');
  });

  test('what no LLC has room for takes two of one node, and of their CPUs the lowest', () => {
    assert.equal(choose(numa, 6), '1-3,17-19');
    assert.equal(choose(numa, 5, { taken: [4] }), '5-6,20-22');
    const interleaved = hostOf(
      [0, 1, 2, 3, 4, 5, 6, 7].map((core) => ({ cpus: [core, core + 8], llc: core % 2 })),
    );
    assert.equal(choose(interleaved, 10, { taken: [7, 15] }), '1-5,9-13');
  });

  test('the core of CPU 0 is spared while there is a choice', () => {
    assert.equal(choose(plain, 14), '1-7,9-15');
    assert.equal(choose(plain, 15), '0-14');
    assert.equal(choose(plain, 1, { taken: [0, 3] }), '11');
  });

  test('one LLC counts for more than CPU 0', () => {
    assert.equal(choose(numa, 4, { taken: [2, 5, 6, 8, 10, 12, 14] }), '0-1,16-17');
  });

  test('with priority numa a single node counts for more than whole cores', () => {
    const taken = [0, 1, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
    assert.equal(choose(numa, 6, { taken }), '2-3,6,18-19,22');
    assert.equal(choose(numa, 6, { taken, priority: 'numa' }), '6-7,20-23');
  });

  test('with priority numa cores are whole within the node', () => {
    assert.equal(choose(numa, 3, { taken: [4, 5], priority: 'numa' }), '6,20,22');
  });

  test('memory-only nodes do not matter', () => {
    const host = hostOf(
      [
        { cpus: [0, 1], node: 0, llc: 0 },
        { cpus: [2, 3], node: 1, llc: 1 },
      ],
      2,
    );
    assert.equal(choose(host, 2), '2-3');
    assert.equal(choose(host, 4), '0-3');
  });
});

describe('best fit', () => {
  test('the LLC that is left with the fewest free cores is used', () => {
    const host = regularHost({ llcsPerNode: 3, coresPerLlc: 4, threads: 1 });
    assert.equal(choose(host, 2, { taken: [8] }), '9-10');
  });

  test('the node that is left with the fewest free cores is used, then such a package', () => {
    const nodes = regularHost({ nodesPerPackage: 3, llcsPerNode: 2, coresPerLlc: 2, threads: 1 });
    assert.equal(choose(nodes, 2, { taken: [8, 9] }), '10-11');
    const packages = regularHost({ packages: 2, nodesPerPackage: 2, coresPerLlc: 2, threads: 1 });
    assert.equal(choose(packages, 2, { taken: [4, 5] }), '6-7');
  });

  test('where LLCs are left alike, more of the free cores of the node are used up', () => {
    // Both LLCs are left with one free core: the first by giving up one of two, the second by giving up two of three.
    const host = hostOf([
      { cpus: [0, 1], llc: 0 },
      { cpus: [2, 3], llc: 0 },
      { cpus: [4], llc: 1 },
      { cpus: [5], llc: 1 },
      { cpus: [6], llc: 1 },
    ]);
    assert.equal(choose(host, 2), '4-5');
  });

  test('fewer cores are touched', () => {
    const smt4 = regularHost({ coresPerLlc: 4, threads: 4, siblings: 'adjacent' });
    assert.equal(choose(smt4, 2, { taken: [4, 5, 6, 8, 9, 12, 13, 14] }), '10-11');
  });

  test('among equals the lowest ids are used', () => {
    const host = regularHost({ packages: 2, nodesPerPackage: 2, llcsPerNode: 2, coresPerLlc: 4, threads: 2 });
    assert.equal(choose(host, 4), '1-2,33-34');
    assert.equal(choose(host, 8, { taken: [0] }), '4-7,36-39');
    assert.equal(choose(host, 3, { taken: [40, 41] }), '8,10,42');
  });
});

describe('cores of every make', () => {
  test('without SMT every CPU is a whole core', () => {
    const host = regularHost({ llcsPerNode: 2, coresPerLlc: 4, threads: 1 });
    assert.equal(choose(host, 3), '1-3');
    assert.equal(choose(host, 4), '4-7');
  });

  test('SMT 4 and SMT 8: whole cores, the rest in one more', () => {
    const smt4 = regularHost({ coresPerLlc: 4, threads: 4, siblings: 'adjacent' });
    assert.equal(choose(smt4, 8), '4-11');
    assert.equal(choose(smt4, 6), '4-9');
    const smt8 = regularHost({ coresPerLlc: 4, threads: 8, siblings: 'adjacent' });
    assert.equal(choose(smt8, 11), '8-18');
    assert.equal(choose(smt8, 3, { taken: [24, 25] }), '26-28');
  });

  test('a core whose siblings are offline is whole on its own', () => {
    const host = hostOf([{ cpus: [0, 4] }, { cpus: [1, 5] }, { cpus: [2, 6] }, { cpus: [3] }]);
    assert.equal(choose(host, 1), '3');
    assert.equal(choose(host, 3), '1,3,5');
    assert.equal(choose(host, 2), '1,5');
  });

  test('cores of different sizes are put together so that all are whole', () => {
    const host = hostOf([
      { cpus: [0, 1, 2, 3] },
      { cpus: [4, 5, 6] },
      { cpus: [7, 8, 9] },
      { cpus: [10, 11, 12, 13] },
    ]);
    assert.equal(choose(host, 6), '4-9');
    assert.equal(choose(host, 7), '4-6,10-13');
    assert.equal(choose(host, 10), '4-13');
  });

  test('sparse ids', () => {
    const host = hostOf([{ cpus: [3, 700] }, { cpus: [64, 65] }, { cpus: [512, 9] }]);
    assert.equal(choose(host, 2), '3,700');
    assert.equal(choose(host, 2, { taken: [3] }), '9,512');
    assert.equal(choose(host, 5), '3,9,64,512,700');
  });

  test('hybrid hosts: cores of one kind', () => {
    const host = hostOf([
      { cpus: [0, 1], kind: 0 },
      { cpus: [2, 3], kind: 0 },
      { cpus: [4], kind: 1 },
      { cpus: [5], kind: 1 },
      { cpus: [6], kind: 1 },
    ]);
    assert.equal(choose(host, 3), '4-6');
    assert.equal(choose(host, 4), '0-3');
    assert.equal(choose(host, 5), '2-6');
  });
});

describe('CPUs to use first', () => {
  test('preferred CPUs come before all other criteria', () => {
    assert.equal(choose(plain, 1, { taken: [5], preferred: [3, 11] }), '3');
    assert.equal(choose(plain, 4, { preferred: [3, 6, 7] }), '3,6-7,11');
    assert.equal(choose(plain, 2, { preferred: [2, 3, 4, 12] }), '4,12');
  });

  test('CPUs that wait to join the pool are used where they are as good', () => {
    assert.equal(choose(plain, 2, { joining: [6, 14] }), '6,14');
    assert.equal(choose(plain, 1, { joining: [9] }), '9');
    assert.equal(choose(plain, 1, { taken: [3], joining: [9] }), '11');
  });

  test('CPUs that wait are collected over several cores', () => {
    const host = regularHost({ coresPerLlc: 3, threads: 4, siblings: 'adjacent' });
    assert.equal(choose(host, 4, { taken: [0, 1, 2, 3, 4, 8], joining: [5, 7, 9, 11] }), '5,7,9,11');
  });
});

test('too few free CPUs have no answer', () => {
  assert.equal(choose(plain, 17), undefined);
  assert.equal(
    choose(plain, 3, { withheld: [0, 1, 2, 3, 4, 5, 6], taken: [8, 9, 10, 11, 12, 13, 14] }),
    undefined,
  );
});

test('a cost names what it counts', () => {
  const cost = costOf(plain, request(plain, 4, { taken: [5] }), Cpuset.from([1, 9, 2, 13]));
  assert.deepEqual(cost, {
    notPreferred: 0,
    brokenCpus: 2,
    splitCores: 1,
    foreignCpus: 1,
    coreKinds: 1,
    nodes: 1,
    packages: 1,
    nodeDistance: 0,
    llcs: 1,
    cpu0: 0,
    llcCoresLeft: 5,
    nodeCoresLeft: 5,
    packageCoresLeft: 5,
    cores: 3,
    notJoining: 0,
  });
});

test('the first criterion that differs decides between costs', () => {
  assert.ok(compareCosts([0, 2, 9], [0, 3, 1]) < 0);
  assert.ok(compareCosts([1, 0], [0, 9]) > 0);
  assert.equal(compareCosts([1, 2], [1, 2, 3]), 0);
});
