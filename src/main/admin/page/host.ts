import type { Cpuset } from '../../../placement/cpuset.ts';
import type { TopologyView } from '../api.ts';
import { cpusetOf } from './cpu-text.ts';

/** The host as it is drawn, from the outside in. Levels are numbered as the topology lists them. */
export interface Host {
  readonly packages: readonly PackageBlock[];
  /** CPUs that are present but offline: the kernel tells no more of them. */
  readonly offline: readonly number[];
  /** Nodes without CPUs. */
  readonly memoryOnly: readonly number[];
  /** Ids of all CPUs that are drawn, in the order in which they are drawn. */
  readonly order: readonly number[];
}

export interface PackageBlock {
  readonly number: number;
  readonly cpus: Cpuset;
  readonly nodes: readonly NodeBlock[];
}

export interface NodeBlock {
  readonly id: number;
  readonly cpus: Cpuset;
  readonly memoryBytes: number;
  readonly llcs: readonly LlcBlock[];
}

export interface LlcBlock {
  readonly number: number;
  readonly cpus: Cpuset;
  /** Each core's CPUs. */
  readonly cores: readonly (readonly number[])[];
}

/** Where a CPU is, by the numbers that the map shows. */
export interface Place {
  readonly package: number;
  readonly node: number;
  readonly llc: number;
  readonly siblings: readonly number[];
}

/** Lays out a topology. A domain that reaches over several of the level around it is drawn in each with its share. */
export function layOut(topology: TopologyView): Host {
  const cores = topology.cores.map(cpusetOf);
  const within = (cpus: Cpuset, around: Cpuset) => {
    const part = cpus.intersect(around);
    return part.isEmpty ? [] : [part];
  };
  const packages = topology.packages.map((text, number): PackageBlock => {
    const packageCpus = cpusetOf(text);
    const nodes = topology.nodes.flatMap(({ id, cpus, memoryBytes }) =>
      within(cpusetOf(cpus), packageCpus).map((nodeCpus): NodeBlock => {
        const llcs = topology.llcs.flatMap((llc, number) =>
          within(cpusetOf(llc), nodeCpus).map((llcCpus): LlcBlock => {
            const inside = cores.filter((core) => core.intersects(llcCpus));
            return { number, cpus: llcCpus, cores: inside.map((core) => core.toArray()) };
          }),
        );
        return { id, cpus: nodeCpus, memoryBytes, llcs };
      }),
    );
    return { number, cpus: packageCpus, nodes };
  });
  const offline = cpusetOf(topology.offline).toArray();
  return {
    packages,
    offline,
    memoryOnly: topology.nodes.filter(({ cpus }) => cpus === '').map(({ id }) => id),
    order: [
      ...packages.flatMap(({ nodes }) =>
        nodes.flatMap(({ llcs }) => llcs.flatMap((llc) => llc.cores.flat())),
      ),
      ...offline,
    ],
  };
}

/** Where each CPU of the host is. */
export function placesOf(host: Host): ReadonlyMap<number, Place> {
  const places = new Map<number, Place>();
  for (const block of host.packages) {
    for (const node of block.nodes) {
      for (const llc of node.llcs) {
        for (const siblings of llc.cores) {
          const place = { package: block.number, node: node.id, llc: llc.number, siblings };
          for (const cpu of siblings) places.set(cpu, place);
        }
      }
    }
  }
  return places;
}
