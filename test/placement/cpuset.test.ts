import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Cpuset } from '../../src/placement/cpuset.ts';

/** Ids around the ends of 32-bit words are as frequent as all others. */
const id = fc.oneof(fc.nat(200), fc.constantFrom(0, 1, 30, 31, 32, 33, 63, 64, 95, 96, 1023, 1024));
const ids = fc.array(id, { maxLength: 80 });

function sorted(set: Iterable<number>): number[] {
  return [...set].sort((a, b) => a - b);
}

/** Both have the same members, and every way to ask says so. */
function assertSame(actual: Cpuset, model: ReadonlySet<number>): void {
  const expected = sorted(model);
  assert.deepEqual(actual.toArray(), expected);
  assert.equal(actual.size, model.size);
  assert.equal(actual.isEmpty, model.size === 0);
  assert.equal(actual.first, expected[0] ?? -1);
  assert.equal(actual.last, expected.at(-1) ?? -1);
  assert.ok(actual.equals(Cpuset.from(expected)));
}

describe('a set of CPUs', () => {
  it('has the members it was made from', () => {
    fc.assert(
      fc.property(ids, id, (list, probe) => {
        const model = new Set(list);
        assertSame(Cpuset.from(list), model);
        assertSame(Cpuset.from(model), model);
        assert.equal(Cpuset.from(list).has(probe), model.has(probe));
      }),
    );
  });

  it('is combined like any other set', () => {
    fc.assert(
      fc.property(ids, ids, (left, right) => {
        const [a, b] = [Cpuset.from(left), Cpuset.from(right)];
        const [modelA, modelB] = [new Set(left), new Set(right)];
        const common = new Set(left.filter((member) => modelB.has(member)));
        assertSame(a.union(b), new Set([...left, ...right]));
        assertSame(a.intersect(b), common);
        assertSame(a.minus(b), new Set(left.filter((member) => !modelB.has(member))));
        const both = [...modelA, ...modelB];
        assertSame(a.symmetricDifference(b), new Set(both.filter((member) => !common.has(member))));
        assert.equal(a.intersects(b), common.size > 0);
        assert.equal(a.countCommon(b), common.size);
        assert.equal(a.isSubsetOf(b), common.size === modelA.size);
        assert.equal(a.equals(b), common.size === modelA.size && common.size === modelB.size);
        assertSame(a, modelA);
        assertSame(b, modelB);
      }),
      { numRuns: 300 },
    );
  });

  it('unites any number of sets', () => {
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 5 }), (lists) => {
        assertSame(Cpuset.union(lists.map((list) => Cpuset.from(list))), new Set(lists.flat()));
      }),
    );
  });

  it('can be a range', () => {
    fc.assert(
      fc.property(id, fc.integer({ min: -2, max: 70 }), (first, length) => {
        const model = new Set(Array.from({ length: Math.max(0, length) }, (_, position) => first + position));
        assertSame(Cpuset.range(first, first + length - 1), model);
      }),
    );
  });

  it('gives its lowest members', () => {
    fc.assert(
      fc.property(ids, fc.nat(90), (list, count) => {
        assertSame(Cpuset.from(list).lowest(count), new Set(sorted(new Set(list)).slice(0, count)));
      }),
    );
  });

  it('is the same after a copy of its words, also with zeros behind', () => {
    fc.assert(
      fc.property(ids, fc.nat(3), (list, zeros) => {
        const set = Cpuset.from(list);
        const words = set.toWords();
        const padded = new Uint32Array(words.length + zeros);
        padded.set(words);
        const copy = Cpuset.fromWords(padded);
        assert.ok(copy.equals(set));
        padded.fill(0);
        words.fill(0);
        assertSame(copy, new Set(list));
        assertSame(set, new Set(list));
      }),
    );
  });

  for (const [members, text] of [
    [[], ''],
    [[0], '0'],
    [[0, 1], '0-1'],
    [[8, 3, 2, 0], '0,2-3,8'],
    [[31, 32, 64], '31-32,64'],
  ] as const) {
    it(`of ${JSON.stringify(members)} is written ${JSON.stringify(text)}, in JSON too`, () => {
      assert.equal(`${Cpuset.from(members)}`, text);
      assert.equal(JSON.stringify(Cpuset.from(members)), JSON.stringify(text));
    });
  }

  it('is written with the fewest ranges', () => {
    fc.assert(
      fc.property(ids, (list) => {
        const members = sorted(new Set(list));
        const starts = members.filter((member, position) => member !== (members[position - 1] ?? -2) + 1);
        const text = `${Cpuset.from(list)}`;
        assert.equal(text === '' ? 0 : text.split(',').length, starts.length);
      }),
    );
  });

  it('is written in full however long that gets', () => {
    const even = Array.from({ length: 20_000 }, (_, index) => 2 * index);
    assert.equal(`${Cpuset.from(even)}`, even.join(','));
    assert.equal(`${Cpuset.from([...even, 1])}`, ['0-2', ...even.slice(2)].join(','));
  });
});
