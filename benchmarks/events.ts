import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Pod } from '../src/main/runtime/host.ts';
import { EmbeddedRuntime } from '../src/main/runtime/runtime.ts';
import { SysfsTree } from '../src/main/runtime/sysfs-tree.ts';
import { createTopology } from '../src/placement/topology.ts';
import { parseTopologySpec } from '../src/placement/topology-spec.ts';

// How long a runtime waits for the plugin: its start, the listing of everything there is, and each kind of event, on a small
// host and a large one. The plugin is a process of its own; the embedded runtime, in this one, measures on its side.

const HOSTS = [
  { spec: '1 package, 2 nodes each, 16 cores each, SMT 2', containers: 60 },
  { spec: '2 packages, 4 nodes each, 8 llcs each, 8 cores each, SMT 2', containers: 1000 },
];
const ROUNDS = 300;
const PLUGIN = resolve(import.meta.dirname, '../bin/weka-cpuset');

console.log(`${cpus()[0]?.model}, ${cpus().length} CPUs, Node ${process.version}`);
for (const host of HOSTS) await measure(host.spec, host.containers);

async function measure(spec: string, containers: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const parts = parseTopologySpec(spec);
  const root = join(folder, 'host');
  new SysfsTree(root, parts);
  const socketPath = join(folder, 'nri.sock');
  let synchronizeMs = 0;
  const runtime = await EmbeddedRuntime.start({
    socketPath,
    online: parts.online,
    requestTimeoutMs: 10_000,
    onEvent: (event) => {
      if (event.operation === 'Synchronize') synchronizeMs = event.latencyMs;
    },
  });
  try {
    console.log(`\n${parts.online.size} CPUs (${spec}), ${containers} containers`);
    await fill(runtime, containers);
    const start = async (what: string) => {
      const started = performance.now();
      const flags = ['--socket', socketPath, '--host-root', root, '--log-level', 'error'];
      const plugin = spawn(PLUGIN, ['run', ...flags], { stdio: ['ignore', 'ignore', 'inherit'] });
      await runtime.whenReady(30_000);
      const ms = (performance.now() - started).toFixed(0);
      console.log(`  ${what.padEnd(36)}  ${ms} ms, ${synchronizeMs.toFixed(0)} ms of it for the listing`);
      return plugin;
    };
    const stop = async (plugin: ChildProcess) => {
      plugin.kill();
      await once(plugin, 'exit');
    };
    await stop(await start('start, all containers unplaced'));
    const plugin = await start('start again, all placed');
    await play(runtime);
    await reassign(runtime, createTopology(parts).cores.length);
    console.log(`  violations of an invariant            ${runtime.violations.length}`);
    await stop(plugin);
  } finally {
    await runtime.close();
    rmSync(folder, { recursive: true });
  }
}

/** Three shared containers for each integer one of two CPUs, as far as the host goes. */
async function fill(runtime: EmbeddedRuntime, containers: number): Promise<void> {
  for (let number = 0; number < containers; number++) {
    const isInteger = number % 4 === 0;
    const pod = await runtime.runPod({ name: `pod-${number}`, qos: isInteger ? 'guaranteed' : 'burstable' });
    await runtime.createContainer(pod, { name: 'main', ...(isInteger && { cpus: { limit: 2 } }) });
  }
}

/** Containers of each kind come and go on the host as it is. */
async function play(runtime: EmbeddedRuntime): Promise<void> {
  const kinds = {
    shared: () => runtime.runPod({ name: 'shared', qos: 'burstable' }),
    integer: () => runtime.runPod({ name: 'integer', qos: 'guaranteed' }),
    annotated: () => runtime.runPod({ name: 'annotated', annotations: { 'weka.io/cores-ids': '63' } }),
  } satisfies Record<string, () => Promise<Pod>>;
  for (const [kind, run] of Object.entries(kinds)) {
    const created = createHistogram();
    const stopped = createHistogram();
    for (let round = 0; round < ROUNDS; round++) {
      const pod = await run();
      const event = await runtime.createContainer(pod, {
        name: 'main',
        ...(kind === 'integer' && { cpus: { limit: 2 } }),
      });
      if (!event.ok) throw new Error(event.error);
      const { id } = event.container!;
      created.record(microseconds(event.latencyMs));
      stopped.record(microseconds((await runtime.stopContainer(id)).latencyMs));
      await runtime.removeContainer(id);
      await runtime.removePod(pod);
    }
    report(`create ${kind}`, created);
    report(`stop ${kind}`, stopped);
  }
}

/** A pinned pod takes the first thread of every second core, and with it the CPUs of most integer containers. */
async function reassign(runtime: EmbeddedRuntime, cores: number): Promise<void> {
  const wanted = Array.from({ length: cores / 4 }, (_, position) => 2 * position).join(',');
  const pod = await runtime.runPod({ name: 'pinned', annotations: { 'weka.io/cores-ids': wanted } });
  const event = await runtime.createContainer(pod, { name: 'main' });
  if (!event.ok) throw new Error(event.error);
  const line = `${event.latencyMs.toFixed(1)} ms, ${event.updates.length} containers updated`;
  console.log(`  create annotated, with live moves     ${line}`);
}

function microseconds(ms: number): number {
  return Math.max(1, Math.round(ms * 1000));
}

function report(what: string, histogram: RecordableHistogram): void {
  const of = (percentile: number) => `${histogram.percentile(percentile)} µs`.padStart(9);
  console.log(`  ${what.padEnd(36)}  p50 ${of(50)}   p99 ${of(99)}`);
}
