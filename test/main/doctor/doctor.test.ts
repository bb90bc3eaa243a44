import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { painter } from '../../../src/main/cli/paint.ts';
import { runDoctor } from '../../../src/main/doctor/doctor.ts';
import { exitCode, type Finding, type Level } from '../../../src/main/doctor/finding.ts';
import { openNode } from '../../../src/main/doctor/node.ts';
import { reportJson, reportText } from '../../../src/main/doctor/report.ts';
import { inTemporaryFolder } from '../../temporary-folder.ts';
import { CONTAINERD, findingsOf, healthyFiles, KUBELET } from './made-up-node.ts';

const PROGRAM = join(import.meta.dirname, '../../../src/main/index.ts');
/** More than the program takes on a busy machine. */
const PATIENCE_MS = 60_000;

function finding(level: Level, more: Partial<Finding> = {}): Finding {
  return { id: level, group: 'Group', title: level, level, found: 'Found.', ...more };
}

test('on a healthy node every check is fine, but for the configuration that nobody named', async () => {
  const findings = Object.values(await findingsOf(healthyFiles()));
  assert.deepEqual(
    findings.filter(({ level }) => level !== 'ok').map(({ id, level }) => `${id} ${level}`),
    ['own-config skipped'],
  );
});

test('from files alone the running things are skipped, each with a reason', async () => {
  const files = healthyFiles();
  for (const path of [...files.keys()]) if (path.startsWith('proc/')) files.delete(path);
  const findings = Object.values(await findingsOf(files, { isLive: false, connectError: 'ENOENT' }));
  const skipped = findings.filter(({ level }) => level === 'skipped');
  assert.deepEqual(
    skipped.map(({ id }) => id),
    ['nri-socket', 'plugins-running', 'own-config', 'own-user', 'own-cgroup-access', 'clock'],
  );
  assert.ok(skipped.every(({ found }) => found !== ''));
  assert.equal(exitCode(findings), 0);
});

test('a node with nothing on it makes no check fail', async () => {
  const findings = Object.values(await findingsOf(new Map(), { isLive: false }));
  assert.deepEqual(new Set(findings.map(({ level }) => level)), new Set(['ok', 'skipped']));
});

test('whatever stands for an error or a warning comes with a remedy', async () => {
  const findings = Object.values(
    await findingsOf(new Map(), { userId: 1, wallClock: 0, connectError: 'EACCES' }),
  );
  const bad = findings.filter(({ level }) => level === 'error' || level === 'warning');
  assert.ok(bad.length >= 4);
  for (const { id, remedies = [] } of bad) assert.ok(remedies.length > 0, id);
});

test('the exit code is that of the worst finding', () => {
  assert.equal(exitCode([finding('ok'), finding('note'), finding('skipped')]), 0);
  assert.equal(exitCode([finding('warning'), finding('ok')]), 1);
  assert.equal(exitCode([finding('warning'), finding('error')]), 2);
});

test('the report is aligned, grouped and ends with the count', () => {
  const text = reportText(
    'This host',
    [
      finding('ok', { title: 'first' }),
      finding('error', {
        title: 'second one',
        found: 'Several words that do not fit.',
        remedies: [{ what: 'Do this:', lines: ['a command that is longer than the width of it all'] }],
      }),
      finding('note', { group: 'Other', title: 'third' }),
    ],
    { paint: painter(false), width: 40 },
  );
  assert.equal(
    text,
    [
      'This host',
      '',
      'Group',
      '  ok       first       Found.',
      '  ERROR    second one  Several words',
      '                       that do not fit.',
      '           > Do this:',
      '               a command that is longer than the width of it all',
      '',
      'Other',
      '  note     third       Found.',
      '',
      '1 error, 1 note, 1 ok',
    ].join('\n'),
  );
});

test('the JSON holds every finding with its remedies', () => {
  const json = JSON.parse(reportJson('/', true, [finding('warning', { remedies: [{ what: 'Do.' }] })]));
  assert.equal(json.exitCode, 1);
  assert.deepEqual(json.findings[0].remedies, [{ what: 'Do.', lines: [] }]);
});

test('a socket that answers, one left behind and none are told apart', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weka-cpuset-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const node = openNode('/');
  const path = join(folder, 's');
  assert.equal(await node.connect(path), 'ENOENT');
  const server = createServer();
  await new Promise<void>((listening) => server.listen(path, listening));
  assert.equal(await node.connect(path), undefined);
  await new Promise((closed) => server.close(closed));
  writeFileSync(path, '');
  assert.equal(await node.connect(path), 'ECONNREFUSED');
});

test('links are read below the root, not followed', () => {
  inTemporaryFolder((folder) => {
    symlinkSync('/srv/a', join(folder, 'cwd'));
    writeFileSync(join(folder, 'file'), '');
    const node = openNode(folder);
    assert.equal(node.link('cwd'), '/srv/a');
    assert.equal(node.link('file'), undefined);
    assert.equal(node.link('nothing'), undefined);
  });
});

test('what is in the place of a configuration file is neither waited for nor read whole', () => {
  inTemporaryFolder((folder) => {
    const [pipe, huge] = [join(folder, CONTAINERD), join(folder, KUBELET)];
    for (const path of [pipe, huge]) mkdirSync(dirname(path), { recursive: true });
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    writeFileSync(huge, '');
    truncateSync(huge, 2 ** 40);
    const args = ['--import', 'tsx', PROGRAM, 'doctor', '--json', '--host-root', folder];
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: PATIENCE_MS });
    const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
    const found = (wanted: string) => findings.find(({ id }) => id === wanted)?.found ?? '';
    assert.match(found('nri-config'), /config\.toml cannot be read \(no file, or a very long one\)/);
    assert.match(found('kubelet-config'), /config\.yaml cannot be read \(no file, or a very long one\)/);
  });
});

test('a root that is not there is refused, not taken for a host without anything', async () => {
  await assert.rejects(runDoctor({ json: false, hostRoot: '/no/such/folder' }), /host-root.*ENOENT/);
  await assert.rejects(runDoctor({ json: false, hostRoot: import.meta.filename }), /host-root.*not a folder/);
});

test('a folder of files is no running host; this one is, wherever it is mounted', () => {
  inTemporaryFolder((folder) => {
    assert.equal(openNode(folder).isLive, false);
    assert.equal(openNode('/').isLive, true);
    const bootId = join(folder, 'proc/sys/kernel/random/boot_id');
    mkdirSync(dirname(bootId), { recursive: true });
    writeFileSync(bootId, openNode('/').read('proc/sys/kernel/random/boot_id')!);
    assert.equal(openNode(folder).isLive, true);
  });
});
