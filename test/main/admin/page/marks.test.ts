import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assignMarks, markOf } from '../../../../src/main/admin/page/marks.ts';

test('a container keeps its number while it lives, and new ones take the lowest that are free', () => {
  const first = assignMarks(new Map(), ['a', 'b', 'c']);
  assert.deepEqual(
    [...first],
    [
      ['a', 0],
      ['b', 1],
      ['c', 2],
    ],
  );
  const second = assignMarks(first, ['c', 'd', 'a', 'e']);
  assert.equal(second.get('a'), 0);
  assert.equal(second.get('c'), 2);
  assert.equal(second.get('d'), 1);
  assert.equal(second.get('e'), 3);
});

test('434 containers all look different', () => {
  const looks = Array.from({ length: 434 }, (_, number) => Object.values(markOf(number)).join());
  assert.equal(new Set(looks).size, 434);
});
