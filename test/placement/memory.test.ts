import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { memoryNodes } from '../../src/placement/memory.ts';
import { createTopology, type Topology } from '../../src/placement/topology.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';

const SPEC = '2 packages, 2 nodes each, 2 cpus';

/** Four nodes of two CPUs, of which some have no memory; distances as given, else by package. */
function host(withoutMemory: readonly number[], distances?: readonly (readonly number[])[]): Topology {
  const parts = parseTopologySpec(SPEC);
  return createTopology({
    ...parts,
    nodes: parts.nodes.map((node, position) => ({
      ...node,
      memoryBytes: withoutMemory.includes(position) ? 0 : node.memoryBytes,
      distances: distances?.[position] ?? node.distances,
    })),
  });
}

function nodesOf(topology: Topology, ...cpus: number[]): string {
  return memoryNodes(topology, Cpuset.from(cpus)).toString();
}

describe('the memory nodes of CPUs', () => {
  test('are the NUMA nodes they belong to', () => {
    assert.equal(nodesOf(host([]), 0, 1), '0');
    assert.equal(nodesOf(host([]), 1, 6), '0,3');
    assert.equal(nodesOf(host([]), 0, 2, 4, 6), '0-3');
  });

  test('are none for no CPUs', () => {
    assert.equal(nodesOf(host([])), '');
  });

  test('are the nearest node that has memory for CPUs of a node that has none', () => {
    assert.equal(nodesOf(host([0]), 0), '1');
    assert.equal(nodesOf(host([3]), 0, 7), '0,2');
  });

  test('are all nodes with memory that are equally near', () => {
    assert.equal(nodesOf(host([0, 1]), 0), '2-3');
  });

  test('are found by distance, not by number', () => {
    const distances = [
      [10, 30, 20, 30],
      [30, 10, 30, 20],
      [20, 30, 10, 30],
      [30, 20, 30, 10],
    ];
    assert.equal(nodesOf(host([0], distances), 0), '2');
    assert.equal(nodesOf(host([0, 1], distances), 0, 2), '2-3');
  });

  test('may be a node that has memory only', () => {
    const parts = parseTopologySpec('2 nodes, 2 cpus');
    const [near, far] = parts.nodes;
    const topology = createTopology({
      ...parts,
      nodes: [
        { ...near!, memoryBytes: 0, distances: [10, 32, 17] },
        { ...far!, distances: [32, 10, 28] },
        { id: 5, cpus: Cpuset.EMPTY, memoryBytes: 1 << 30, distances: [17, 28, 10] },
      ],
    });
    assert.equal(nodesOf(topology, 0), '5');
  });

  test('are named by the ids of the kernel, which may have gaps', () => {
    const parts = parseTopologySpec('2 nodes, 2 cpus');
    const topology = createTopology({
      ...parts,
      nodes: parts.nodes.map((node) => ({ ...node, id: node.id * 8 })),
    });
    assert.equal(nodesOf(topology, 0, 3), '0,8');
  });

  test('are the nodes of the CPUs where no node says that it has memory', () => {
    assert.equal(nodesOf(host([0, 1, 2, 3]), 0, 4), '0,2');
  });
});
