import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { chooseExclusive, stillAsGood } from '../../src/placement/exclusive.ts';
import { choose, request, type Wish } from './exclusive-request.ts';
import { regularHost } from './hosts.ts';

describe('growing and shrinking', () => {
  /** Two nodes of two LLCs with four cores each. */
  const host = regularHost({ nodesPerPackage: 2, llcsPerNode: 2, coresPerLlc: 4, threads: 2 });

  test('growing keeps what is held and first completes its cores', () => {
    assert.equal(choose(host, 2, { held: [9] }), '9,25');
    assert.equal(choose(host, 4, { held: [9] }), '8-9,24-25');
  });

  test('growing stays in the node and the LLC while they have room', () => {
    assert.equal(choose(host, 4, { held: [13, 29], taken: [12, 28] }), '13-14,29-30');
    assert.equal(choose(host, 4, { held: [13, 29], taken: [12, 28, 14, 15] }), '8,13,24,29');
  });

  test('growing by nothing keeps what is held; asking for less than what is held has no answer', () => {
    assert.equal(choose(host, 3, { held: [1, 2, 3] }), '1-3');
    assert.equal(choose(host, 2, { held: [1, 2, 3] }), undefined);
  });

  const shrink = (held: readonly number[], count: number): string | undefined => {
    const free = Cpuset.from(held);
    return chooseExclusive(host, {
      count,
      free,
      taken: host.online.minus(free).minus(Cpuset.from([0, 16])),
      priority: 'siblings',
    })?.toString();
  };

  test('shrinking gives up whole cores', () => {
    assert.equal(shrink([1, 17, 2, 18, 3, 19], 4), '1-2,17-18');
    assert.equal(shrink([1, 17, 2, 18, 3], 3), '1,3,17');
  });

  test('shrinking by one gives up the CPU without its sibling', () => {
    assert.equal(shrink([1, 17, 2, 18, 3], 4), '1-2,17-18');
  });

  test('shrinking gives up the nodes and LLCs with the least', () => {
    assert.equal(shrink([3, 19, 8, 24, 9, 25], 4), '8-9,24-25');
    assert.equal(shrink([3, 19, 4, 20, 5, 21, 8, 24], 4), '4-5,20-21');
  });
});

describe('CPUs held before', () => {
  const host = regularHost({ nodesPerPackage: 2, llcsPerNode: 2, coresPerLlc: 4, threads: 2 });
  const again = (previous: readonly number[], count: number, wish: Wish = {}) =>
    stillAsGood(host, request(host, count, wish), Cpuset.from(previous));

  test('are given again though others fit better or have lower ids', () => {
    assert.equal(choose(host, 2, { taken: [12, 13] }), '14,30');
    assert.equal(again([5, 21], 2, { taken: [12, 13] }), true);
  });

  test('are not given again when others are better by whole cores, nodes, LLCs or CPU 0', () => {
    assert.equal(again([5, 6], 2), false);
    assert.equal(again([7, 23, 8, 24], 4), false);
    assert.equal(again([3, 19, 4, 20], 4), false);
    assert.equal(again([0, 16], 2), false);
  });

  test('are given again though spread out when there is nothing better left', () => {
    const taken = [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14];
    assert.equal(again([3, 19, 7, 23], 4, { taken }), true);
    assert.equal(again([3, 19, 11, 27], 4, { taken }), false);
  });

  test('are not given again when one is taken, their number is wrong, or what is held is missing', () => {
    assert.equal(again([5, 21], 2, { taken: [21] }), false);
    assert.equal(again([5, 21], 2, { withheld: [5] }), false);
    assert.equal(again([5, 21], 4), false);
    assert.equal(again([5, 21, 6, 22], 4, { held: [7, 23] }), false);
  });

  test('are not given again when preferred CPUs have become free', () => {
    assert.equal(again([5, 21], 2, { preferred: [10, 26] }), false);
  });
});
