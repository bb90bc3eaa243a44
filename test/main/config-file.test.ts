import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Config, loadConfig } from '../../src/main/config.ts';
import { MAX_CONFIG_BYTES, parseSettings, readConfig } from '../../src/main/config-file.ts';

/** Every setting with a value other than its default, as YAML. */
const YAML: { readonly [K in keyof Config]: string } = {
  annotationDomain: 'example.com',
  debug: 'true',
  numaMemoryPolicy: 'preferred',
  reservedCpus: '4',
  protectedCpus: '0,4-5',
  isolatedCpus: 'prefer',
  minSharedCpus: '2',
  pinningNamespaces: '[weka-*, kube-system]',
  priority: 'numa',
  poolGrowth: '{ rate: 5, burst: 6 }',
  liftCpuQuota: 'true',
  reassignment:
    '{ minContainers: 1, minCpus: 2, timeoutShare: 0.3, msPerContainer: 4, workers: 5, warm: true }',
  reconcile: '{ after: 1, growthAfter: 2, driftInterval: 3, hostInterval: 4 }',
  metrics: '{ containers: true }',
};
const CONFIG: Config = {
  annotationDomain: 'example.com',
  debug: true,
  numaMemoryPolicy: 'preferred',
  reservedCpus: '4',
  protectedCpus: '0,4-5',
  isolatedCpus: 'prefer',
  minSharedCpus: 2,
  pinningNamespaces: ['weka-*', 'kube-system'],
  priority: 'numa',
  poolGrowth: { rate: 5, burst: 6 },
  liftCpuQuota: true,
  reassignment: {
    minContainers: 1,
    minCpus: 2,
    timeoutShare: 0.3,
    msPerContainer: 4,
    workers: 5,
    warm: true,
  },
  reconcile: { after: 1, growthAfter: 2, driftInterval: 3, hostInterval: 4 },
  metrics: { containers: true },
};
const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const load = (text: string) => loadConfig({ nri: parseSettings(text, 'text') });
const refused = (text: string, message: RegExp | string) =>
  assert.throws(() => load(text), { name: 'ConfigError', message });

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('YAML text', () => {
  for (const spelling of [String, kebab]) {
    test(`gives every setting, as in ${spelling('minSharedCpus')}`, () => {
      const text = Object.entries(YAML).map(([name, value]) => `${spelling(name)}: ${value}\n`);
      assert.deepEqual(load(text.join('')), CONFIG);
    });
  }

  test('may be blank, a comment, JSON, or quoted', () => {
    for (const text of ['', '\n', '# nothing\n', '---\n', '{}']) assert.deepEqual(load(text), loadConfig({}));
    assert.equal(load('{"minSharedCpus": 3}').minSharedCpus, 3);
    assert.equal(load('minSharedCpus: "3"').minSharedCpus, 3);
  });

  test('a value without text is the empty value', () => {
    assert.equal(load('reservedCpus:\n').reservedCpus, '');
    refused('debug:\n', 'text, line 1: debug must be true or false, not ""');
  });

  test('numbers are taken as written, not as YAML would guess', () => {
    assert.equal(load('reservedCpus: 08').reservedCpus, '08');
    refused(
      'minSharedCpus: 0x10',
      'text, line 1: minSharedCpus must be a whole number from 0 to 8191, not "0x10"',
    );
  });

  test('errors of settings name the line', () => {
    refused(
      'debug: true\n\nminSharedCpu: 1\n',
      /^text, line 3: unknown setting "minSharedCpu"; did you mean/,
    );
    refused('debug: true\nminSharedCpus: [1]\n', /^text, line 2: minSharedCpus must be .*, not \["1"\]$/);
    refused('debug: true\nreserved-cpus: 3-1\n', /^text, line 2: reservedCpus: .* reversed range: "3-1"$/);
    refused(
      'min-shared-cpus: 1\nminSharedCpus: 1\n',
      'text, line 2: minSharedCpus is given twice, the first time as "min-shared-cpus" at text, line 1',
    );
  });

  test('errors of syntax name line and column', () => {
    refused('debug: true\npriority: [', /^text, line 2, column \d+: not YAML: [^\n]+$/);
    refused('debug: true\ndebug: false', /^text, line 2, column 1: not YAML: Map keys must be unique$/);
    refused(
      'debug: true\n---\ndebug: false',
      'text, line 2, column 1: a second YAML document begins: the settings have to be one',
    );
    refused('debug: !!binary aGk=', /^text, line 1, column 8: not YAML: /);
  });

  test('has to be a mapping with plain keys', () => {
    refused('- debug', /^text, line 1: must be a mapping of settings/);
    refused('just text', /^text, line 1: must be a mapping of settings/);
    refused('[a]: b', /^text, line 1: a setting's name must be plain text$/);
  });

  test('costs little, whatever it claims to stand for', () => {
    const bomb = ['a: &a [x, x, x, x]', 'b: &b [*a, *a, *a, *a]', 'c: [*b, *b, *b, *b]'].join('\n');
    refused(bomb, /^text, line 2: YAML aliases are not allowed$/);
    refused(`debug: ${'['.repeat(60_000)}`, /^text, line 1, column \d+: not YAML: /);
    refused(`# ${'x'.repeat(MAX_CONFIG_BYTES)}`, 'text: is longer than 64 KiB');
  });
});

describe('a config file', () => {
  const path = (name: string) => join(folder, name);
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(path(name), content);
    return path(name);
  };
  const rejected = (name: string, message: string) =>
    assert.rejects(readConfig(path(name)), { name: 'ConfigError', message });

  test('is read', async () => {
    const settings = await readConfig(file('good.yaml', 'priority: numa\n'));
    assert.equal(loadConfig({ file: settings }).priority, 'numa');
  });

  test('is named in errors', async () => {
    const settings = await readConfig(file('bad.yaml', 'debug: true\npriority: both\n'));
    assert.throws(() => loadConfig({ file: settings }), {
      message: `config file ${path('bad.yaml')}, line 2: priority must be siblings or numa, not "both"`,
    });
  });

  test('has to exist', async () => {
    await rejected('missing.yaml', `config file ${path('missing.yaml')}: does not exist`);
  });

  test('has to be readable', async () => {
    chmodSync(file('secret.yaml', 'debug: true'), 0);
    const root = process.getuid?.() === 0;
    if (root) process.seteuid?.(65_534);
    try {
      await rejected('secret.yaml', `config file ${path('secret.yaml')}: may not be read`);
    } finally {
      if (root) process.seteuid?.(0);
    }
  });

  test('has to be text of sensible length', async () => {
    file('binary.yaml', Uint8Array.of(0x64, 0xff, 0xfe));
    await rejected('binary.yaml', `config file ${path('binary.yaml')}: is not UTF-8 text`);
    file('long.yaml', `# ${'é'.repeat(MAX_CONFIG_BYTES)}`);
    await rejected('long.yaml', `config file ${path('long.yaml')}: is longer than 64 KiB`);
    file('sparse.yaml', '');
    truncateSync(path('sparse.yaml'), 2 ** 30);
    await rejected('sparse.yaml', `config file ${path('sparse.yaml')}: is longer than 64 KiB`);
  });

  test('has to be one: no device, and no pipe, which would be waited for', async () => {
    execFileSync('mkfifo', [path('pipe')]);
    await rejected('pipe', `config file ${path('pipe')}: is not a file`);
    await assert.rejects(readConfig('/dev/zero'), { message: 'config file /dev/zero: is not a file' });
  });
});

