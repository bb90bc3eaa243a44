import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RuntimeEvent } from '../src/main/runtime/events.ts';
import { EmbeddedRuntime } from '../src/main/runtime/runtime.ts';
import { SysfsTree } from '../src/main/runtime/sysfs-tree.ts';
import { parseTopologySpec } from '../src/placement/topology-spec.ts';
import { release } from '../test/e2e/harness/release.ts';

// How long no instance answers, when the active one of two is killed: until the one that waited is synchronized. And how long
// the runtime is held up when a newer one takes over: in the list during which that happens, and in one without that.

const RUNS = 5;
/** One that waits has been there for long: it has read its host, and loaded what it loads later. */
const SETTLED_MS = 4000;
const SPEC = '2 packages, 4 nodes each, 8 llcs each, 8 cores each, SMT 2';
const CONTAINERS = [0, 100, 1000];
const PLUGIN = resolve(import.meta.dirname, '../bin/weka-cpuset');

const folder = mkdtempSync(join(tmpdir(), 'bench-handover-'));
const socketPath = join(folder, 'nri.sock');
const parts = parseTopologySpec(SPEC);
new SysfsTree(join(folder, 'host'), parts);
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts an instance, and waits until it waits for the active one, or is that itself. */
async function start(executable: string, until: RegExp): Promise<ChildProcess> {
  const flags = ['--socket', socketPath, '--host-root', join(folder, 'host'), '--log-format', 'json'];
  const child = spawn(executable, ['run', ...flags, '--admin-socket', join(folder, 'run/admin.sock')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  let log = '';
  await new Promise<void>((done) => {
    child.stderr.on('data', (chunk) => {
      log += chunk;
      if (until.test(log)) done();
    });
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
  running.delete(child);
}

const SYNCHRONIZED = /"msg":"synchronize/;
const WAITS = /another instance is active/;
const newer = release('99.0.0', folder);

for (const containers of CONTAINERS) {
  let onList = (_event: RuntimeEvent): void => {};
  const runtime = await EmbeddedRuntime.start({
    socketPath,
    online: parts.online,
    requestTimeoutMs: 10_000,
    onEvent: (event) => {
      if (event.operation === 'Synchronize') onList(event);
    },
  });
  const nextList = () =>
    new Promise<RuntimeEvent>((done) => {
      onList = done;
    });
  for (let number = 0; number < containers; number++) {
    const pod = await runtime.runPod({
      name: `pod-${number}`,
      qos: number % 4 === 0 ? 'guaranteed' : 'burstable',
    });
    await runtime.createContainer(pod, { name: 'main', ...(number % 4 === 0 && { cpus: { limit: 1 } }) });
  }
  let active = await start(PLUGIN, SYNCHRONIZED);
  const gaps: number[] = [];
  const lists: number[] = [];
  const takeovers: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const waiting = await start(PLUGIN, WAITS);
    await sleep(SETTLED_MS);
    const killed = nextList();
    const since = performance.now();
    await kill(active);
    lists.push((await killed).latencyMs);
    gaps.push(performance.now() - since);
    active = waiting;

    const taken = nextList();
    const young = await start(newer, SYNCHRONIZED);
    takeovers.push((await taken).latencyMs);
    const back = nextList();
    await kill(young);
    await back;
  }
  await kill(active);
  await runtime.close();
  console.log(
    `${String(containers).padStart(5)} containers: killed until synchronized ${median(gaps)} (${Math.max(...gaps).toFixed(0)} at most);` +
      ` runtime held up by a list ${median(lists)}, by one with a takeover ${median(takeovers)}`,
  );
}
rmSync(folder, { recursive: true });

function median(values: readonly number[]): string {
  return `${[...values].sort((one, other) => one - other)[values.length >> 1]!.toFixed(0)} ms`;
}
