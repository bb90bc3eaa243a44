import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { CPU_COUNTS, hostOf } from '../../benchmarks/hosts.ts';
import { NOOP, OURS } from '../../benchmarks/plugins.ts';
import type { ScenarioResult } from '../../benchmarks/results.ts';
import { runScenario } from '../../benchmarks/run-scenario.ts';
import { fill, type Scenario } from '../../benchmarks/scenario.ts';
import { register } from '../../benchmarks/scenarios/register.ts';
import { SysfsTree } from '../../src/main/runtime/sysfs-tree.ts';
import { comparePlans, type PlanCost } from '../../src/placement/plan.ts';
import { readProcess } from '../e2e/harness/processes.ts';
import { until } from '../e2e/harness/until.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const MAIN = join(import.meta.dirname, '../../benchmarks/main.ts');
const OPTIONS = { runs: 1, isFull: false, containers: undefined, limit: undefined };

/** A few containers of each kind. */
const tiny: Scenario = {
  name: 'tiny',
  about: '',
  async *run(node) {
    await node.start();
    await node.endWarmUp();
    const running = yield* fill(node, [
      { kind: 'shared' },
      { kind: 'integer', cpus: 2 },
      { kind: 'annotated', pinned: node.host.parts.cores[5]! },
    ]);
    for (const each of running) await node.end(each);
  },
};

test('ours and the plugin that does nothing get the same work, and only ours places it', async (t) => {
  const host = { parts: hostOf(64), root: temporaryFolder(t) };
  new SysfsTree(host.root, host.parts);
  const { plugins } = await runScenario(tiny, host, { ...OPTIONS, plugins: [OURS, NOOP] });
  const events = ['annotated', 'integer', 'shared'].flatMap((kind) => [`create ${kind}`, `stop ${kind}`]);
  for (const { plugin, latencies, values, failure } of plugins) {
    assert.equal(failure, undefined, plugin);
    assert.deepEqual(Object.keys(latencies).sort(), events.sort());
    assert.ok(values['resident memory']!.value > 10, plugin);
    assert.ok(values['CPU time per event']!.value > 0, plugin);
    assert.ok(values['event loop late, times looked']!.value > 0, plugin);
    assert.ok(values['main thread held, p99.9']!.value <= values['event loop late, longest']!.value, plugin);
  }
  const [ours, noop] = plugins;
  assert.equal(ours!.values['invariants broken']!.value, 0);
  assert.notEqual(noop!.values['invariants broken']!.value, 0);
});

test('a plugin that takes too long is stopped, and what was measured of it until then counts', async (t) => {
  const host = { parts: hostOf(64), root: temporaryFolder(t) };
  const endless: Scenario = {
    name: 'endless',
    about: '',
    async *run(node) {
      await node.start();
      await node.endWarmUp();
      for (;;) {
        // Enough to be looked at, also where the start of the plugin alone takes longer than all is to take.
        for (let time = 0; time < 20; time++) {
          const running = await node.run({ kind: 'shared' });
          await node.end(running!);
        }
        yield;
      }
    },
  };
  const options = { ...OPTIONS, runs: 3, limit: 0.5, plugins: [NOOP] };
  const { plugins } = await runScenario(endless, host, options);
  const { failure, latencies, values } = plugins[0]!;
  assert.equal(failure, 'it was not done in 0.5 s');
  assert.ok(latencies['create shared']!.count > 10);
  assert.ok(values['resident memory']!.value > 10);
});

test('a plugin that dies while it is measured keeps its numbers, and the others go on', async (t) => {
  const host = { parts: hostOf(64), root: temporaryFolder(t) };
  const processId = join(host.root, 'pid');
  const deadly: Scenario = {
    name: 'deadly',
    about: '',
    async *run(node) {
      await node.start();
      await node.endWarmUp();
      for (let time = 0; time < 5; time++) await node.run({ kind: 'shared' });
      yield;
      if (existsSync(processId)) {
        const pid = Number(readFileSync(processId, 'utf8'));
        process.kill(pid, 'SIGKILL');
        await until('it is gone', () => readProcess(pid) === undefined);
      }
      rmSync(processId, { force: true });
      yield 100;
      for (let time = 0; time < 5; time++) await node.run({ kind: 'shared' });
    },
  };
  const dying = { name: 'dying', command: `sh -c 'echo $$ > ${processId}; exec ${NOOP.command}'` };
  const { plugins } = await runScenario(deadly, host, { ...OPTIONS, plugins: [dying, NOOP] });
  const counts = plugins.map(({ latencies }) => latencies['create shared']!.count);
  assert.match(plugins[0]!.failure!, /^the plugin is gone: /);
  assert.equal(plugins[1]!.failure, undefined);
  assert.deepEqual(counts, [5, 10]);
});

