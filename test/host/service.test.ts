import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../temporary-folder.ts';
import { DEPLOY } from './tree.ts';

const UNIT = 'weka-nri-cpuset.service';
const text = readFileSync(join(DEPLOY, 'host', UNIT), 'utf8');
const skip =
  spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'systemd-analyze is not installed';

function analyze(...args: readonly string[]): { readonly code: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return { code: status, output: stdout + stderr };
}

test('the service comes after the runtime and before the kubelet, and always comes back', () => {
  assert.match(text, /^After=containerd\.service crio\.service$/m);
  assert.match(text, /^Before=kubelet\.service$/m);
  assert.match(text, /^Restart=always$/m);
  assert.match(text, /^StartLimitIntervalSec=0$/m);
});

test('the folder of the admin socket outlives the service, for instances that others run', () => {
  assert.match(text, /^RuntimeDirectory=weka-nri-cpuset$/m);
  assert.match(text, /^RuntimeDirectoryPreserve=yes$/m);
});

test('systemd finds nothing wrong with the service', { skip }, (context) => {
  const file = join(temporaryFolder(context), UNIT);
  // What it runs is not installed here.
  writeFileSync(file, text.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'));
  const { output } = analyze('verify', file);
  assert.doesNotMatch(output, /weka-nri-cpuset/);
});

test('the service may do little: systemd rates its exposure below 2.5 of 10', { skip }, () => {
  const { code, output } = analyze(
    'security',
    '--offline=true',
    '--threshold=25',
    join(DEPLOY, 'host', UNIT),
  );
  assert.equal(code, 0, output);
  assert.match(text, /^CapabilityBoundingSet=$/m);
});
