import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type Ended, runProgram } from '../cli/running-plugin.ts';

const folder = mkdtempSync(join(tmpdir(), 'simulate-test-'));
after(() => rmSync(folder, { recursive: true }));

const HOST = '2 packages, 8 cores each, SMT 2';

const simulate = (pods: string, ...flags: readonly string[]): Promise<Ended> =>
  runProgram(['simulate', '--topology', HOST, '--pods', '-', ...flags], pods);

interface Json {
  readonly fits: boolean;
  readonly containers: readonly {
    readonly container: string;
    readonly role: string;
    readonly outcome: string;
    readonly kind?: string;
    readonly cpus?: string;
    readonly code?: string;
    readonly reason: string;
    readonly moves: readonly { readonly container: string }[];
  }[];
  readonly moved: readonly { readonly container: string; readonly from: string; readonly to: string }[];
  readonly left: { readonly poolCpus: number; readonly largest: number; readonly largestOnNode: number };
  readonly ignored: readonly string[];
}

async function simulated(pods: string, ...flags: readonly string[]): Promise<Json> {
  const { stdout, stderr } = await simulate(pods, '--json', ...flags);
  assert.equal(stderr, '');
  return JSON.parse(stdout) as Json;
}

const pod = (name: string, cpus: number | undefined, annotations = '') => `
---
kind: Pod
metadata: {name: ${name}, annotations: {${annotations}}}
spec: {containers: [{name: main${cpus === undefined ? '' : `, resources: {limits: {cpu: ${cpus}, memory: 1Gi}}`}}]}
`;
const pinned = (name: string, cpus: string) => pod(name, undefined, `weka.io/cores-ids: "${cpus}"`);

describe('the answers', () => {
  test('what fits is told with where it lands, and what is left', async () => {
    const { code, stdout } = await simulate(pod('job', 4) + pod('web', undefined) + pinned('db', '8-11'));
    assert.equal(code, 0);
    assert.match(stdout, /^Host +32 CPUs, 16 cores, 2 NUMA nodes, 2 packages$/m);
    assert.match(stdout, /default\/job\/main +integer +CPUs 1-2,17-18$/m);
    assert.match(stdout, /default\/web\/main +shared +the shared pool$/m);
    assert.match(stdout, /default\/db\/main +annotated +CPUs 8-11, memory of node 1$/m);
    assert.match(stdout, /^Will it fit\? +Yes, all 3 containers\.$/m);
    assert.match(stdout, /^What moves\? +Nothing\.$/m);
    assert.match(
      stdout,
      /^What is left\? +24 CPUs in the shared pool, for 1 container; 8 CPUs have owners\.$/m,
    );
    assert.match(stdout.replace(/\s+/g, ' '), /up to 23 CPUs still fits, of up to 12 within a NUMA node\. $/);
  });

  test('what moves is told with the pod that it moves for', async () => {
    const { code, stdout } = await simulate(pod('job', 4) + pinned('db', '1'));
    assert.equal(code, 0);
    assert.match(stdout, /default\/db\/main .*\n +moves default\/job\/main: 1-2,17-18 → /);
    assert.match(
      stdout,
      /^What moves\? +1 container, to \d other CPUs?:\n +default\/job\/main: 1-2,17-18 → /m,
    );
  });

  test('what is refused is told with the reason, and the exit code is 1', async () => {
    const { code, stdout } = await simulate(pod('job', 4) + pod('huge', 64));
    assert.equal(code, 1);
    assert.match(stdout, /default\/huge\/main +refused: not-enough-cpus\n +integer container asks for 64/);
    assert.match(stdout, /^Will it fit\? +No: 1 of 2 containers is refused\.$/m);
  });

  test('lines are no wider than 100 columns where there is no terminal, and there are no colours', async () => {
    const { stdout } = await simulate(pod('a'.repeat(60), 4) + pod('huge', 64));
    for (const line of stdout.split('\n')) assert.ok(line.length <= 100, line);
    assert.equal(stdout, stripVTControlCharacters(stdout));
  });

  test('replicas in the pool take one line', async () => {
    const { stdout } = await simulate(`
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 30, template: {spec: {containers: [{name: nginx}]}}}`);
    assert.match(stdout, /shop\/web\/nginx ×30 +shared +the shared pool$/m);
    assert.match(stdout, /30 containers\.$/m);
  });

  test('more than the scheduler would put on the host is said', async () => {
    const requests =
      pod('a', 20).replaceAll('limits', 'requests') + pod('b', 20).replaceAll('limits', 'requests');
    assert.match((await simulate(requests)).stdout, /request 40 CPUs and the host has 32/);
  });
});

