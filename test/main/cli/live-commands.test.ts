import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { StateView } from '../../../src/main/admin/api.ts';
import type { JournalRecord } from '../../../src/main/journal.ts';
import { labelOf } from '../../../src/main/runtime/events.ts';
import { until } from '../../e2e/harness/until.ts';
import { type RunningPlugin, runProgram, startPlugin } from './running-plugin.ts';

// The plugin in a process of its own on the embedded runtime, and each command in another.
let plugin: RunningPlugin;

async function create(
  name: string,
  cpus: number | undefined,
  annotations: Readonly<Record<string, string>> = {},
): Promise<string> {
  const qos = cpus === undefined ? 'burstable' : 'guaranteed';
  const pod = await plugin.runtime.runPod({ name, namespace: 'ml', qos, annotations });
  const spec = { name: 'main', ...(cpus !== undefined && { cpus: { limit: cpus } }) };
  const { container } = await plugin.runtime.createContainer(pod, spec);
  return container?.id ?? '';
}

before(async () => {
  plugin = await startPlugin('2 packages, 2 nodes each, 2 llcs each, 4 cores each, SMT 2');
  await create('train', 8);
  await create('web-1', undefined);
  await create('web-2', undefined);
  await create('dpdk', undefined, { 'weka.io/cores-ids': '4,36' });
  await create('huge', 300);
});
after(() => plugin?.close());

async function asked(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await plugin.ask(...args);
  assert.deepEqual([code, stderr], [0, ''], stdout);
  return stdout;
}

describe('status', () => {
  test('tells who is connected to what, how the host is shared, and that all is well', async () => {
    const text = await asked('status');
    assert.match(text, /^Plugin +weka-cpuset \S+, registered as 99-weka-cpuset, process \d+, up /m);
    assert.match(text, /^Runtime +containerd v2\.1\.9, NRI 0\.8\.0, connected for /m);
    assert.match(text, /^Time-outs +2000 ms for each event/m);
    assert.match(text, /^Synchronized +\d{4}-\d\d-\d\d .+ ago$/m);
    assert.match(text, /^Host +64 CPUs, 32 cores, 4 NUMA nodes, 2 packages$/m);
    assert.match(text, /^Pool +54 CPUs: /m);
    assert.match(text, /^Containers +1 annotated on 2 CPUs, 1 integer on 8 CPUs, 2 in the pool$/m);
    assert.match(text, /^ +create +refused +1 /m);
    assert.match(text, /^As wanted +yes$/m);
  });

  test('is the state of the API as JSON', async () => {
    const state = JSON.parse(await asked('status', '--json')) as StateView;
    assert.equal(state.health.ready, true);
    assert.equal(state.containers.length, 4);
  });
});

