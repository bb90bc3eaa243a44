import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { hostFiles } from '../../src/workers/host-files.ts';
import { inTemporaryFolder } from '../temporary-folder.ts';

describe('the files of a host', () => {
  it('are read and listed below its root', () => {
    inTemporaryFolder((root) => {
      mkdirSync(join(root, 'sys/devices'), { recursive: true });
      writeFileSync(join(root, 'sys/devices/online'), '0-3\n');
      const files = hostFiles(root);
      assert.equal(files.read('sys/devices/online'), '0-3\n');
      assert.deepEqual(files.list('sys'), ['devices']);
    });
  });

  it('are missing, not an error, where they cannot be read', () => {
    inTemporaryFolder((root) => {
      mkdirSync(join(root, 'folder'));
      writeFileSync(join(root, 'file'), '');
      const files = hostFiles(root);
      assert.deepEqual(
        ['missing', 'folder', 'file/below'].map((path) => files.read(path)),
        [undefined, undefined, undefined],
      );
      assert.deepEqual(
        ['missing', 'file'].map((path) => files.list(path)),
        [[], []],
      );
    });
  });
});
