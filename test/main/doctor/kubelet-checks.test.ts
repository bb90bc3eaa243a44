import assert from 'node:assert/strict';
import { test } from 'node:test';
import { removeFiles } from '../../placement/made-up-host.ts';
import { addProcess, CPU_STATE, findingsOf, healthyFiles, KUBELET, textOf } from './made-up-node.ts';

test('a static CPU manager is an error that tells how to end it', async () => {
  const files = healthyFiles();
  files.set(KUBELET, 'kind: KubeletConfiguration\ncpuManagerPolicy: static\n');
  const { 'kubelet-cpu-manager': finding } = await findingsOf(files);
  assert.equal(finding?.level, 'error');
  assert.match(
    textOf(finding),
    /\/var\/lib\/kubelet\/config\.yaml.*cpuManagerPolicy: none.*rm \/var\/lib\/kubelet\/cpu_manager_state/s,
  );
});

test('the command line of the kubelet counts more than its files', async () => {
  const files = healthyFiles();
  addProcess(files, 200, '/usr/bin/kubelet', '--cpu-manager-policy', 'static');
  assert.equal((await findingsOf(files))['kubelet-cpu-manager']?.level, 'error');
});

test('a drop-in of the kubelet counts more than its file', async () => {
  const files = healthyFiles();
  addProcess(files, 200, 'kubelet', '--config=/var/lib/kubelet/config.yaml', '--config-dir=/etc/kubelet.d');
  files.set('etc/kubelet.d/10-cpu.conf', 'kind: KubeletConfiguration\ncpuManagerPolicy: static\n');
  assert.equal((await findingsOf(files))['kubelet-cpu-manager']?.level, 'error');
});

test('relative paths on the command line of the kubelet begin where it runs', async () => {
  const files = healthyFiles();
  addProcess(files, 200, 'kubelet', '--config=../config.yaml', '--config-dir', 'drop-ins');
  files.set('srv/config.yaml', 'kind: KubeletConfiguration\ncpuManagerPolicy: static\n');
  files.set(
    'srv/kubelet/drop-ins/10-memory.conf',
    'kind: KubeletConfiguration\nmemoryManagerPolicy: Static\n',
  );
  const findings = await findingsOf(files, { links: { 'proc/200/cwd': '/srv/kubelet' } });
  assert.equal(findings['kubelet-cpu-manager']?.level, 'error');
  assert.equal(findings['kubelet-memory-manager']?.level, 'error');
});

test('the state file alone gives a static CPU manager away', async () => {
  const files = healthyFiles();
  removeFiles(files, /^proc|config\.yaml$/);
  files.set(CPU_STATE, '{"policyName":"static","defaultCpuSet":"0-7"}');
  assert.equal((await findingsOf(files))['kubelet-cpu-manager']?.level, 'error');
});

test('a state file left from the static policy keeps the kubelet from starting', async () => {
  const files = healthyFiles();
  files.set(CPU_STATE, '{"policyName":"static","defaultCpuSet":"0-7"}');
  const { 'kubelet-cpu-manager': finding } = await findingsOf(files);
  assert.equal(finding?.level, 'error');
  assert.match(textOf(finding), /will not start.*rm /s);
});

test('a kubelet that says nothing has no CPU manager, and one that is not found is not judged', async () => {
  const files = healthyFiles();
  files.set(KUBELET, 'kind: KubeletConfiguration\n');
  files.delete(CPU_STATE);
  assert.equal((await findingsOf(files))['kubelet-cpu-manager']?.level, 'ok');
  files.delete(KUBELET);
  assert.equal((await findingsOf(files))['kubelet-cpu-manager']?.level, 'skipped');
});

test('a static memory manager is an error too', async () => {
  const files = healthyFiles();
  files.set(KUBELET, 'kind: KubeletConfiguration\nmemoryManagerPolicy: Static\n');
  assert.equal((await findingsOf(files))['kubelet-memory-manager']?.level, 'error');
});

test('K3s gives the kubelet its flags from its own configuration', async () => {
  const files = healthyFiles();
  removeFiles(files, /^proc\/200|kubelet/);
  files.set('etc/rancher/k3s/config.yaml', 'kubelet-arg:\n  - "cpu-manager-policy=static"\n');
  assert.equal((await findingsOf(files))['kubelet-cpu-manager']?.level, 'error');
});

test('a drop-in of K3s adds to its configuration, or replaces what was there', async () => {
  const files = healthyFiles();
  removeFiles(files, /^proc\/200|kubelet/);
  files.set('etc/rancher/k3s/config.yaml', 'kubelet-arg: cpu-manager-policy=static\n');
  const dropIn = 'etc/rancher/k3s/config.yaml.d/50-cpu.yaml';
  for (const [text, level] of [
    ['kubelet-arg+:\n  - max-pods=50\n', 'error'],
    ['kubelet-arg+:\n  - cpu-manager-policy=none\n', 'ok'],
    ['kubelet-arg:\n  - max-pods=50\n', 'skipped'],
  ] as const) {
    files.set(dropIn, text);
    assert.equal((await findingsOf(files))['kubelet-cpu-manager']?.level, level, text);
  }
});

test('a kubeconfig is not taken for the configuration of a kubelet', async () => {
  const files = healthyFiles();
  removeFiles(files, /^proc\/200|^var\/lib\/kubelet/);
  files.set('etc/kubernetes/kubelet.conf', 'kind: Config\ncpuManagerPolicy: static\n');
  assert.equal((await findingsOf(files))['kubelet-config']?.level, 'skipped');
});

test('a file that is not YAML, or hides behind aliases, is told and does not stop the other checks', async () => {
  const laughs = [1, 2, 3, 4, 5].map((depth) => `a${depth}: &a${depth} [${`*a${depth - 1},`.repeat(10)}]\n`);
  for (const text of ['kind: [', `a0: &a0 [x, x]\n${laughs.join('')}`]) {
    const files = healthyFiles();
    files.set(KUBELET, text);
    const { 'kubelet-config': finding } = await findingsOf(files);
    assert.equal(finding?.level, 'note');
    assert.match(finding.found, /config\.yaml is not YAML: [^\n]*[^:]\.$/);
  }
});