describe('map', () => {
  test('draws the host with its owners', async () => {
    const lines = (await asked('map')).split('\n');
    assert.equal(lines[0], 'package 0');
    assert.match(lines[1]!, /^node 0: 0-7,32-39 +node 1: 8-15,40-47$/);
    assert.ok(lines.some((line) => /^[AB] ml\/train\/main +integer +8 CPUs +\S+$/.test(line)));
    assert.ok(lines.some((line) => /^[AB] ml\/dpdk\/main +annotated +2 CPUs +4,36$/.test(line)));
    assert.ok(lines.some((line) => /^· shared pool +2 containers +54 CPUs /.test(line)));
  });

  test('is drawn again when something changes, until it is interrupted', async () => {
    const watched = await plugin.watch(['map', '--watch'], /ml\/train\/main/);
    const id = await create('passing', 2);
    await watched.until(/ml\/passing\/main +integer +2 CPUs/);
    await plugin.runtime.removeContainer(id);
    await watched.until(/ml\/passing\/main[\s\S]*shared pool +2 containers +54 CPUs/);
    assert.equal(await watched.interrupt(), 0);
  });

  test('is drawn as a whole on a terminal that does not know its size yet, as that of `kubectl exec`', async () => {
    // Standard output as such a terminal, which is interrupted after the first drawing.
    const terminal = `
      const { stdout } = process;
      Object.assign(stdout, { isTTY: true, columns: 0, rows: 0 });
      const write = stdout.write.bind(stdout);
      stdout.write = (text, ...more) => {
        if (text.includes('\\n')) process.kill(process.pid, 'SIGINT');
        return write(text, ...more);
      };`;
    const { code, stdout } = await runProgram(
      ['map', '--watch', '--no-color', '--admin-socket', plugin.adminSocket],
      '',
      { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(terminal)}` },
    );
    assert.equal(code, 0);
    // As wide as where there is no terminal.
    const map = await asked('map');
    assert.ok(stdout.replaceAll('\x1b[K', '').includes(map), stdout);
    assert.match(stdout, /shared pool +2 containers +54 CPUs/);
    assert.doesNotMatch(stdout, /more lines/);
  });
});

describe('explain', () => {
  test('an integer container: its kind, its place, what else there was, and its moves', async () => {
    const text = await asked('explain', 'train');
    assert.match(text, /^ml\/train\/main$/m);
    assert.match(text, /Kind +integer: guaranteed with 8 whole CPUs/);
    assert.match(text, /Runs on +CPUs \S+: 8 CPUs in 4 whole cores, NUMA node \d/);
    assert.match(text, /Why there +(nothing that is free now would be better|that was decided by what)/);
    assert.match(text, /nodes? [\d, ]+: /);
    assert.match(text, /create +placed +ml\/train\/main +integer CPUs/);
  });

  test('an annotated and a shared one', async () => {
    assert.match(await asked('explain', 'ml/dpdk'), /exactly the CPUs that the annotation lists/);
    const shared = await asked('explain', 'ml/web-1/main');
    assert.match(shared, /Kind +shared: burstable pod/);
    assert.match(shared, /Runs on +the shared pool of 54 CPUs/);
  });

  test('one that was refused, from the journal', async () => {
    const text = await asked('explain', 'huge');
    assert.match(text, /huge does not run now/);
    assert.match(text, /not-enough-cpus: integer container asks for 300 exclusive CPUs/);
  });

  test('a container by its id, or the beginning of it', async () => {
    const train = plugin.runtime.containers.find((each) => labelOf(each) === 'ml/train/main')!;
    assert.match(await asked('explain', train.id), /^ml\/train\/main/);
    assert.match(await asked('explain', train.id.slice(0, 12)), /^ml\/train\/main/);
  });

  test('a name that nothing has is told what was meant', async () => {
    const { code, stdout } = await plugin.ask('explain', 'trian');
    assert.equal(code, 1);
    assert.match(stdout, /^There is no container or pod trian .*; did you mean "train"\?$/m);
  });
});

describe('journal', () => {
  test('lists the decisions with what moved and why', async () => {
    const text = await asked('journal');
    assert.match(text, /synchronize +synchronized/);
    assert.match(text, /create +placed +ml\/train\/main +integer CPUs \S+ +\[\S+-\d+\]\n +guaranteed with 8/);
    assert.match(text, /create +refused +ml\/huge\/main +\[\S+\]\n +not-enough-cpus: /);
  });

  test('can be JSON, a record to a line', async () => {
    const lines = (await asked('journal', '--json')).trimEnd().split('\n');
    const records = lines.map((line) => JSON.parse(line) as JournalRecord);
    assert.deepEqual(
      records.map(({ sequence }) => sequence),
      records.map((_, position) => position + 1),
    );
  });

  test('goes on with what comes, until it is interrupted', async () => {
    const watched = await plugin.watch(['journal', '--follow'], /ml\/huge\/main/);
    const id = await create('followed', 2);
    await watched.until(/create +placed +ml\/followed\/main/);
    await plugin.runtime.removeContainer(id);
    await watched.until(/stop +released +ml\/followed\/main/);
    assert.equal(await watched.interrupt(), 0);
  });
});

test('simulate tries pods on the live node, and changes nothing there', async () => {
  const earlier = await asked('map');
  const pods = `
kind: List
items:
- kind: Pod
  metadata: {name: train, namespace: ml}
  spec: {containers: [{name: main}]}
- kind: Pod
  metadata: {name: new, annotations: {weka.io/cores-ids: "5"}}
  spec: {containers: [{name: main}]}`;
  const { code, stdout, stderr } = await plugin.try(pods, 'simulate', '--from-live', '--pods', '-');
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /4 pods on it now/);
  assert.match(stdout, /passed over: 1 pod already there/);
  const [before = '', after = ''] = stdout.split('What happens');
  assert.match(before, /ml\/train\/main +integer +8 CPUs +0,5-7,/);
  assert.match(before, /· shared pool +2 containers +54 CPUs/);
  assert.match(after, /moves ml\/train\/main: /);
  assert.match(after, /^. default\/new\/main +annotated +1 CPU +5$/m);
  assert.equal(await asked('map'), earlier);
});

describe('without its runtime, the plugin', () => {
  before(async () => {
    await plugin.runtime.close();
    await until('it is not ready', async () => (await plugin.ask('status')).code === 1);
  });

  test('has its map say that it may not be all', async () => {
    assert.match(await asked('map'), /^The plugin is not ready, .* not registered with a runtime$/m);
  });

  test('explains no name without saying that it may not know all', async () => {
    const unready = /^The plugin is not ready, .* not registered with a runtime$/m;
    const { code, stdout } = await plugin.ask('explain', 'nothing');
    assert.equal(code, 1);
    assert.match(stdout, /^There is no container or pod nothing /);
    assert.match(stdout, unready);
    assert.match(await asked('explain', 'train'), unready);
  });

  test('is not asked whether pods fit', async () => {
    const pod = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'new' },
      spec: { containers: [{ name: 'main' }] },
    });
    const { code, stdout, stderr } = await plugin.try(pod, 'simulate', '--from-live', '--pods', '-');
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^weka-cpuset: the running plugin is not ready, .*\n$/);
  });
});
