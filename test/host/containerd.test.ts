import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CASES, MAIN, SECTION } from './containerd-files.ts';
import { PLUGIN, Tree } from './tree.ts';

const NRI_OFF = `version = 2\n${SECTION}\n  disable = true\n`;

for (const { title, files, changed } of CASES) {
  test(`NRI is switched on, and as before when uninstalled: ${title}`, (context) => {
    const tree = new Tree(context, files);
    const before = tree.everything();
    const { code, output } = tree.install('--configure-containerd');
    assert.equal(code, 0, output);
    for (const [path, text] of Object.entries({ ...files, ...changed })) assert.equal(tree.read(path), text);
    const installed = tree.everything();
    assert.match(tree.install('--configure-containerd').output, /NRI is on\..*Nothing had to be changed/s);
    assert.deepEqual(tree.everything(), installed);
    tree.uninstall();
    assert.deepEqual(tree.everything(), before);
  });
}

test('containerd is left alone unless asked for, and that NRI is off is told', (context) => {
  const tree = new Tree(context, { [MAIN]: NRI_OFF });
  const { code, output } = tree.install();
  assert.equal(code, 0);
  assert.match(output, /NRI is switched off.*--configure-containerd/s);
  assert.equal(tree.read(MAIN), NRI_OFF);
});

test('a configuration that was changed since stays when uninstalling, and what was before can be found', (context) => {
  const tree = new Tree(context, { [MAIN]: NRI_OFF });
  tree.install('--configure-containerd');
  const changed = `${tree.read(MAIN)}\n[debug]\n  level = "info"\n`;
  tree.write(MAIN, changed);
  const { output } = tree.uninstall();
  assert.equal(tree.read(MAIN), changed);
  const [, kept = ''] = /what was there before is in (\S+)/.exec(output) ?? [];
  assert.equal(tree.read(kept.slice(tree.root.length)), NRI_OFF);
});

test('connections are allowed for a service, which needs them', (context) => {
  const text = `version = 3\n${SECTION}\n  disable_connections = true\n`;
  const tree = new Tree(context, { [MAIN]: text });
  tree.install('--configure-containerd');
  assert.equal(tree.read(MAIN), text);
  tree.install('--configure-containerd', '--systemd');
  assert.equal(tree.read(MAIN), text.replace('true', 'false'));
});

for (const [title, file, text, message] of [
  [
    'NRI among the disabled plugins',
    MAIN,
    'disabled_plugins = ["io.containerd.nri.v1.nri"]',
    /take this out/,
  ],
  [
    'a section in a notation of its own',
    MAIN,
    'plugins."io.containerd.nri.v1.nri" = {disable = true}',
    /undone/,
  ],
  ['not TOML', MAIN, '[plugins', /line 2/],
  ['K3s', 'var/lib/rancher/k3s/agent/etc/containerd/config.toml', '', /reconfigure-k3s\.sh/],
  ['CRI-O', 'etc/crio/crio.conf', '[crio.nri]\nenable_nri = false', /Only containerd is configured/],
] as const) {
  test(`a runtime that cannot be configured is left as it is: ${title}`, (context) => {
    const before = `${file === MAIN || file.includes('k3s') ? 'version = 2\n' : ''}${text}\n`;
    const tree = new Tree(context, { [file]: before });
    const { code, output } = tree.install('--configure-containerd');
    assert.equal(code, 1, output);
    assert.match(output, message);
    assert.equal(tree.read(file), before);
    assert.equal(tree.has(PLUGIN), false);
  });
}

test('a configuration that is a link is left as it is', (context) => {
  const tree = new Tree(context, { 'etc/containerd/real.toml': 'version = 2\n' });
  symlinkSync('real.toml', join(tree.root, MAIN));
  const { code, output } = tree.install('--configure-containerd');
  assert.equal(code, 1);
  assert.match(output, /config\.toml is a symbolic link/);
  assert.equal(tree.read('etc/containerd/real.toml'), 'version = 2\n');
});
