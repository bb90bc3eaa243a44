import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { chooseSparing, type IsolatedCpus, sharedPool } from '../../src/placement/pool.ts';
import { createTopology } from '../../src/placement/topology.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';

const HOST = createTopology({ ...parseTopologySpec('8 cpus'), isolated: Cpuset.from([6, 7]) });

describe('the shared pool', () => {
  const pool = (isolatedCpus: IsolatedCpus, ...reserved: number[]) =>
    sharedPool(HOST, isolatedCpus, Cpuset.from(reserved)).toString();

  test('is what is online without what is reserved', () => {
    assert.equal(pool('ignore', 0, 3), '1-2,4-7');
  });

  test('never has isolated CPUs unless they are like any other', () => {
    assert.equal(pool('exclude', 0), '1-5');
    assert.equal(pool('prefer', 0), '1-5');
    assert.equal(pool('ignore', 0), '1-7');
  });

  test('leaves out offline CPUs', () => {
    const online = Cpuset.range(0, 3);
    const host = createTopology({ ...parseTopologySpec('8 cpus'), online, offline: Cpuset.range(4, 7) });
    assert.equal(sharedPool(host, 'exclude', Cpuset.from([9])).toString(), '0-3');
  });
});

describe('a choice that spares shared containers', () => {
  const POOL = Cpuset.range(0, 7);
  const sets = (...lists: number[][]) => lists.map((list) => Cpuset.from(list));
  /** Takes the lowest CPUs that need not be spared. */
  const takeLowest = (count: number) => (spared: Cpuset) => {
    const cpus = POOL.minus(spared).lowest(count);
    return cpus.size < count ? undefined : { cpus, pool: POOL.minus(cpus) };
  };
  const chosen = (usable: readonly Cpuset[], count: number) => {
    const found = chooseSparing(usable, POOL, takeLowest(count), () => true);
    return found && `${found.choice.cpus} starves ${found.starved < 0 ? 'nobody' : found.starved}`;
  };

  test('is the best one where that starves nobody', () => {
    assert.equal(chosen([], 2), '0-1 starves nobody');
    assert.equal(chosen(sets([0, 1, 2]), 2), '0-1 starves nobody');
  });

  test('leaves a CPU to a container that can use few', () => {
    assert.equal(chosen(sets([1]), 2), '0,2 starves nobody');
    assert.equal(chosen(sets([0, 1]), 2), '1-2 starves nobody');
  });

  test('leaves a CPU to each of several containers', () => {
    assert.equal(chosen(sets([0], [1], [2, 3]), 4), '3-6 starves nobody');
  });

  test('takes back what it spared first if that does not work out', () => {
    // Two CPUs are left: sparing 0 and 1 is tried first, but leaves the third container without.
    assert.equal(chosen(sets([0, 1], [1, 2], [2, 3]), 6), '1,3-7 starves nobody');
  });

  test('tells whom the best one starves where every choice starves somebody', () => {
    assert.equal(chosen(sets([0, 7], [1], [2]), 6), '0-5 starves 1');
    assert.equal(chosen(sets([0, 1]), 8), '0-7 starves 0');
  });

  test('is none where there is none to begin with', () => {
    assert.equal(chosen([], 9), undefined);
  });

  test('is given up where it may not be looked for any longer', () => {
    let [attempts, tries] = [0, 10];
    const usable = Array.from({ length: 12 }, (_, i) => Cpuset.from([i, i + 1, i + 2, i + 3]));
    const choose = (spared: Cpuset) => {
      attempts++;
      return { spared, pool: Cpuset.EMPTY };
    };
    const found = chooseSparing(usable, Cpuset.range(0, 15), choose, () => tries-- > 0);
    assert.equal(found?.starved, 0);
    assert.equal(found?.choice.spared.isEmpty, true);
    assert.equal(attempts, 11);
  });
});
