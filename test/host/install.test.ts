import assert from 'node:assert/strict';
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PLUGIN, SETTINGS, Tree } from './tree.ts';

test('installing twice changes nothing the second time, and uninstalling leaves what was there', (context) => {
  const tree = new Tree(context, {
    'etc/containerd/config.toml': 'version = 3\n',
    'opt/other/file': 'text\n',
  });
  const before = tree.everything();
  const first = tree.install();
  assert.equal(first.code, 0, first.output);
  assert.equal(tree.read(PLUGIN), readFileSync(tree.executable, 'utf8'));
  assert.equal(statSync(join(tree.root, PLUGIN)).mode & 0o777, 0o755);
  assert.equal(tree.read('usr/local/bin/weka-cpuset'), tree.read(PLUGIN));
  assert.equal(tree.has(SETTINGS), true);

  const installed = tree.everything();
  const second = tree.install();
  assert.match(second.output, /Nothing had to be changed/);
  assert.deepEqual(tree.everything(), installed);

  const undone = tree.uninstall();
  assert.equal(undone.code, 0, undone.output);
  assert.deepEqual(tree.everything(), before);
  assert.match(tree.uninstall().output, /Nothing is installed/);
});

test('a dry run tells what it would do, and does nothing', (context) => {
  const tree = new Tree(context, { 'etc/containerd/config.toml': 'version = 2\n' });
  const before = tree.everything();
  const { code, output } = tree.install('--dry-run', '--configure-containerd');
  assert.equal(code, 0, output);
  assert.match(output, /would write {2}\/opt\/nri\/plugins\/99-weka-cpuset/);
  assert.match(output, /^ {2}\+\[plugins\."io\.containerd\.nri\.v1\.nri"\]/m);
  assert.deepEqual(tree.everything(), before);

  tree.install();
  const installed = tree.everything();
  assert.match(tree.uninstall('--dry-run').output, /would put back {2}\/opt\/nri\/plugins\/99-weka-cpuset/);
  assert.deepEqual(tree.everything(), installed);
});

test('an upgrade replaces the executable as a whole, never in place, and keeps the settings', (context) => {
  const tree = new Tree(context);
  tree.write('settings', 'reservedCpus: "0"\n');
  tree.install('--config', join(tree.root, 'settings'));
  const running = `${tree.executable}-running`;
  linkSync(join(tree.root, PLUGIN), running);
  const next = tree.nextExecutable();
  const { code, output } = tree.run('host/install.sh', '--executable', next);
  assert.equal(code, 0, output);
  assert.equal(tree.read(PLUGIN), readFileSync(next, 'utf8'));
  assert.equal(readFileSync(running, 'utf8'), readFileSync(tree.executable, 'utf8'));
  assert.equal(tree.read(SETTINGS), 'reservedCpus: "0"\n');
});

test('what was there before comes back, also when it was a link', (context) => {
  const tree = new Tree(context, { [SETTINGS]: 'debug: true\n', 'opt/nri/plugins/10-other': 'other\n' });
  symlinkSync('../../elsewhere', join(tree.root, PLUGIN));
  tree.write('new', 'debug: false\n');
  const before = tree.everything();
  tree.install('--config', join(tree.root, 'new'));
  assert.equal(tree.read(SETTINGS), 'debug: false\n');
  tree.uninstall();
  assert.deepEqual(tree.everything(), before);
});

test('the folder of plugins never holds another file, which the runtime would start', (context) => {
  const tree = new Tree(context, { [PLUGIN]: 'of somebody else\n' });
  const plugins = join(tree.root, PLUGIN, '..');
  tree.addProgram('mv', `ls -A ${plugins} >>${tree.root}/found\nexec /bin/mv "$@"`);
  tree.install();
  tree.uninstall();
  assert.equal(tree.read(PLUGIN), 'of somebody else\n');
  const found = tree.read('found').trim().split('\n');
  assert.deepEqual([...new Set(found)], ['99-weka-cpuset']);
});

test('settings that are there already are kept', (context) => {
  const tree = new Tree(context, { [SETTINGS]: 'debug: true\n' });
  tree.install();
  assert.equal(tree.read(SETTINGS), 'debug: true\n');
  tree.uninstall();
  assert.equal(tree.read(SETTINGS), 'debug: true\n');
});

