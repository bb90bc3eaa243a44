import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEPLOY } from './tree.ts';

const skip = spawnSync('shellcheck', ['--version']).status === 0 ? false : 'shellcheck is not installed';
const scripts = (readdirSync(DEPLOY, { recursive: true }) as string[]).filter((path) => path.endsWith('.sh'));

for (const script of scripts) {
  test(`shellcheck finds nothing wrong with deploy/${script}`, { skip }, () => {
    const file = join(DEPLOY, script);
    const { status, stdout } = spawnSync('shellcheck', ['-x', file], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout);
  });
}
