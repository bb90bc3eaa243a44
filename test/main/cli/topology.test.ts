import assert from 'node:assert/strict';
import { test } from 'node:test';
import { topologySummary } from '../../../src/main/cli/topology.ts';
import { Cpuset } from '../../../src/placement/cpuset.ts';
import { createTopology, type TopologyParts } from '../../../src/placement/topology.ts';

const sets = (...lists: number[][]) => lists.map((list) => Cpuset.from(list));
const EMPTY = Cpuset.EMPTY;
const PLAIN: TopologyParts = {
  maxCpuId: 7,
  online: Cpuset.range(0, 3),
  offline: EMPTY,
  isolated: EMPTY,
  cores: sets([0, 2], [1, 3]),
  clusters: [],
  llcs: sets([0, 1, 2, 3]),
  dies: [],
  packages: sets([0, 1, 2, 3]),
  nodes: [{ id: 0, cpus: Cpuset.range(0, 3), memoryBytes: 8 * 2 ** 30, distances: [10] }],
  coreKinds: [],
};

test('a plain host is shown in as many lines as it has parts', () => {
  assert.equal(
    topologySummary(createTopology(PLAIN)),
    [
      'online     4 CPUs: 0-3',
      'cores      2 (SMT-2)',
      'package 0  4 CPUs: 0-3',
      'node 0     4 CPUs: 0-3; 8.0 GiB; distances 10',
      'LLC 0      4 CPUs: 0-3',
    ].join('\n'),
  );
});

test('what is unusual has lines of its own', () => {
  const summary = topologySummary(
    createTopology({
      ...PLAIN,
      online: Cpuset.range(0, 4),
      offline: Cpuset.range(5, 7),
      isolated: Cpuset.from([1]),
      cores: sets([0, 2], [1, 3], [4]),
      packages: sets([0, 1, 2, 3, 4]),
      dies: sets([0, 2], [1, 3, 4]),
      llcs: sets([0, 2], [1, 3], [4]),
      coreKinds: sets([0, 1, 2, 3], [4]),
      nodes: [
        { id: 0, cpus: Cpuset.range(0, 4), memoryBytes: 2 ** 30, distances: [10, 17] },
        { id: 3, cpus: EMPTY, memoryBytes: 2 ** 40, distances: [17, 10] },
      ],
    }),
  );
  assert.equal(
    summary,
    [
      'online       5 CPUs: 0-4',
      'offline      3 CPUs: 5-7',
      'isolated     1 CPU: 1',
      'cores        3 (2 SMT-2, 1 without SMT)',
      'core kind 0  4 CPUs: 0-3',
      'core kind 1  1 CPU: 4',
      'package 0    5 CPUs: 0-4',
      'die 0        2 CPUs: 0,2',
      'die 1        3 CPUs: 1,3-4',
      'node 0       5 CPUs: 0-4; 1.0 GiB; distances 10 17',
      'node 3       no CPUs; 1024.0 GiB; distances 17 10',
      'LLC 0        2 CPUs: 0,2',
      'LLC 1        2 CPUs: 1,3',
      'LLC 2        1 CPU: 4',
    ].join('\n'),
  );
});