describe('pods live as on a node', () => {
  test('an init container gives its CPUs back before the next container starts, a sidecar keeps its own', async () => {
    const { containers } = await simulated(`
kind: Pod
metadata: {name: p}
spec:
  initContainers:
  - {name: init, resources: {limits: {cpu: 30, memory: 1Gi}}}
  - {name: side, restartPolicy: Always, resources: {limits: {cpu: 2, memory: 1Gi}}}
  containers:
  - {name: main, resources: {limits: {cpu: 28, memory: 1Gi}}}
  - {name: late, resources: {limits: {cpu: 2, memory: 1Gi}}}`);
    assert.deepEqual(
      containers.map(({ container, role, outcome }) => `${container} ${role} ${outcome}`),
      [
        'default/p/init init placed',
        'default/p/side sidecar placed',
        'default/p/main container placed',
        'default/p/late container refused',
      ],
    );
  });

  test('what comes after a refused init container waits', async () => {
    const { containers } = await simulated(`
kind: Pod
metadata: {name: p}
spec:
  initContainers: [{name: init, resources: {limits: {cpu: 64, memory: 1Gi}}}]
  containers: [{name: main, resources: {limits: {cpu: 2, memory: 1Gi}}}]`);
    assert.deepEqual(
      containers.map(({ outcome, reason }) => `${outcome} ${reason.slice(0, 29)}`),
      ['refused integer container asks for 64', 'waiting waits for init, which is refu'],
    );
  });
});

describe('host and settings', () => {
  test('settings of run count, from flags and from a file', async () => {
    const left = async (...flags: string[]) => (await simulated(pod('a', undefined), ...flags)).left.largest;
    assert.equal(await left(), 31);
    assert.equal(await left('--min-shared-cpus', '10'), 22);
    assert.equal(await left('--reserved-cpus=0-7'), 24);
    const config = join(folder, 'config.yaml');
    writeFileSync(config, 'minSharedCpus: 12\n');
    assert.equal(await left('--config', config), 20);
    assert.equal(await left('--config', config, '--min-shared-cpus=4'), 28);
  });

  test('the same pods get the same answer every time', async () => {
    const pods = pod('a', 4) + pod('b', 3) + pinned('c', '1-4') + pod('d', undefined);
    assert.deepEqual(await simulated(pods), await simulated(pods));
  });

  test('bad use is one line, and exit code 2', async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /needs the pods, --pods=FILE/],
      [['--pods', '/nonexistent'], /\/nonexistent: does not exist/],
      [['--pods', '-', '--topology', '2 turtles'], /--topology: /],
      [['--pods', '-', '--topology', '4', '--from-live'], /one of --topology, --host-root and --from-live/],
      [['--pods', '-', '--topology', '4', '--reserved-cpus', '99'], /reservedCpus/],
      [['--pods', '-', '--min-shared-cpus', 'x'], /minSharedCpus must be/],
    ];
    for (const [flags, message] of cases) {
      const { code, stdout, stderr } = await runProgram(['simulate', ...flags], pod('a', 1));
      assert.match(stderr, /^weka-cpuset: [^\n]+\n$/);
      assert.match(stderr, message);
      assert.deepEqual([code, stdout], [2, '']);
    }
  });

  test('nothing is left behind', async () => {
    const { code } = await runProgram(['simulate', '--topology', '4', '--pods', '-'], pod('a', 1), {
      TMPDIR: folder,
    });
    assert.equal(code, 0);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('weka-cpuset')),
      [],
    );
  });
});
