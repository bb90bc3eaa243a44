import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chooseExclusive } from '../../src/placement/exclusive.ts';
import { costOf, request } from './exclusive-request.ts';
import { regularHost } from './hosts.ts';

describe('a host with 1024 CPUs', () => {
  /** LLCs of 16 CPUs, nodes of 128, packages of 512. */
  const host = regularHost({ packages: 2, nodesPerPackage: 4, llcsPerNode: 8, coresPerLlc: 8, threads: 2 });

  test('an empty host gives whole cores in as few LLCs, nodes and packages as can be', () => {
    for (const count of [1, 2, 3, 8, 16, 17, 40, 64, 128, 129, 200, 256, 300, 512, 600]) {
      const asked = request(host, count);
      const chosen = chooseExclusive(host, asked)!;
      assert.equal(chosen.size, count);
      const cost = costOf(host, asked, chosen);
      assert.equal(cost.brokenCpus, count % 2, `${count} CPUs`);
      assert.equal(cost.llcs, Math.ceil(count / 16), `${count} CPUs`);
      assert.equal(cost.nodes, Math.ceil(count / 128), `${count} CPUs`);
      assert.equal(cost.packages, Math.ceil(count / 512), `${count} CPUs`);
    }
  });

  test('filling it up with small containers breaks no core and crosses no LLC while there is room', () => {
    let free = host.online;
    for (const count of Array.from({ length: 120 }, (_, index) => [2, 4, 8, 6][index % 4]!)) {
      const asked = { count, free, taken: host.online.minus(free), priority: 'siblings' } as const;
      const chosen = chooseExclusive(host, asked)!;
      const cost = costOf(host, asked, chosen);
      assert.deepEqual([cost.brokenCpus, cost.llcs], [0, 1], `${count} of ${free.size} free CPUs`);
      free = free.minus(chosen);
    }
    assert.equal(free.size, 1024 - 600);
  });

  test('the same request has the same answer, however its sets were made', () => {
    const taken = host.online.toArray().filter((cpu) => (cpu * 7919) % 10 < 7);
    const first = chooseExclusive(host, request(host, 37, { taken }))!;
    const second = chooseExclusive(host, request(host, 37, { taken: taken.toReversed() }))!;
    assert.equal(first.toString(), second.toString());
  });
});

test('with more nodes than can be tried in all ways, cores are still whole and nodes few', () => {
  const host = regularHost({ packages: 8, nodesPerPackage: 4, coresPerLlc: 4, threads: 2 });
  for (const count of [8, 64, 100]) {
    const asked = request(host, count);
    const cost = costOf(host, asked, chooseExclusive(host, asked)!);
    assert.equal(cost.brokenCpus, 0);
    assert.equal(cost.nodes, Math.ceil(count / 8));
  }
});
