import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

test('the generated code is what the .proto files say', () => {
  const script = join(import.meta.dirname, '../../src/protocol/generate.ts');
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script, '--check'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
});
