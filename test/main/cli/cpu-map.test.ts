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
      const lines = renderCpuMap(topology, owners, { width }).split('\n');
      assert.ok(lines.every((line) => line.length <= width));
      const drawn = lines
        .slice(0, lines.lastIndexOf(''))
        .filter((line) => !line.includes('node'))
        .join('');
      assert.equal(drawn.replaceAll(' ', '').length, topology.online.size);
    }
  }
  const rows = renderCpuMap(host('2 packages, 2 nodes each, 4 cores each'), []).split('\n');
  assert.match(rows[0]!, /node 0.*node 1/);
  assert.match(rows[3]!, /node 2.*node 3/);
});

test('colours add nothing but colours', () => {
  const topology = host('1 package, 2 nodes, 4 cores each, SMT 2');
  const owners = [owner('a', 'annotated', 0, 1), owner('b', 'annotated', 1, 2), owner('c', 'integer', 6)];
  const coloured = renderCpuMap(topology, owners, { colour: true });
  assert.notEqual(coloured, renderCpuMap(topology, owners));
  assert.equal(stripVTControlCharacters(coloured), renderCpuMap(topology, owners));
});
