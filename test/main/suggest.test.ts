import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean } from '../../src/main/suggest.ts';

const WORDS = ['run', 'topology', 'version', 'numa-memory-policy', 'reserved-cpus'];

test('a slip of the finger is suggested what was meant', () => {
  assert.equal(didYouMean('topolgy', WORDS), '; did you mean "topology"?');
  assert.equal(didYouMean('Version', WORDS), '; did you mean "version"?');
  assert.equal(didYouMean('reserve-cpu', WORDS), '; did you mean "reserved-cpus"?');
});

test('the nearest of several wins', () => {
  assert.equal(didYouMean('minimum', ['maximum', 'minimun']), '; did you mean "minimun"?');
});

test('what is far from everything gets no suggestion', () => {
  for (const word of ['', 'x', 'kubernetes', 'x'.repeat(100_000)]) assert.equal(didYouMean(word, WORDS), '');
});
