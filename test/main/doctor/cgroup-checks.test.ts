import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HostFiles, removeFiles } from '../../placement/made-up-host.ts';
import { CONTAINERD, findingsOf, healthyFiles, KUBELET, PODS, textOf } from './made-up-node.ts';

/** Cgroup v1, with the pods' cgroups of the cgroupfs driver. */
function withVersion1(): HostFiles {
  const files = healthyFiles();
  removeFiles(files, /^sys\/fs\/cgroup/);
  files.set('sys/fs/cgroup/cpuset/cpuset.cpus', '0-7\n');
  files.set('sys/fs/cgroup/cpuset/kubepods/cpuset.cpus', '0-7\n');
  files.set('sys/fs/cgroup/cpu,cpuacct/cpu.shares', '1024\n');
  files.set(KUBELET, 'kind: KubeletConfiguration\ncgroupDriver: cgroupfs\n');
  files.set(CONTAINERD, 'version = 2\n');
  return files;
}

test('cgroup v1 is worth a note, and its cpusets are found', async () => {
  const findings = await findingsOf(withVersion1());
  assert.equal(findings['cgroup-version']?.level, 'note');
  assert.equal(findings['cpuset-controller']?.level, 'ok');
  assert.equal(findings['cpuset-pods']?.level, 'ok');
});

test('CPUs that cgroup v1 has forgotten are put back with a command', async () => {
  const files = withVersion1();
  files.set('sys/fs/cgroup/cpuset/kubepods/cpuset.cpus', '0-5\n');
  const { 'cpuset-pods': finding } = await findingsOf(files);
  assert.equal(finding?.level, 'error');
  assert.match(textOf(finding), /6-7.*echo 0-7 > \/sys\/fs\/cgroup\/cpuset\/kubepods\/cpuset\.cpus/s);
});

test('pods that are confined to some CPUs on cgroup v2 are an error', async () => {
  const files = healthyFiles();
  files.set(`${PODS}/cpuset.cpus.effective`, '0-3\n');
  const { 'cpuset-pods': finding } = await findingsOf(files);
  assert.equal(finding?.level, 'error');
  assert.match(textOf(finding), /4-7.*AllowedCPUs/s);
});

test('different drivers in the kubelet and the runtime are an error, fixed on the side of the runtime', async () => {
  const files = healthyFiles();
  files.set(
    CONTAINERD,
    `version = 2
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
`,
  );
  const { 'cgroup-driver': finding } = await findingsOf(files);
  assert.equal(finding?.level, 'error');
  assert.match(textOf(finding), /io\.containerd\.grpc\.v1\.cri.*SystemdCgroup = true/s);
});

test('the cgroups that are there tell more of the driver than the configuration', async () => {
  const files = healthyFiles();
  files.set(KUBELET, 'kind: KubeletConfiguration\ncgroupDriver: cgroupfs\n');
  assert.equal((await findingsOf(files))['cgroup-driver']?.level, 'ok');
});

test('a kernel without the cpuset controller is an error that names the kernel parameter', async () => {
  const files = healthyFiles();
  files.set('sys/fs/cgroup/cgroup.controllers', 'cpu io memory\n');
  files.set('proc/cmdline', 'quiet cgroup_disable=cpuset\n');
  const { 'cpuset-controller': finding } = await findingsOf(files);
  assert.equal(finding?.level, 'error');
  assert.match(textOf(finding), /cgroup_disable=cpuset/);
});

test('a controller that is not handed down is an error at the cgroup that keeps it', async () => {
  const files = healthyFiles();
  files.set(`${PODS}/cgroup.subtree_control`, 'cpu memory\n');
  const { 'cpuset-controller': finding } = await findingsOf(files);
  assert.equal(finding?.level, 'error');
  assert.match(
    textOf(finding),
    /echo \+cpuset > \/sys\/fs\/cgroup\/kubepods\.slice\/cgroup\.subtree_control/,
  );
});
