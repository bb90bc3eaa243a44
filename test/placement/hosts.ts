import { Cpuset } from '../../src/placement/cpuset.ts';
import { createTopology, type Topology } from '../../src/placement/topology.ts';

/** A core of a host under test: its CPUs, and what it belongs to. */
export interface HostCore {
  readonly cpus: readonly number[];
  readonly package?: number;
  readonly node?: number;
  readonly llc?: number;
  readonly kind?: number;
}

/** A host made of the given cores. Nodes of one package are 12 apart, others 32; `memoryOnly` nodes come after all others. */
export function hostOf(cores: readonly HostCore[], memoryOnly = 0): Topology {
  const level = (keyOf: (core: HostCore) => number): Cpuset[] => {
    const keys = [...new Set(cores.map(keyOf))].sort((a, b) => a - b);
    return keys.map((key) =>
      Cpuset.from(cores.filter((core) => keyOf(core) === key).flatMap((core) => core.cpus)),
    );
  };
  const online = Cpuset.from(cores.flatMap((core) => core.cpus));
  const packages = level((core) => core.package ?? 0);
  const packageOf = (cpus: Cpuset) => packages.findIndex((members) => members.intersects(cpus));
  const nodes = [
    ...level((core) => core.node ?? 0),
    ...Array.from({ length: memoryOnly }, () => Cpuset.EMPTY),
  ];
  return createTopology({
    maxCpuId: online.last,
    online,
    offline: Cpuset.EMPTY,
    isolated: Cpuset.EMPTY,
    cores: cores.map((core) => Cpuset.from(core.cpus)),
    clusters: [],
    llcs: level((core) => core.llc ?? 0),
    dies: [],
    packages,
    nodes: nodes.map((cpus, id) => ({
      id,
      cpus,
      memoryBytes: 1 << 30,
      distances: nodes.map((other, position) =>
        position === id ? 10 : packageOf(other) === packageOf(cpus) ? 12 : 32,
      ),
    })),
    coreKinds: level((core) => core.kind ?? 0),
  });
}

export interface RegularHost {
  readonly packages?: number;
  readonly nodesPerPackage?: number;
  readonly llcsPerNode?: number;
  readonly coresPerLlc: number;
  readonly threads: number;
  /** `adjacent`: the CPUs of a core follow one another. `apart` (default): the first CPUs of all cores, then the second ones. */
  readonly siblings?: 'adjacent' | 'apart';
}

/** A host that has the same number of everything everywhere. */
export function regularHost(host: RegularHost): Topology {
  const {
    packages = 1,
    nodesPerPackage = 1,
    llcsPerNode = 1,
    coresPerLlc,
    threads,
    siblings = 'apart',
  } = host;
  const total = packages * nodesPerPackage * llcsPerNode * coresPerLlc;
  return hostOf(
    Array.from({ length: total }, (_, core) => {
      const llc = Math.floor(core / coresPerLlc);
      const node = Math.floor(llc / llcsPerNode);
      return {
        cpus: Array.from({ length: threads }, (_, thread) =>
          siblings === 'adjacent' ? core * threads + thread : thread * total + core,
        ),
        package: Math.floor(node / nodesPerPackage),
        node,
        llc,
      };
    }),
  );
}
