import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCpuList } from '../../src/placement/cpulist.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { checkPlan, comparePlans, type Move, type ReassignRequest } from '../../src/placement/plan.ts';

const cpus = (list: string) => parseCpuList(list, { max: 63, allowEmpty: true });

describe('comparing plans', () => {
  it('looks at a later term only if all earlier ones are equal', () => {
    assert.ok(comparePlans([0, 9, 9, 9, 9, 9, 9], [1, 0, 0, 0, 0, 0, 0]) < 0);
    assert.ok(comparePlans([0, 2, 0, 0, 0, 0, 1], [0, 2, 0, 0, 0, 0, 0]) > 0);
    assert.equal(comparePlans([0, 2, 1, 0, 1, 1, 0], [0, 2, 1, 0, 1, 1, 0]), 0);
  });
});

describe('checking a plan of somebody else', () => {
  const request: ReassignRequest = {
    requested: cpus('0-3'),
    victims: [
      { id: 'a', cpus: cpus('2-5'), forbidden: cpus('8') },
      { id: 'b', cpus: cpus('0,6'), forbidden: Cpuset.EMPTY },
    ],
    available: cpus('7-12'),
    pool: cpus('4-11'),
    minShared: 2,
  };
  const a: Move = { id: 'a', from: cpus('2-5'), to: cpus('4-5,9-10') };
  const b: Move = { id: 'b', from: cpus('0,6'), to: cpus('6-7') };

  it('accepts one that can be carried out, in any order of moves', () => {
    assert.equal(checkPlan(request, [a, b]), undefined);
    assert.equal(checkPlan(request, [b, a]), undefined);
  });

  it('lets a container have what another one gives up', () => {
    assert.equal(
      checkPlan(request, [
        { ...a, to: cpus('4,6,9-10') },
        { ...b, to: cpus('5,7') },
      ]),
      undefined,
    );
  });

  const wrong: readonly (readonly [name: string, moves: readonly Move[], message: RegExp])[] = [
    ['a container is left where it is', [a], /b is not moved/],
    ['a container is moved twice', [a, b, b], /b is not to be moved, or is moved twice/],
    ['a container is moved that is not in the way', [a, b, { ...b, id: 'c' }], /c is not to be moved/],
    ['a container is said to hold other CPUs', [{ ...a, from: cpus('1-4') }, b], /a holds 2-5, not 1-4/],
    ['a container gets too few CPUs', [{ ...a, to: cpus('4-5,9') }, b], /a gets 3 CPUs instead of 4/],
    ['a container gets too many CPUs', [a, { ...b, to: cpus('6-7,11') }], /b gets 3 CPUs instead of 2/],
    ['a requested CPU is given', [a, { ...b, to: cpus('0,6') }], /b gets requested CPUs: 0/],
    ['a forbidden CPU is given', [{ ...a, to: cpus('4-5,8-9') }, b], /a gets CPUs forbidden to it: 8/],
    ['a CPU is given that somebody else holds', [a, { ...b, to: cpus('6,13') }], /not free: 13/],
    ['a CPU is given twice', [a, { ...b, to: cpus('6,9') }], /b gets CPUs of another one: 9/],
  ];
  for (const [name, moves, message] of wrong) {
    it(`refuses one where ${name}`, () => {
      assert.match(checkPlan(request, moves) ?? 'accepted', message);
    });
  }

  it('refuses one that leaves the shared pool too little, and counts only what is of the pool', () => {
    const strict = { ...request, minShared: 3 };
    assert.match(checkPlan(strict, [a, b]) ?? 'accepted', /keeps 2 CPUs, at least 3/);
    assert.equal(checkPlan(strict, [{ ...a, to: cpus('4-5,9,12') }, b]), undefined);
  });
});
