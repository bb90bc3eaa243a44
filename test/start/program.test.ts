import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { temporaryFolder } from '../temporary-folder.ts';

// The program as it is built: `make build` comes first.
const DIST = join(import.meta.dirname, '../../dist');
const CACHES = ['register', 'serve', 'settings'].map((pack) => `${pack}.code-cache`);

function copy(context: TestContext): string {
  const folder = join(temporaryFolder(context), 'dist');
  cpSync(DIST, folder, { recursive: true });
  return folder;
}

/** Runs the whole program, plugin and all, with these flags of Node. */
function play(folder: string, ...flags: readonly string[]): string {
  const command = [...flags, join(folder, 'weka-cpuset.cjs'), 'demo'];
  return execFileSync(process.execPath, command, { env: {}, cwd: '/', encoding: 'utf8' });
}

describe('The built program runs', () => {
  it('without code caches', (t) => {
    const folder = copy(t);
    for (const name of CACHES) rmSync(join(folder, name));
    assert.match(play(folder), /no exclusive CPU was ever in two places/);
  });

  it('with code caches that are damaged', (t) => {
    const folder = copy(t);
    for (const name of CACHES) writeFileSync(join(folder, name), 'not code');
    assert.match(play(folder), /no exclusive CPU was ever in two places/);
  });

  it('with flags of V8 that its code caches were not made for', () => {
    assert.match(play(DIST, '--stack-size=2000'), /no exclusive CPU was ever in two places/);
  });
});
