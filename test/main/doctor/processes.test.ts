import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flagValue } from '../../../src/main/doctor/processes.ts';

test('a flag is found with one dash or two, with an equals sign or without; the last one counts', () => {
  assert.equal(flagValue(['--config', '/a'], 'config', 'c'), '/a');
  assert.equal(flagValue(['-c', '/a'], 'config', 'c'), '/a');
  assert.equal(flagValue(['-config=/a', '--config=/b'], 'config', 'c'), '/b');
});

test('a flag that is not given, or only looks alike, has no value', () => {
  assert.equal(flagValue(['--config-dir=/a', 'config'], 'config'), undefined);
});
