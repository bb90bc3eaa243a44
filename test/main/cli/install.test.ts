import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseCommandLine } from '../../../src/main/cli/args.ts';
import { install } from '../../../src/main/cli/install.ts';
import { loadConfig } from '../../../src/main/config.ts';
import { readConfig } from '../../../src/main/config-file.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

function places(context: TestContext) {
  const folder = temporaryFolder(context);
  const executable = join(folder, 'weka-cpuset');
  writeFileSync(executable, '#!/bin/sh\necho first\n');
  const settings = join(folder, 'settings');
  mkdirSync(settings);
  return {
    executable,
    settings,
    to: join(folder, 'opt/nri/plugins/99-weka-cpuset'),
    configTo: join(folder, 'etc/nri/conf.d/99-weka-cpuset.conf'),
  };
}

test('copies the executable into a folder that may not exist yet, and leaves nothing else there', async (t) => {
  const { executable, to } = places(t);
  await install(executable, { to, config: undefined });
  assert.equal(execFileSync(to, { encoding: 'utf8' }), 'first\n');
  assert.deepEqual(readdirSync(join(to, '..')), ['99-weka-cpuset']);
});

test('replaces an older executable, also while it runs', async (t) => {
  const { executable, to } = places(t);
  await install(executable, { to, config: undefined });
  const running = statSync(to).ino;
  writeFileSync(executable, '#!/bin/sh\necho second\n');
  await install(executable, { to, config: undefined });
  assert.equal(execFileSync(to, { encoding: 'utf8' }), 'second\n');
  assert.notEqual(statSync(to).ino, running);
});

test('gives the instance that the runtime starts the settings of a mounted ConfigMap', async (t) => {
  const { executable, settings, to, configTo } = places(t);
  writeFileSync(join(settings, 'min-shared-cpus'), '4');
  writeFileSync(join(settings, 'pool-growth'), '{"rate":2.5,"burst":7}');
  writeFileSync(join(settings, 'pinning-namespaces'), '["storage","ml-*"]');
  await install(executable, { to, config: { from: settings, to: configTo } });
  const load = async (path: string) => loadConfig({ file: await readConfig(path) });
  assert.deepEqual(await load(configTo), await load(settings));
  assert.equal((await load(configTo)).minSharedCpus, 4);
});

test('installs nothing when the settings are wrong', async (t) => {
  const { executable, settings, to, configTo } = places(t);
  writeFileSync(join(settings, 'min-shared-cpus'), 'many');
  await assert.rejects(
    install(executable, { to, config: { from: settings, to: configTo } }),
    /minSharedCpus/,
  );
  assert.throws(() => readFileSync(to), { code: 'ENOENT' });
  assert.throws(() => readFileSync(configTo), { code: 'ENOENT' });
});

test('leaves what is there when the executable cannot be read', async (t) => {
  const { executable, to } = places(t);
  await install(executable, { to, config: undefined });
  await assert.rejects(install(`${executable}.missing`, { to, config: undefined }), { code: 'ENOENT' });
  assert.deepEqual(readdirSync(join(to, '..')), ['99-weka-cpuset']);
  assert.equal(execFileSync(to, { encoding: 'utf8' }), 'first\n');
});

test('leaves what is there, and nothing else, when the disk is full', async (t) => {
  const { executable, to } = places(t);
  await install(executable, { to, config: undefined });
  writeFileSync(executable, '#!/bin/sh\necho second\n'.padEnd(100_000, '#'));
  const source = join(import.meta.dirname, '../../../src/main/cli/install.ts');
  // A limit on the size of files stands for the end of the disk.
  const program = `
    import { spawnSync } from 'node:child_process';
    import { install } from ${JSON.stringify(source)};
    spawnSync('prlimit', ['--fsize=50000', '--pid', String(process.pid)]);
    await install(${JSON.stringify(executable)}, { to: ${JSON.stringify(to)}, config: undefined })
      .catch(({ code }) => console.log(code));`;
  const argv = ['--import', 'tsx', '--input-type=module', '--eval', program];
  assert.equal(execFileSync(process.execPath, argv, { encoding: 'utf8' }), 'EFBIG\n');
  assert.deepEqual(readdirSync(join(to, '..')), ['99-weka-cpuset']);
  assert.equal(execFileSync(to, { encoding: 'utf8' }), 'first\n');
});

test('replaces files, and nothing else', async (t) => {
  const { executable, to } = places(t);
  mkdirSync(to, { recursive: true });
  await assert.rejects(install(executable, { to, config: undefined }), {
    name: 'ConfigError',
    message: `install: ${to} is there and is no file`,
  });
  assert.deepEqual(readdirSync(join(to, '..')), ['99-weka-cpuset']);
});

test('says so where no folder can be made', async (t) => {
  const { executable } = places(t);
  await assert.rejects(install(executable, { to: '/proc/nowhere/99-weka-cpuset', config: undefined }), {
    code: 'ENOENT',
    message: /\/proc\/nowhere/,
  });
});

test('needs to be told where', () => {
  assert.throws(() => parseCommandLine(['install'], {}), /--to=FILE/);
  assert.throws(() => parseCommandLine(['install', '--to=/a', '--config-to=/b'], {}), /needs --config/);
  assert.deepEqual(parseCommandLine(['install', '--to=/a', '--config=/c', '--config-to=/b'], {}), {
    name: 'install',
    options: { to: '/a', config: { from: '/c', to: '/b' } },
  });
});
