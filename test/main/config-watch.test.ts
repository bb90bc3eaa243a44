import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../../src/main/config-file.ts';
import { configVersion, watchConfig } from '../../src/main/config-watch.ts';
import { until } from '../e2e/harness/until.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { swapConfigMap } from './config-map.ts';

/** Longer than it takes to settle. */
const A_WHILE_MS = 400;

/** Watches a path, and collects what is read from it at each call. */
async function watching(context: TestContext, path: string) {
  const read: string[] = [];
  const since = await configVersion(path);
  const end = watchConfig(path, since, () => {
    readConfig(path).then(
      (settings) => read.push(settings.map(({ key, value }) => `${key}=${value}`).join(' ')),
      (error) => read.push(`error: ${error.message}`),
    );
  });
  context.after(end);
  return { read, end };
}

describe('a watched configuration', () => {
  it('in a ConfigMap is read anew when the kubelet swaps it', async (t) => {
    const folder = temporaryFolder(t);
    swapConfigMap(folder, { minSharedCpus: '1' });
    const { read } = await watching(t, folder);
    swapConfigMap(folder, { minSharedCpus: '2', reservedCpus: '0' });
    await until('it is read', () => read.length > 0);
    swapConfigMap(folder, { minSharedCpus: '3' });
    await until('it is read again', () => read.at(-1) === 'minSharedCpus=3');
    assert.equal(read[0], 'minSharedCpus=2 reservedCpus=0');
  });

  it('file inside of a ConfigMap is read anew when the kubelet swaps it', async (t) => {
    const folder = temporaryFolder(t);
    swapConfigMap(folder, { 'config.yaml': 'minSharedCpus: 1' });
    const { read } = await watching(t, join(folder, 'config.yaml'));
    swapConfigMap(folder, { 'config.yaml': 'minSharedCpus: 2' });
    await until('it is read', () => read.at(-1) === 'minSharedCpus=2');
  });

  it('is read anew when another file is renamed over it, each time', async (t) => {
    const path = join(temporaryFolder(t), 'config.yaml');
    writeFileSync(path, 'minSharedCpus: 1');
    const { read } = await watching(t, path);
    for (const value of [2, 3]) {
      writeFileSync(`${path}.new`, `minSharedCpus: ${value}`);
      renameSync(`${path}.new`, path);
      await until(`${value} is read`, () => read.at(-1) === `minSharedCpus=${value}`);
    }
  });

  it('is read anew when it is written in place, removed, and there again', async (t) => {
    const path = join(temporaryFolder(t), 'config.yaml');
    writeFileSync(path, 'minSharedCpus: 1');
    const { read } = await watching(t, path);
    writeFileSync(path, 'minSharedCpus: 22');
    await until('it is read', () => read.at(-1) === 'minSharedCpus=22');
    rmSync(path);
    await until('it is missed', () => read.at(-1)?.includes('does not exist') === true);
    writeFileSync(path, 'minSharedCpus: 3');
    await until('it is read again', () => read.at(-1) === 'minSharedCpus=3');
  });

  it('in a folder of files is read anew when one of them is written in place', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'minSharedCpus'), '1');
    writeFileSync(join(folder, 'priority'), 'numa');
    const { read } = await watching(t, folder);
    writeFileSync(join(folder, 'minSharedCpus'), '22');
    await until('it is read', () => read.at(-1) === 'minSharedCpus=22 priority=numa');
  });

  it('that changed between reading it and watching it is read anew', async (t) => {
    const path = join(temporaryFolder(t), 'config.yaml');
    writeFileSync(path, 'minSharedCpus: 1');
    const since = await configVersion(path);
    writeFileSync(path, 'minSharedCpus: 22');
    let changes = 0;
    t.after(
      watchConfig(path, since, () => {
        changes++;
      }),
    );
    await until('it is noticed', () => changes === 1);
  });

  it('that changes while it is read is read again, and after that', async (t) => {
    const path = join(temporaryFolder(t), 'config.yaml');
    writeFileSync(path, 'minSharedCpus: 1');
    const calls: (() => void)[] = [];
    const end = watchConfig(path, await configVersion(path), () => {
      return new Promise<void>((resolve) => calls.push(resolve));
    });
    t.after(end);
    writeFileSync(path, 'minSharedCpus: 22');
    await until('it is noticed', () => calls.length === 1);
    writeFileSync(path, 'minSharedCpus: 333');
    await sleep(A_WHILE_MS);
    assert.equal(calls.length, 1);
    calls[0]!();
    await until('it is noticed again', () => calls.length === 2);
    calls[1]!();
  });

  it('is left alone when nothing changes, other files do, or the watch has ended', async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'config.yaml');
    writeFileSync(path, 'minSharedCpus: 1');
    const { read, end } = await watching(t, path);
    writeFileSync(join(folder, 'other.yaml'), 'minSharedCpus: 2');
    mkdirSync(join(folder, 'more'));
    symlinkSync('more', join(folder, 'link'));
    await sleep(A_WHILE_MS);
    end();
    writeFileSync(path, 'minSharedCpus: 22');
    await sleep(A_WHILE_MS);
    assert.deepEqual(read, []);
  });
});