test('what was changed since stays when uninstalling, and --purge takes it', (context) => {
  const tree = new Tree(context);
  tree.install();
  tree.write(SETTINGS, 'debug: true\n');
  const { output } = tree.uninstall();
  assert.match(output, /99-weka-cpuset\.conf was changed since it was written, and stays/);
  assert.equal(tree.read(SETTINGS), 'debug: true\n');
  assert.equal(tree.has(PLUGIN), false);

  const purged = new Tree(context);
  purged.install();
  purged.write(SETTINGS, 'debug: true\n');
  purged.uninstall('--purge');
  assert.deepEqual(purged.everything(), {});
});

test('the doctor tells what else is wrong with the host', (context) => {
  const tree = new Tree(context, {
    'etc/containerd/config.toml': 'version = 3\n',
    'var/lib/kubelet/config.yaml': 'kind: KubeletConfiguration\ncpuManagerPolicy: static\n',
  });
  const { code, output } = tree.install();
  assert.equal(code, 0);
  assert.match(output, /error: cpuManagerPolicy is static/);
});

test('as a service it is enabled and takes the place of the pre-installed plugin, and the other way round', (context) => {
  const tree = new Tree(context);
  tree.install();
  const installed = tree.everything();
  const { code, output } = tree.install('--systemd');
  assert.equal(code, 0, output);
  assert.equal(tree.has(PLUGIN), false);
  const service = 'etc/systemd/system/weka-nri-cpuset.service';
  const command = /^ExecStart=\/(\S+) run --config \/(\S+)$/m.exec(tree.read(service));
  assert.equal(tree.read(command?.[1] ?? ''), tree.read('usr/local/bin/weka-cpuset'));
  assert.equal(command?.[2], SETTINGS);
  assert.equal(
    tree.read('etc/systemd/system/multi-user.target.wants/weka-nri-cpuset.service'),
    tree.read(service),
  );

  tree.install();
  assert.equal(tree.has(service), false);
  const { [PLUGIN]: plugin } = tree.everything();
  assert.equal(plugin, installed[PLUGIN]);
  tree.uninstall();
  assert.deepEqual(tree.everything(), {});
});

test('a link in the tree that leads out of it is not followed', (context) => {
  const tree = new Tree(context);
  const outside = join(tree.root, '..', 'outside');
  mkdirSync(outside);
  symlinkSync(outside, join(tree.root, 'opt'));
  const { code, output } = tree.install();
  assert.equal(code, 1);
  assert.match(output, /\/opt\/nri\/?\S* is a link to outside of/);
  assert.deepEqual(readdirSync(outside), []);
});

test('wrong use is told and changes nothing', (context) => {
  const tree = new Tree(context);
  const foreign = join(tree.programs, 'foreign');
  const header = Buffer.alloc(64);
  header.write('\u007fELF');
  header[18] = process.arch === 'arm64' ? 62 : 183;
  writeFileSync(foreign, header, { mode: 0o755 });
  tree.addProgram('stranger', 'echo something else 1.0');
  const settings = join(tree.programs, 'settings');
  writeFileSync(settings, 'debug: true\nminSharedCpus: two\n');
  const launcher = join(import.meta.dirname, '../../bin/weka-cpuset');
  for (const [args, code, message] of [
    [['--colour'], 2, /unknown flag --colour/],
    [['--config'], 2, /--config needs a value/],
    [['--config', '/nowhere'], 1, /--config \/nowhere: there is no such file/],
    [['--config', settings], 1, /cannot be used: .*line 2: minSharedCpus must be a whole number .*"two"/],
    [['--root', '/nowhere'], 1, /--root \/nowhere: there is no such folder/],
    [['--executable', '/nowhere'], 1, /--executable \/nowhere: there is no such file/],
    [['--executable', foreign], 1, /is for (arm64|x64), and this machine is/],
    [['--executable', join(tree.programs, 'stranger')], 1, /is not weka-cpuset.*something else 1\.0/],
    [['--executable', launcher], 1, /needs the files around it/],
  ] as const) {
    const result = tree.install(...args);
    assert.equal(result.code, code, `${args.join(' ')}: ${result.output}`);
    assert.match(result.output, message);
  }
  assert.deepEqual(tree.everything(), {});
});