describe('a config folder', () => {
  /** As the kubelet mounts a ConfigMap: links to files in a folder that `..data` leads to. */
  const mount = (name: string, values: Readonly<Record<string, string>>) => {
    const path = join(folder, name);
    mkdirSync(join(path, '..1'), { recursive: true });
    symlinkSync('..1', join(path, '..data'));
    for (const [key, value] of Object.entries(values)) {
      writeFileSync(join(path, '..1', key), value);
      symlinkSync(join('..data', key), join(path, key));
    }
    return path;
  };
  const load = async (path: string) => loadConfig({ file: await readConfig(path) });

  for (const spelling of [String, kebab]) {
    test(`gives every setting, as in ${spelling('minSharedCpus')}`, async () => {
      const entries = Object.entries(YAML).map(([name, value]) => [spelling(name), `${value}\n`]);
      assert.deepEqual(await load(mount(spelling('allSettings'), Object.fromEntries(entries))), CONFIG);
    });
  }

  test('may be a plain folder; hidden files do not count', async () => {
    const path = join(folder, 'plain');
    mkdirSync(path);
    writeFileSync(join(path, 'min-shared-cpus'), '5');
    writeFileSync(join(path, 'pinning-namespaces'), '- a\n- b\n');
    writeFileSync(join(path, '.hidden'), 'x');
    const config = await load(path);
    assert.equal(config.minSharedCpus, 5);
    assert.deepEqual(config.pinningNamespaces, ['a', 'b']);
  });

  test('follows a change of the ConfigMap', async () => {
    const path = mount('changing', { priority: 'numa' });
    mkdirSync(join(path, '..2'));
    writeFileSync(join(path, '..2', 'priority'), 'siblings');
    symlinkSync('..2', join(path, '..data_tmp'));
    renameSync(join(path, '..data_tmp'), join(path, '..data'));
    assert.equal((await load(path)).priority, 'siblings');
  });

  test('is named with the key in errors', async () => {
    const path = mount('wrong', { 'min-shared-cpus': 'many' });
    await assert.rejects(load(path), {
      message: `config file ${join(path, 'min-shared-cpus')}: minSharedCpus must be a whole number from 0 to 8191, not "many"`,
    });
    const broken = mount('broken', { debug: '[' });
    await assert.rejects(load(broken), {
      message: /^config file .*broken\/debug, line 1, column \d+: not YAML/,
    });
    const unknown = mount('unknown', { 'config.yaml': 'debug: true' });
    await assert.rejects(load(unknown), { message: /unknown setting "config\.yaml"$/ });
  });

  test('holds files only', async () => {
    const path = join(folder, 'nested');
    mkdirSync(join(path, 'debug'), { recursive: true });
    await assert.rejects(load(path), { message: `config file ${join(path, 'debug')}: is a folder` });
  });

  test('is no longer than a file may be, all together', async () => {
    const half = `# ${'x'.repeat(MAX_CONFIG_BYTES / 2)}\n`;
    const path = mount('long', { debug: `${half}true`, priority: `${half}numa` });
    await assert.rejects(load(path), { message: `config file ${path}: is longer than 64 KiB` });
  });

  test('is read no further where there are more files than settings', async () => {
    const path = join(folder, 'many');
    mkdirSync(path);
    for (let count = 0; count <= 100; count++) writeFileSync(join(path, `${count}`), '');
    await assert.rejects(load(path), {
      message: `config file ${path}: has more than 100 files, but each has to be a setting`,
    });
  });
});
