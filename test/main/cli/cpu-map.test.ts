import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type CpuOwner, renderCpuMap } from '../../../src/main/cli/cpu-map.ts';
import { Cpuset } from '../../../src/placement/cpuset.ts';
import { createTopology, type Topology } from '../../../src/placement/topology.ts';
import { parseTopologySpec } from '../../../src/placement/topology-spec.ts';

function host(specification: string): Topology {
  return createTopology(parseTopologySpec(specification));
}

function owner(label: string, kind: CpuOwner['kind'], ...cpus: readonly number[]): CpuOwner {
  return { label, kind, cpus: Cpuset.from(cpus) };
}

test('a block per NUMA node, a column per core, a row per thread, a letter per owner, and a legend', () => {
  const map = renderCpuMap(host('1 package, 2 nodes, 4 cores each, SMT 2'), [
    owner('db/postgres', 'annotated', 0, 1, 8),
    owner('web/nginx', 'shared', 2, 3, 7),
    owner('ml/train', 'integer', 4, 12),
  ]);
  assert.deepEqual(map.split('\n'), [
    'node 0: 0-3,8-11   node 1: 4-7,12-15',
    'AA··               B···',
    'A···               B···',
    '',
    'A db/postgres  annotated    3 CPUs   0-1,8',
    'B ml/train     integer      2 CPUs   4,12',
    '· shared pool  1 container  11 CPUs  2-3,5-7,9-11,13-15',
  ]);
});

test('a CPU that several annotated containers are pinned to is marked', () => {
  const map = renderCpuMap(host('4'), [owner('a', 'annotated', 0, 1), owner('b', 'annotated', 1, 2)]);
  assert.equal(map.split('\n')[1], 'A+B·');
});

test('every package starts a row, and no line is wider than asked for', () => {
  for (const specification of [
    '2 packages, 4 nodes each, 16 cores each, SMT 2',
    '1 package, 300 cores, SMT 4',
  ]) {
    const topology = host(specification);
    const everySecond = topology.online.toArray().filter((cpu) => cpu % 2 === 0);
    const owners = [owner('a-pod-with-a-long-name/and-a-container', 'annotated', ...everySecond)];
    for (const width of [100, 60]) {
      const lines = renderCpuMap(topology, owners, { width, fold: false }).split('\n');
      assert.ok(lines.every((line) => line.length <= width));
      const drawn = lines
        .slice(0, lines.lastIndexOf(''))
        .filter((line) => !/node|package/.test(line))
        .join('');
      assert.equal(drawn.replaceAll(' ', '').length, topology.online.size);
    }
  }
  const rows = renderCpuMap(host('2 packages, 2 nodes each, 4 cores each'), []).split('\n');
  assert.deepEqual([rows[0], rows[4]], ['package 0', 'package 1']);
  assert.match(rows[1]!, /node 0.*node 1/);
  assert.match(rows[5]!, /node 2.*node 3/);
});

test('colours add nothing but colours', () => {
  const topology = host('1 package, 2 nodes, 4 cores each, SMT 2');
  const owners = [owner('a', 'annotated', 0, 1), owner('b', 'annotated', 1, 2), owner('c', 'integer', 6)];
  const coloured = renderCpuMap(topology, owners, { colour: true });
  assert.notEqual(coloured, renderCpuMap(topology, owners));
  assert.equal(stripVTControlCharacters(coloured), renderCpuMap(topology, owners));
});

test('a gap is between last-level caches', () => {
  const map = renderCpuMap(host('1 package, 2 llcs, 4 cores each'), [owner('a', 'integer', 3, 4)]);
  assert.equal(map.split('\n')[1], '···A A···');
});

test('64 CPUs fit 80 columns and 24 rows', () => {
  const topology = host('2 packages, 2 nodes each, 2 llcs each, 4 cores each, SMT 2');
  const lines = renderCpuMap(topology, [owner('a', 'integer', 1)], { width: 80 }).split('\n');
  assert.ok(lines.length <= 24);
  assert.ok(lines.every((line) => line.length <= 80));
});

test('many CPUs are folded to a letter per core, and cores of several owners are marked', () => {
  const topology = host('2 packages, 4 nodes each, 4 llcs each, 16 cores each, SMT 2');
  const owners = [
    owner('a', 'integer', 0, 512, 1),
    owner('b', 'integer', 2, 514),
    owner('c', 'integer', 513),
  ];
  const lines = renderCpuMap(topology, owners, { width: 80 }).split('\n');
  assert.deepEqual(lines.slice(0, 4), [
    'package 0',
    'node 0: 0-63,512-575',
    `A%B${'·'.repeat(13)} ${'·'.repeat(16)} ${'·'.repeat(16)} ${'·'.repeat(16)}`,
    'node 1: 64-127,576-639',
  ]);
  assert.ok(lines.length <= 26);
  assert.equal(lines.at(-1), '% cores whose threads have different owners');
});

test('CPUs that are neither owned nor in the pool are told apart', () => {
  const lines = renderCpuMap(host('4'), [owner('a', 'annotated', 0)], { pool: Cpuset.range(1, 2) }).split(
    '\n',
  );
  assert.equal(lines[1], 'A··-');
  assert.match(lines.at(-1)!, /^- not in the pool +isolated +1 CPU +3$/);
});
