import assert from 'node:assert/strict';
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeFolder } from '../../src/main/folder.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('a folder to be made', () => {
  it('is made with all that are missing above it, with the same permissions', (context) => {
    const folder = temporaryFolder(context);
    makeFolder(join(folder, 'a', 'b', 'c'), 0o700);
    assert.deepEqual(
      ['a', 'a/b', 'a/b/c'].map((path) => modeOf(join(folder, path))),
      ['700', '700', '700'],
    );
  });

  it('is left as it is where it is there', (context) => {
    const folder = temporaryFolder(context);
    const there = join(folder, 'there');
    mkdirSync(there, { mode: 0o750 });
    symlinkSync(there, join(folder, 'link'));
    makeFolder(there, 0o700);
    makeFolder(join(folder, 'link', 'below'), 0o700);
    assert.equal(modeOf(there), '750');
    assert.equal(modeOf(join(there, 'below')), '700');
    makeFolder('/');
    makeFolder('.');
  });

  it('is refused where nobody can make one', (context) => {
    const file = join(temporaryFolder(context), 'file');
    writeFileSync(file, '');
    assert.throws(() => makeFolder(join(file, 'a', 'b')), { code: 'ENOTDIR' });
    assert.throws(() => makeFolder('/proc/a/b'), { code: 'ENOENT' });
  });
});