test('a plugin that cannot be told a socket is started with a connection', async (t) => {
  const host = { parts: hostOf(64), root: temporaryFolder(t) };
  new SysfsTree(host.root, host.parts);
  const plugin = {
    name: 'handed',
    command: OURS.command.replace('--socket {socket}', ''),
    isPreinstalled: true,
  };
  const { plugins } = await runScenario(tiny, host, { ...OPTIONS, plugins: [plugin] });
  assert.equal(plugins[0]!.failure, undefined);
  assert.equal(plugins[0]!.values['invariants broken']!.value, 0);
  assert.ok(plugins[0]!.values['event loop late, times looked']!.value > 0);
});

const asRoot = process.getuid?.() === 0 ? {} : { skip: 'needs root' };
test('a program that reads /sys itself can be shown the made-up host there', asRoot, async (t) => {
  const root = temporaryFolder(t);
  new SysfsTree(root, hostOf(1024));
  const script = join(import.meta.dirname, '../../benchmarks/on-host.sh');
  const files = ['cpu/online', 'cpu/cpu512/topology/thread_siblings_list', 'node/has_memory'];
  const argv = [root, 'cat', ...files.map((file) => `/sys/devices/system/${file}`)];
  const { stdout } = await promisify(execFile)(script, argv);
  assert.equal(stdout, '0-1023\n0,512\n0-7\n');
});

test('how planning grows is shown for each size of host, and searching on makes no plan worse', async () => {
  const program = join(import.meta.dirname, '../../benchmarks/planning.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program]);
  const lines = stdout.split('\n');
  assert.deepEqual(
    lines.filter((line) => line.includes('µs')).map((line) => Number.parseInt(line, 10)),
    CPU_COUNTS,
  );
  const costs = (plan: string) =>
    lines
      .filter((line) => new RegExp(`^ +\\d.*  ${plan}  `).test(line))
      .map((line) => line.trim().split(/ {2,}/).slice(-7).map(Number) as unknown as PlanCost);
  const searched = costs('searched');
  const bounds = costs('none below');
  assert.equal(searched.length, 3 * CPU_COUNTS.length);
  for (const [i, first] of costs('first').entries()) {
    assert.ok(comparePlans(searched[i]!, first) <= 0, `${first} became ${searched[i]}`);
    assert.ok(comparePlans(bounds[i]!, searched[i]!) <= 0, `${searched[i]} is below ${bounds[i]}`);
  }
});

test('a plugin that ends or never registers is reported with what it printed', async (t) => {
  const host = { parts: hostOf(64), root: temporaryFolder(t) };
  const bad = { name: 'bad', command: 'sh -c "echo no such flag >&2; : {socket}"' };
  const { plugins } = await runScenario(tiny, host, { ...OPTIONS, plugins: [NOOP, bad] });
  assert.equal(plugins[0]!.failure, undefined);
  assert.match(plugins[1]!.failure!, /ended before it was synchronized.*no such flag/);
});

test('the plugin that does nothing takes listings that come in several messages', async (t) => {
  const host = { parts: hostOf(64), root: temporaryFolder(t) };
  const options = { ...OPTIONS, containers: 1000, plugins: [NOOP] };
  const { plugins } = await runScenario(register, host, options);
  assert.equal(plugins[0]!.failure, undefined);
  assert.ok(plugins[0]!.latencies['listing, full node'] !== undefined);
});

test('the program writes its results, and says in one line what is wrong with a flag', async (t) => {
  const folder = temporaryFolder(t);
  const bench = (...argv: string[]) =>
    promisify(execFile)(process.execPath, ['--import', 'tsx', MAIN, ...argv]);
  const flags = ['-s', 'restart', '-c', '64', '--runs', '1', '--containers', '30', '--no-reference'];
  const { stdout } = await bench(...flags, '--output', folder);
  assert.match(stdout, /restart, 64 CPUs/);
  const { results } = JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8')) as {
    results: ScenarioResult[];
  };
  assert.deepEqual(
    results.map(({ scenario, cpus }) => [scenario, cpus]),
    [['restart', 64]],
  );
  assert.match(readFileSync(join(folder, 'results.md'), 'utf8'), /^### restart$/m);
  assert.match(readFileSync(join(folder, 'growth.svg'), 'utf8'), /^<svg/);
  await assert.rejects(bench('--cpus', '7'), { code: 2, stderr: /^bench: --cpus: .*7\n$/ });
});
