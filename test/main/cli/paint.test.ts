import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wrap } from '../../../src/main/cli/paint.ts';

test('a word that is longer than the line stands alone', () => {
  assert.deepEqual(wrap('a /very/long/path b', 5), ['a', '/very/long/path', 'b']);
});

test('no text makes no line', () => {
  assert.deepEqual(wrap('', 5), []);
});
