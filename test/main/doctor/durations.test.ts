import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration, seconds } from '../../../src/main/doctor/durations.ts';

test('durations are read as Go programs write them', () => {
  assert.equal(parseDuration('2s'), 2000);
  assert.equal(parseDuration('500ms'), 500);
  assert.equal(parseDuration('1m30s'), 90_000);
  assert.equal(parseDuration('1.5h'), 5_400_000);
  assert.equal(parseDuration(5_000_000_000), 5000);
});

test('what is no duration is not taken for one', () => {
  for (const value of ['', '5', 's', '5 s', '2s!', 'abc', true, undefined]) {
    assert.equal(parseDuration(value), undefined);
  }
});

test('durations are shown in seconds, as short as they can be', () => {
  assert.equal(seconds(2000), '2 s');
  assert.equal(seconds(750), '0.75 s');
});
