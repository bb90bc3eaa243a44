import assert from 'node:assert/strict';
import { test } from 'node:test';
import { removeFiles } from '../../placement/made-up-host.ts';
import { addProcess, CONTAINERD, findingsOf, healthyFiles, KUBELET, textOf } from './made-up-node.ts';

const NRI = (settings: string) => `[plugins."io.containerd.nri.v1.nri"]\n${settings}\n`;

function withContainerd(text: string) {
  const files = healthyFiles();
  files.set(CONTAINERD, text);
  return files;
}

function withCrio(...drops: readonly (readonly [name: string, text: string])[]) {
  const files = healthyFiles();
  removeFiles(files, /containerd|^proc\/100\//);
  for (const [name, text] of drops) files.set(`etc/crio/${name}`, text);
  addProcess(files, 100, '/usr/bin/crio');
  return files;
}

test('containerd 2 has NRI on unless its configuration says otherwise', async () => {
  const { 'nri-config': on } = await findingsOf(withContainerd('version = 3\n'));
  assert.equal(on?.level, 'ok');
  const { 'nri-config': off } = await findingsOf(withContainerd(`version = 3\n${NRI('disable = true')}`));
  assert.equal(off?.level, 'error');
  assert.match(textOf(off), /io\.containerd\.nri\.v1\.nri.*disable = false.*systemctl restart containerd/s);
});

test('containerd 1.7 has NRI off unless there is a socket or its configuration says otherwise', async () => {
  const silent = withContainerd('version = 2\n');
  assert.equal((await findingsOf(silent))['nri-config']?.level, 'ok');
  silent.delete('run/nri/nri.sock');
  const { 'nri-config': unknown } = await findingsOf(silent);
  assert.equal(unknown?.level, 'warning');
  assert.match(textOf(unknown), /since containerd 2\.0.*disable = false/s);
  const explicit = withContainerd(`version = 2\n${NRI('disable = false')}`);
  explicit.delete('run/nri/nri.sock');
  assert.equal((await findingsOf(explicit))['nri-config']?.level, 'ok');
});

test('NRI among the disabled plugins is off, whatever its section says', async () => {
  const text = `version = 3\ndisabled_plugins = ["io.containerd.nri.v1.nri"]\n${NRI('disable = false')}`;
  const { 'nri-config': finding } = await findingsOf(withContainerd(text));
  assert.equal(finding?.level, 'error');
  assert.match(textOf(finding), /take this out of disabled_plugins/);
});

test('the file to change is the one whose section counts', async () => {
  const files = withContainerd(`version = 3\nimports = ["conf.d/*.toml"]\n${NRI('disable = false')}`);
  files.set('etc/containerd/conf.d/10-nri.toml', `version = 3\n${NRI('disable = true')}`);
  const { 'nri-config': finding } = await findingsOf(files);
  assert.match(textOf(finding), /Set in \/etc\/containerd\/conf\.d\/10-nri\.toml/);
});

test('a drop-in file overrides what imports it', async () => {
  const files = withContainerd(`version = 3\nimports = ["conf.d/*.toml"]\n${NRI('disable = true')}`);
  files.set('etc/containerd/conf.d/10-nri.toml', `version = 3\n${NRI('disable = false')}`);
  files.set('etc/containerd/conf.d/README', 'not TOML');
  const { 'nri-config': finding } = await findingsOf(files);
  assert.equal(finding?.level, 'ok');
  assert.match(finding.found, /1 file more/);
});

test('files that import each other are read once', async () => {
  const files = withContainerd('version = 3\nimports = ["/etc/containerd/other.toml"]\n');
  files.set('etc/containerd/other.toml', 'imports = ["config.toml", "other.toml"]\n');
  assert.equal((await findingsOf(files))['nri-config']?.level, 'ok');
});

test('containerd 1 takes the section of a drop-in as a whole, containerd 2 key by key', async () => {
  for (const [version, request] of [
    [2, 'request 2 s'],
    [3, 'request 9 s'],
  ] as const) {
    const files = withContainerd(
      `version = ${version}\nimports = ["more.toml"]\n${NRI('plugin_request_timeout = "9s"')}`,
    );
    files.set(
      'etc/containerd/more.toml',
      `version = ${version}\n${NRI('plugin_registration_timeout = "7s"')}`,
    );
    const { 'nri-timeouts': finding } = await findingsOf(files);
    assert.match(finding!.found, new RegExp(`Registration 7 s, ${request}`));
  }
});

test('a configuration that is not TOML is an error that names the line', async () => {
  const { 'nri-config': finding } = await findingsOf(withContainerd('version = 3\nplugins = [\n'));
  assert.equal(finding?.level, 'error');
  assert.match(finding.found, /\/etc\/containerd\/config\.toml, line \d+: /);
});

test('a configuration that may not be read is an error, not a runtime with defaults', async () => {
  const { 'nri-config': finding } = await findingsOf(healthyFiles(), { unreadable: [CONTAINERD] });
  assert.equal(finding?.level, 'error');
  assert.match(finding.found, /EACCES/);
});

test('the configuration named on the command line of containerd is the one that counts', async () => {
  const files = withContainerd(`version = 3\n${NRI('disable = true')}`);
  addProcess(files, 100, '/usr/bin/containerd', '--config', '/opt/containerd.toml');
  files.set('opt/containerd.toml', 'version = 3\n');
  const { 'nri-config': finding } = await findingsOf(files);
  assert.equal(finding?.level, 'ok');
  assert.match(finding.found, /\/opt\/containerd\.toml/);
});

test('a relative path on the command line of containerd begins where containerd runs', async () => {
  const files = withContainerd(`version = 3\n${NRI('disable = true')}`);
  addProcess(files, 100, '/usr/bin/containerd', '-c', '../containerd.toml');
  files.set('opt/containerd.toml', 'version = 3\nimports = ["more.toml"]\n');
  files.set('opt/more.toml', NRI('disable = false'));
  const { 'nri-config': finding } = await findingsOf(files, { links: { 'proc/100/cwd': '/opt/bin' } });
  assert.equal(finding?.level, 'ok');
  assert.match(finding.found, /\(\/opt\/containerd\.toml, version 3 and 1 file more\)/);
});

test('a relative path of a containerd that runs nobody may know where is named by its process', async () => {
  const files = withContainerd('version = 3\n');
  addProcess(files, 100, '/usr/bin/containerd', '-c', 'containerd.toml');
  const unreadable = ['proc/100/cwd/containerd.toml'];
  const { 'nri-config': finding } = await findingsOf(files, { unreadable });
  assert.equal(finding?.level, 'error');
  assert.match(textOf(finding), /\/proc\/100\/cwd\/containerd\.toml cannot be read \(EACCES\).*may read it/s);
});

test('the configuration of K3s is changed by its template', async () => {
  const files = healthyFiles();
  removeFiles(files, /^etc\/containerd|^proc\/100\//);
  files.set('var/lib/rancher/k3s/agent/etc/containerd/config.toml', `version = 3\n${NRI('disable = true')}`);
  const { 'nri-config': finding } = await findingsOf(files);
  assert.match(textOf(finding), /config-v3\.toml\.tmpl.*systemctl restart k3s/s);
});

test('CRI-O is told to enable NRI in its own words', async () => {
  const files = withCrio(['crio.conf', ''], ['crio.conf.d/10-nri.conf', '[crio.nri]\nenable_nri = false\n']);
  const { 'nri-config': finding } = await findingsOf(files);
  assert.equal(finding?.level, 'error');
  assert.match(textOf(finding), /\[crio\.nri\]\n {2}enable_nri = true.*systemctl restart crio/s);
});

test('later drop-ins of CRI-O win', async () => {
  const files = withCrio(
    ['crio.conf.d/10-nri.conf', '[crio.nri]\nenable_nri = false\n'],
    ['crio.conf.d/20-nri.conf', '[crio.nri]\nenable_nri = true\n'],
  );
  assert.equal((await findingsOf(files))['nri-config']?.level, 'ok');
});

test('of two runtimes the one that the kubelet uses is looked at', async () => {
  const files = healthyFiles();
  files.set('etc/crio/crio.conf', '[crio.nri]\nenable_nri = false\n');
  assert.equal((await findingsOf(files))['nri-config']?.level, 'ok');
  files.set(
    KUBELET,
    'kind: KubeletConfiguration\ncontainerRuntimeEndpoint: unix:///var/run/crio/crio.sock\n',
  );
  assert.equal((await findingsOf(files))['nri-config']?.level, 'error');
});

test('a runtime that takes no connections is only good for a pre-installed plugin', async () => {
  const { 'nri-config': finding } = await findingsOf(
    withContainerd(`version = 3\n${NRI('disable_connections = true')}`),
  );
  assert.equal(finding?.level, 'warning');
  assert.match(textOf(finding), /disable_connections = false/);
});

test('each way in which the socket fails has its own advice', async () => {
  const advice = {
    ENOENT: /does not exist.*Switch NRI on/s,
    ECONNREFUSED: /nobody listens.*systemctl restart containerd/s,
    EACCES: /may not be used.*root/s,
    ETIMEDOUT: /ETIMEDOUT.*journalctl -u containerd/s,
  };
  for (const [connectError, pattern] of Object.entries(advice)) {
    const { 'nri-socket': finding } = await findingsOf(healthyFiles(), { connectError });
    assert.equal(finding?.level, 'error');
    assert.match(textOf(finding), pattern);
  }
});

test('a socket in another place than usual is worth a word', async () => {
  const files = withContainerd(`version = 3\n${NRI('socket_path = "/run/c/nri.sock"')}`);
  const { 'nri-socket': finding } = await findingsOf(files);
  assert.equal(finding?.level, 'note');
  assert.match(textOf(finding), /--socket=\/run\/c\/nri\.sock/);
  assert.equal((await findingsOf(files, { socketPath: '/run/c/nri.sock' }))['nri-socket']?.level, 'ok');
});

test('time-outs must be long enough for as many updates as the node has containers', async () => {
  const files = healthyFiles();
  assert.equal((await findingsOf(files))['nri-timeouts']?.level, 'ok');
  files.set(KUBELET, 'kind: KubeletConfiguration\nmaxPods: 750\n');
  const { 'nri-timeouts': short } = await findingsOf(files);
  assert.equal(short?.level, 'warning');
  assert.match(textOf(short), /750 containers.*registration_timeout = "8s"\n.*request_timeout = "8s"/s);
  files.set(
    CONTAINERD,
    `version = 3\n${NRI('plugin_registration_timeout = "10s"\nplugin_request_timeout = "7500ms"')}`,
  );
  assert.equal((await findingsOf(files))['nri-timeouts']?.level, 'ok');
});

test('containers that run count where they are more than the pods of the kubelet', async () => {
  const files = healthyFiles();
  files.set(KUBELET, 'kind: KubeletConfiguration\nmaxPods: 2\n');
  const pod = (number: number) =>
    `sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0000000${number}_0000_0000_0000_000000000000.slice`;
  for (const number of [1, 2]) {
    for (const container of ['a', 'b', 'c']) {
      const scope = `cri-containerd-${container.repeat(63)}${number}.scope`;
      files.set(`${pod(number)}/${scope}/cpuset.cpus`, '\n');
    }
  }
  const { 'nri-timeouts': finding } = await findingsOf(files);
  // Of three in each pod, one is the sandbox.
  assert.match(finding!.found, /4 containers \(running now\)/);
});
