import { Cpuset } from './cpuset.ts';
import type { NumaNode, TopologyParts } from './topology.ts';

/**
 * A topology as a row of numbers in shared memory: given to any number of threads, it is copied for none of them. Nobody
 * writes to it after `packTopology`.
 *
 * ```text
 * maxCpuId | online | offline | isolated | cores | clusters | llcs | dies | packages | coreKinds | l3 | nodes
 *
 * a set:          number of CPUs, their ids
 * a list of sets: number of sets, the sets
 * l3:             0, or 1 and a list of sets
 * nodes:          number of nodes, then of each: id, CPUs, memory (upper and lower 32 bits), number of distances, distances
 * ```
 */
export type PackedTopology = Int32Array<SharedArrayBuffer>;

const TWO_TO_32 = 0x1_0000_0000;

/** What `unpackTopology` makes the same parts of. */
export function packTopology(parts: TopologyParts): PackedTopology {
  const numbers: number[] = [parts.maxCpuId];
  const writeSet = (cpus: Cpuset) => numbers.push(cpus.size, ...cpus);
  const writeSets = (sets: readonly Cpuset[]) => {
    numbers.push(sets.length);
    sets.forEach(writeSet);
  };
  for (const cpus of [parts.online, parts.offline, parts.isolated]) writeSet(cpus);
  const { cores, clusters, llcs, dies, packages, coreKinds, l3, nodes } = parts;
  for (const level of [cores, clusters, llcs, dies, packages, coreKinds]) writeSets(level);
  numbers.push(l3 === undefined ? 0 : 1);
  if (l3 !== undefined) writeSets(l3);
  numbers.push(nodes.length);
  for (const { id, cpus, memoryBytes, distances } of nodes) {
    numbers.push(id);
    writeSet(cpus);
    numbers.push(
      Math.floor(memoryBytes / TWO_TO_32),
      memoryBytes % TWO_TO_32,
      distances.length,
      ...distances,
    );
  }
  const packed = new Int32Array(new SharedArrayBuffer(numbers.length * Int32Array.BYTES_PER_ELEMENT));
  packed.set(numbers);
  return packed;
}

/** The parts that `packTopology` was given. */
export function unpackTopology(packed: PackedTopology): TopologyParts {
  let position = 0;
  const read = () => packed[position++]!;
  const readMany = () => {
    const start = position + 1;
    position = start + packed[position]!;
    return [...packed.subarray(start, position)];
  };
  const readSet = () => Cpuset.from(readMany());
  const readList = <T>(count: number, readOne: () => T): readonly T[] =>
    Array.from({ length: count }, readOne);
  const readSets = () => readList(read(), readSet);
  const readNode = (): NumaNode => ({
    id: read(),
    cpus: readSet(),
    memoryBytes: read() * TWO_TO_32 + (read() >>> 0),
    distances: readMany(),
  });
  // Properties are evaluated in the order written here, which is the order of the numbers.
  return {
    maxCpuId: read(),
    online: readSet(),
    offline: readSet(),
    isolated: readSet(),
    cores: readSets(),
    clusters: readSets(),
    llcs: readSets(),
    dies: readSets(),
    packages: readSets(),
    coreKinds: readSets(),
    ...(read() === 1 ? { l3: readSets() } : {}),
    nodes: readList(read(), readNode),
  };
}
