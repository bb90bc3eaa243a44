import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { allBut, cpuset, FIRST, LAST, ONLINE } from './harness/cpus.ts';
import { describeOnEveryRelease } from './harness/host.ts';
import { EXECUTABLE } from './harness/plugin.ts';
import { annotated, integer, shared } from './harness/pods.ts';
import { readProcess } from './harness/processes.ts';
import { until } from './harness/until.ts';

const NAME = '99-weka-cpuset';
/** Where it logs to by itself. */
const LOG = '/var/log/weka-nri-cpuset.log';
/** More CPUs than there can be. */
const TOO_MANY = '0-8191';

/** What is appended to a file from now on. */
function appendedTo(path: string): () => string {
  const read = (): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  const { length } = read();
  return () => read().slice(length);
}

describeOnEveryRelease('Pre-installed plugin', (host) => {
  beforeEach(async () => {
    await host.containerd.stop();
    rmSync(host.containerd.pluginFile(NAME), { force: true });
    writeFileSync(host.containerd.pluginConfigurationFile(NAME), `protectedCpus: "${FIRST}"\n`);
    await host.containerd.start();
  });

  async function install(): Promise<void> {
    symlinkSync(EXECUTABLE, host.containerd.pluginFile(NAME));
    await host.restartContainerd();
  }

  test('containerd starts it with nothing but its socket, and it places pods', async () => {
    await install();
    const [pid] = host.containerd.launchedPlugins();
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    assert.match(environment, /NRI_PLUGIN_SOCKET=/);
    assert.doesNotMatch(environment, /PATH=|HOME=/);

    const pinned = await host.run(annotated(`${LAST}`));
    const pooled = await host.run(shared());
    assert.equal(await pinned.cpus(), `${LAST}`);
    assert.equal(await pooled.cpus(), allBut(LAST));
    await pinned.pod.remove();
    await until('the pool has grown', async () => (await pooled.cpus()) === `${ONLINE}`);
    const exclusive = await host.run(integer(1));
    assert.equal(await pooled.cpus(), allBut(await exclusive.cpus()));
  });

  test('its file in conf.d is its configuration', async () => {
    await install();
    await assert.rejects(host.create(annotated(`${FIRST}`)), /protected/);
  });

  const wrong = [
    { what: 'it has a wrong value', settings: 'minSharedCpus: two', reason: /minSharedCpus.*"?two/ },
    { what: 'it does not fit the host', settings: `reservedCpus: ${TOO_MANY}`, reason: /reservedCpus.*8191/ },
  ];
  for (const { what, settings, reason } of wrong) {
    test(`its log and containerd's say what is wrong with its configuration: ${what}`, async () => {
      writeFileSync(host.containerd.pluginConfigurationFile(NAME), `${settings}\n`);
      const [logged, heard] = [appendedTo(LOG), appendedTo(host.containerd.logFile)];
      const installed = install();
      // containerd 1.7 ends when a plugin that it has started does not take its configuration.
      await (host.release === '1.7' ? assert.rejects(installed, /ended by itself/) : installed);
      await until('the plugin is gone', () => host.containerd.launchedPlugins().length === 0);
      const told = logged().match(/^.*"fatal".*$/gm) ?? [];
      assert.equal(told.length, 1, logged());
      assert.match(told[0]!, reason);
      assert.match(heard(), new RegExp(`failed to configure plugin.*${reason.source}`));
      rmSync(host.containerd.pluginFile(NAME));
    });
  }

  test('pods that were there before are placed: at once, or on containerd 1.7 when an event shows them', async () => {
    const pinned = await host.run(annotated(`${LAST}`));
    const exclusive = await host.run(integer(1, { annotations: { 'weka.io/forbid-core-ids': `${LAST}` } }));
    assert.equal(await exclusive.cpus(), `${ONLINE}`);
    await install();
    if (host.release === '1.7') {
      for (const container of [pinned, exclusive]) await container.resize({ memory_limit_in_bytes: 2 ** 27 });
    }
    assert.equal(await pinned.cpus(), `${LAST}`);
    assert.equal(cpuset(await exclusive.cpus()).size, 1);
    assert.notEqual(await exclusive.cpus(), `${LAST}`);
  });

  test('containerd stops at once with it, and it is gone then', async () => {
    await install();
    const [pid] = host.containerd.launchedPlugins();
    assert.ok(pid !== undefined);
    await host.containerd.stop();
    await until('the plugin is gone', () => readProcess(pid) === undefined);
  });

  test('it ends with success when containerd dies and closes its socket', async () => {
    const result = join(host.folder, 'exit-code');
    const script = `#!/bin/sh\n${EXECUTABLE}\necho $? >${result}\n`;
    writeFileSync(host.containerd.pluginFile(NAME), script, { mode: 0o755 });
    await host.restartContainerd();
    await host.containerd.kill();
    await until('the plugin has ended', () => existsSync(result) && readFileSync(result, 'utf8') !== '');
    assert.equal(readFileSync(result, 'utf8'), '0\n');
  });
});
