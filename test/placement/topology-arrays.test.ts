import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { createTopology, type TopologyParts } from '../../src/placement/topology.ts';
import { packTopology, unpackTopology } from '../../src/placement/topology-arrays.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';

const someCpus = fc.uniqueArray(fc.nat(4095), { maxLength: 20 }).map((ids) => Cpuset.from(ids));
const someSets = fc.array(someCpus, { maxLength: 6 });
const someParts: fc.Arbitrary<TopologyParts> = fc.record(
  {
    maxCpuId: fc.nat(4095),
    online: someCpus,
    offline: someCpus,
    isolated: someCpus,
    cores: someSets,
    clusters: someSets,
    llcs: someSets,
    l3: someSets,
    dies: someSets,
    packages: someSets,
    nodes: fc.array(
      fc.record({
        id: fc.nat(1023),
        cpus: someCpus,
        memoryBytes: fc.maxSafeNat(),
        distances: fc.array(fc.nat(255), { maxLength: 4 }),
      }),
      { maxLength: 4 },
    ),
    coreKinds: someSets,
  },
  {
    requiredKeys: [
      'maxCpuId',
      'online',
      'offline',
      'isolated',
      'cores',
      'clusters',
      'llcs',
      'dies',
      'packages',
      'nodes',
      'coreKinds',
    ],
  },
);

/** Cpusets compare by what they hold only as text. */
function readable(parts: TopologyParts): unknown {
  return JSON.parse(JSON.stringify(parts));
}

describe('a packed topology', () => {
  it('unpacks to what was packed', () => {
    fc.assert(
      fc.property(someParts, (parts) => {
        assert.deepEqual(readable(unpackTopology(packTopology(parts))), readable(parts));
      }),
    );
  });

  it('makes the same topology as the parts do', () => {
    const topology = createTopology(parseTopologySpec('2 packages, 2 nodes, 4 llcs, 8 cores, SMT 2'));
    const again = createTopology(unpackTopology(packTopology(topology)));
    assert.deepEqual(readable(again), readable(topology));
  });

  it('is the same memory in another thread', async () => {
    const packed = packTopology(parseTopologySpec('4 cores, SMT 2'));
    const worker = new Worker('require("node:worker_threads").workerData[0] = 99', {
      eval: true,
      execArgv: [],
      workerData: packed,
    });
    await new Promise((resolve) => worker.once('exit', resolve));
    assert.equal(packed[0], 99);
  });
});
