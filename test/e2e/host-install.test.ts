import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CASES, MAIN } from '../host/containerd-files.ts';
import { Tree } from '../host/tree.ts';
import { FIRST, LAST, ONLINE } from './harness/cpus.ts';
import { describeOnEveryRelease } from './harness/host.ts';
import { annotated, shared } from './harness/pods.ts';

const EXECUTABLE = join(import.meta.dirname, `../../bin/weka-cpuset-linux-${process.arch}`);

const NRI_ON = /\[plugins\.['"]io\.containerd\.nri\.v1\.nri['"]\]\s+disable = false/;

describeOnEveryRelease('Host installation', (host) => {
  test('installed, it has the first pod after containerd starts; upgraded, it goes on; uninstalled, nothing is left', async (context) => {
    assert.ok(existsSync(EXECUTABLE), `${EXECUTABLE} is missing: run \`make executable\` first.`);
    const tree = new Tree(context);
    const install = (executable: string) =>
      tree.run('host/install.sh', '--executable', executable, '--configure-containerd', '--config', settings);
    const settings = join(host.folder, 'settings.yaml');
    writeFileSync(settings, `protectedCpus: "${FIRST}"\n`);
    await host.containerd.stop();

    // The host's configuration of containerd, with NRI off and the folders that the installer uses.
    const config = join(host.folder, 'config.toml');
    const original = readFileSync(config, 'utf8');
    const off = original
      .replace('disable = false', 'disable = true')
      .replace(join(host.folder, 'plugins'), join(tree.root, 'opt/nri/plugins'))
      .replace(join(host.folder, 'conf.d'), join(tree.root, 'etc/nri/conf.d'));
    tree.write(MAIN, off);
    rmSync(config);
    symlinkSync(join(tree.root, MAIN), config);
    const before = tree.everything();

    const installed = install(EXECUTABLE);
    assert.equal(installed.code, 0, installed.output);
    assert.equal(tree.read(MAIN), off.replace('disable = true', 'disable = false'));
    await host.containerd.start();
    assert.equal(host.containerd.launchedPlugins().length, 1);
    const pinned = await host.run(annotated(`${LAST}`));
    assert.equal(await pinned.cpus(), `${LAST}`);
    await assert.rejects(host.create(annotated(`${FIRST}`)), /protected/);

    // A program that runs cannot be written to.
    const next = join(host.folder, 'next');
    copyFileSync(EXECUTABLE, next);
    appendFileSync(next, '\n');
    const [pid] = host.containerd.launchedPlugins();
    const upgraded = install(next);
    assert.equal(upgraded.code, 0, upgraded.output);
    assert.match(upgraded.output, /written {2}\/opt\/nri\/plugins\/99-weka-cpuset/);
    assert.deepEqual(host.containerd.launchedPlugins(), [pid]);
    await host.restartContainerd();
    assert.notDeepEqual(host.containerd.launchedPlugins(), [pid]);
    assert.equal(await (await host.run(annotated(`${LAST}`))).cpus(), `${LAST}`);

    await host.containerd.stop();
    const uninstalled = tree.uninstall();
    assert.equal(uninstalled.code, 0, uninstalled.output);
    assert.deepEqual(tree.everything(), before);
    await host.containerd.start();
    assert.deepEqual(host.containerd.launchedPlugins(), []);
    assert.equal(await (await host.run(shared())).cpus(), `${ONLINE}`);

    await host.containerd.stop();
    rmSync(config);
    writeFileSync(config, original);
  });

  test('containerd itself reads what the installer makes of its configuration, and has NRI on', (context) => {
    for (const { title, files } of CASES) {
      // The format of containerd 2 is unknown to 1.7.
      if (host.release === '1.7' && files[MAIN]?.includes('version = 3')) continue;
      const tree = new Tree(context, files);
      tree.install('--configure-containerd');
      assert.match(host.containerd.readConfiguration(join(tree.root, MAIN)), NRI_ON, title);
    }
  });
});
