import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TopologyView } from '../../../../src/main/admin/api.ts';
import { layOut, placesOf } from '../../../../src/main/admin/page/host.ts';
import { SMALL_HOST, stateWith } from '../../../page/states.ts';

const { topology } = stateWith(SMALL_HOST, []);

test('a host is laid out from package to thread, each CPU once', () => {
  const host = layOut(topology);
  assert.equal(host.packages.length, 2);
  const [node] = host.packages[1]!.nodes;
  assert.equal(node?.id, 1);
  assert.deepEqual(
    node.llcs.map(({ number }) => number),
    [2, 3],
  );
  assert.deepEqual(node.llcs[0]!.cores[0], [16, 48]);
  assert.equal(new Set(host.order).size, 64);
  assert.deepEqual(placesOf(host).get(48), { package: 1, node: 1, llc: 2, siblings: [16, 48] });
});

test('offline CPUs and nodes without CPUs are listed apart', () => {
  const memoryNode = { id: 7, cpus: '', memoryBytes: 2 ** 36, distances: [20] };
  const host = layOut({ ...topology, offline: '64-65', nodes: [...topology.nodes, memoryNode] });
  assert.deepEqual(host.offline, [64, 65]);
  assert.deepEqual(host.memoryOnly, [7]);
  assert.deepEqual(host.order.slice(-2), [64, 65]);
});

test('a cache that reaches over two nodes is drawn in each with its share', () => {
  const shared: TopologyView = { ...topology, llcs: ['0-31,32-63'] };
  const host = layOut(shared);
  const parts = host.packages.flatMap(({ nodes }) => nodes.flatMap(({ llcs }) => llcs));
  assert.deepEqual(
    parts.map(({ cpus }) => `${cpus}`),
    ['0-15,32-47', '16-31,48-63'],
  );
  assert.equal(new Set(host.order).size, host.order.length);
});
