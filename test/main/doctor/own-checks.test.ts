import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addProcess, findingsOf, healthyFiles, PODS, textOf } from './made-up-node.ts';

const OWN_CONFIG = 'etc/nri/conf.d/99-weka-cpuset.conf';

test('a configuration with a mistake is an error that names file and line', async () => {
  const files = healthyFiles();
  files.set(OWN_CONFIG, 'minSharedCpus: 1\nisolatedCpu: exclude\n');
  const { 'own-config': finding } = await findingsOf(files);
  assert.equal(finding?.level, 'error');
  assert.match(finding.found, /99-weka-cpuset\.conf, line 2: unknown setting "isolatedCpu"/);
});

test('a mistake is found also where the CPUs are not known', async () => {
  const files = healthyFiles();
  for (const path of files.keys()) if (path.startsWith('sys/devices/system/cpu/')) files.delete(path);
  files.set(OWN_CONFIG, 'minSharedCpus: two\n');
  const { 'own-config': wrong } = await findingsOf(files);
  assert.equal(wrong?.level, 'error');
  assert.match(wrong.found, /line 1: minSharedCpus must be .*"two"/);
  files.set(OWN_CONFIG, 'reservedCpus: 0-63\n');
  const { 'own-config': unknown } = await findingsOf(files);
  assert.equal(unknown?.level, 'skipped');
  assert.match(unknown.found, /is valid; whether it fits this host cannot be told/);
});

test('a configuration that is valid but written for another host is found out', async () => {
  const files = healthyFiles();
  files.set(OWN_CONFIG, 'reservedCpus: 0-63\n');
  assert.equal((await findingsOf(files))['own-config']?.level, 'error');
  files.set(OWN_CONFIG, 'minSharedCpus: 8\n');
  assert.equal((await findingsOf(files))['own-config']?.level, 'warning');
  files.set(OWN_CONFIG, 'reservedCpus: 0-1\n');
  assert.equal((await findingsOf(files))['own-config']?.level, 'ok');
});

test('whoever is not root is warned', async () => {
  const findings = await findingsOf(healthyFiles(), { userId: 1000, unreadable: [`${PODS}/cpuset.cpus`] });
  assert.equal(findings['own-user']?.level, 'warning');
  assert.equal(findings['own-cgroup-access']?.level, 'warning');
  assert.match(textOf(findings['own-cgroup-access']), /EACCES/);
});

test('a clock that was never set is a warning, a slow one a note', async () => {
  const files = healthyFiles();
  const { clock: unset } = await findingsOf(files, { wallClock: 1000 });
  assert.equal(unset?.level, 'warning');
  files.set('sys/devices/system/clocksource/clocksource0/current_clocksource', 'hpet\n');
  const { clock: slow } = await findingsOf(files);
  assert.equal(slow?.level, 'note');
});

test('another plugin that sets cpusets is an error, installed or running', async () => {
  const files = healthyFiles();
  files.set('opt/nri/plugins/10-nri-resource-policy-balloons', '');
  addProcess(files, 300, '/usr/local/bin/nri-resource-policy-topology-aware', '--config', 'x');
  const findings = await findingsOf(files);
  assert.equal(findings['plugins-installed']?.level, 'error');
  assert.equal(findings['plugins-running']?.level, 'error');
  assert.match(textOf(findings['plugins-running']), /process 300/);
});

test('plugins that do other things, and this one, are no trouble', async () => {
  const files = healthyFiles();
  files.set('opt/nri/plugins/10-hook-injector', '');
  files.set('opt/nri/plugins/99-weka-cpuset', '');
  addProcess(files, 300, '/opt/nri/plugins/99-weka-cpuset');
  addProcess(files, 301, 'weka-cpuset', 'doctor');
  const findings = await findingsOf(files);
  assert.equal(findings['plugins-installed']?.level, 'ok');
  assert.equal(findings['plugins-running']?.level, 'ok');
});

test('this plugin running twice is worth a note: one of them waits', async () => {
  const files = healthyFiles();
  addProcess(files, 300, '/opt/nri/plugins/99-weka-cpuset');
  addProcess(files, 301, '/usr/bin/node', '/opt/weka/dist/weka-cpuset.cjs', 'run');
  assert.equal((await findingsOf(files))['plugins-running']?.level, 'note');
});

test('a file in the folder of plugins that is not named like one is a warning', async () => {
  const files = healthyFiles();
  files.set('opt/nri/plugins/README', '');
  assert.equal((await findingsOf(files))['plugins-installed']?.level, 'warning');
});
