import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { makeScratchFolder } from '../../src/main/scratch-folder.ts';
import { temporaryFolder } from '../temporary-folder.ts';

test('a scratch folder is new, and among temporary files', () => {
  const made = [makeScratchFolder('x-'), makeScratchFolder('x-')];
  for (const path of made) rmSync(path, { recursive: true });
  assert.notEqual(made[0], made[1]);
  assert.deepEqual(made.map(dirname), [tmpdir(), tmpdir()]);
});

test('a scratch folder is in the first place where it can be', (context) => {
  const folder = temporaryFolder(context);
  const [missing, file] = [join(folder, 'missing'), join(folder, 'file')];
  writeFileSync(file, '');
  assert.equal(dirname(makeScratchFolder('x-', [missing, file, folder])), folder);
  assert.throws(() => makeScratchFolder('x-', [missing, file]), {
    name: 'ConfigError',
    message: `no temporary folder can be made in ${missing} (ENOENT) or ${file} (ENOTDIR): name one that can be written to with TMPDIR`,
  });
});
