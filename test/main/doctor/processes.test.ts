import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../../src/main/doctor/node.ts';
import { fileOf, flagValue } from '../../../src/main/doctor/processes.ts';

test('a flag is found with one dash or two, with an equals sign or without; the last one counts', () => {
  assert.equal(flagValue(['--config', '/a'], 'config', 'c'), '/a');
  assert.equal(flagValue(['-c', '/a'], 'config', 'c'), '/a');
  assert.equal(flagValue(['-config=/a', '--config=/b'], 'config', 'c'), '/b');
});

test('a flag that is not given, or only looks alike, has no value', () => {
  assert.equal(flagValue(['--config-dir=/a', 'config'], 'config'), undefined);
});

test('a file on a command line is relative to where the process runs, unless it begins at the root', () => {
  const node = { link: (path: string) => (path === 'proc/7/cwd' ? '/srv/a' : undefined) } as Node;
  const process = (id: number) => ({ id, program: 'x', args: [] });
  assert.equal(fileOf(node, process(7), '/etc//x.toml'), 'etc/x.toml');
  assert.equal(fileOf(node, process(7), 'x.toml'), 'srv/a/x.toml');
  assert.equal(fileOf(node, process(7), '../../../x.toml'), 'x.toml');
  assert.equal(fileOf(node, process(8), './x.toml'), 'proc/8/cwd/x.toml');
  assert.equal(fileOf(node, undefined, 'x.toml'), 'x.toml');
});
