import { Cpuset } from './cpuset.ts';
import type { NumaNode, TopologyParts } from './topology.ts';

/** A topology specification that is not one: names the offending word. */
export class TopologySpecError extends Error {
  override readonly name = 'TopologySpecError';
}

/** The most that kernels are built for (x86, `CONFIG_MAXSMP`). */
const MAX_CPUS = 8192;

const KIB = 1024;
const MEMORY_UNITS: ReadonlyMap<string, number> = new Map([
  ['mib', KIB ** 2],
  ['gib', KIB ** 3],
  ['tib', KIB ** 4],
]);
const MAX_MEMORY = 1024 * KIB ** 4;

type Level = 'package' | 'die' | 'node' | 'llc';

interface Specification {
  /** How many of each level the whole host has, in the order written: each level divides those before it. */
  readonly levels: Map<Level, number>;
  /** Cores, or CPUs, in each domain of the innermost level. */
  inner: { readonly count: number; readonly unit: 'core' | 'cpu' } | undefined;
  smt: number | undefined;
  numbering: 'adjacent' | 'apart' | undefined;
  memoryBytes: number | undefined;
}

/**
 * Parses a host's topology as people write it: items separated by commas, in any case, from the outside in.
 *
 * - `2 packages` (or `sockets`), `2 dies`, `4 nodes`, `2 llcs`, then `16 cores` or `32 cpus`: each number counts per
 *   domain of the item before, and `each` may say so. What is left out is 1: a core in each of the innermost domains,
 *   a node in each package, an LLC in each of the innermost packages, dies or nodes.
 * - `SMT 2`: CPUs per core, 1 if left out.
 * - `siblings apart` numbers the first CPU of every core, then the second of every core, as most servers do (0,8 and
 *   1,9 with eight cores), and is the default; `siblings adjacent` numbers core after core (0,1 and 2,3).
 * - `64 GiB each` (or MiB, TiB): memory of each node, 64 GiB if left out.
 * - A number alone counts CPUs: `64` is one package and one node of 64 CPUs.
 *
 * Distances are 10 in a node, 12 between nodes of one package and 32 between packages.
 *
 * @throws TopologySpecError naming the word that is wrong
 */
export function parseTopologySpec(text: string): TopologyParts {
  const specification: Specification = {
    levels: new Map(),
    inner: undefined,
    smt: undefined,
    numbering: undefined,
    memoryBytes: undefined,
  };
  for (const item of text.split(',')) readItem(specification, item);
  return build(specification);
}

function readItem(specification: Specification, item: string): void {
  const words = item.match(/\d+|smt|[a-z][a-z0-9]*|\S/gi) ?? [];
  let position = 0;
  const word = () => words[position]?.toLowerCase();
  const refuse = (reason: string): never => {
    const found = words[position];
    const problem = found === undefined ? 'ends too early' : `is wrong: ${JSON.stringify(found)} ${reason}`;
    throw new TopologySpecError(`the item ${JSON.stringify(item.trim())} of the topology ${problem}`);
  };
  const once = (value: unknown) => {
    if (value !== undefined) refuse('is there twice');
  };
  const count = (most: number): number => {
    const value = /^\d+$/.test(word() ?? '') ? Number(word()) : refuse('is not a number');
    return value >= 1 && value <= most ? value : refuse(`is not between 1 and ${most}`);
  };

  if (word() === 'smt') {
    once(specification.smt);
    position++;
    specification.smt = count(MAX_CPUS);
  } else if (word() === 'siblings') {
    once(specification.numbering);
    position++;
    const numbering = word();
    specification.numbering =
      numbering === 'apart' || numbering === 'adjacent' ? numbering : refuse('is neither apart nor adjacent');
  } else {
    const unit = (words[1] ?? 'cpus').toLowerCase().replace(/s$/, '');
    const bytes = MEMORY_UNITS.get(unit);
    const value = count(bytes === undefined ? MAX_CPUS : MAX_MEMORY / bytes);
    position++;
    if (bytes !== undefined) {
      once(specification.memoryBytes);
      specification.memoryBytes = value * bytes;
    } else if (unit === 'core' || unit === 'cpu') {
      once(specification.inner);
      specification.inner = { count: value, unit };
    } else {
      const level =
        levelOf(unit) ?? refuse('is no level: packages, dies, nodes, llcs, cores, cpus (or MiB, GiB, TiB)');
      if (specification.inner !== undefined) refuse('comes after the cores: levels go from the outside in');
      once(specification.levels.get(level));
      const outer = [...specification.levels.values()].at(-1) ?? 1;
      specification.levels.set(level, outer * value);
    }
    if (word() !== undefined && words[position + 1]?.toLowerCase() === 'each') position++;
  }
  position++;
  if (word() !== undefined) refuse('is too much');
}

function levelOf(unit: string): Level | undefined {
  if (unit === 'socket') return 'package';
  return unit === 'package' || unit === 'die' || unit === 'node' || unit === 'llc' ? unit : undefined;
}

function build({
  levels,
  inner,
  smt = 1,
  numbering,
  memoryBytes = 64 * KIB ** 3,
}: Specification): TopologyParts {
  const innermost = [...levels.values()].at(-1) ?? 1;
  const { count, unit } = inner ?? { count: 1, unit: 'core' };
  const coresEach = unit === 'core' ? count : count / smt;
  if (!Number.isInteger(coresEach)) {
    throw new TopologySpecError(
      `the topology's "${count} cpus" cannot be divided into cores of "SMT ${smt}"`,
    );
  }
  const coreCount = innermost * coresEach;
  const cpuCount = coreCount * smt;
  if (cpuCount > MAX_CPUS) {
    throw new TopologySpecError(`the topology has ${cpuCount} CPUs, at most ${MAX_CPUS} are supported`);
  }

  const cpusOf = (firstCore: number, cores: number): Cpuset => {
    if (numbering === 'adjacent') return Cpuset.range(firstCore * smt, (firstCore + cores) * smt - 1);
    return Cpuset.union(
      Array.from({ length: smt }, (_, thread) => {
        const first = firstCore + thread * coreCount;
        return Cpuset.range(first, first + cores - 1);
      }),
    );
  };
  const divide = (domains: number): readonly Cpuset[] => {
    const cores = coreCount / domains;
    return Array.from({ length: domains }, (_, domain) => cpusOf(domain * cores, cores));
  };

  const packages = levels.get('package') ?? 1;
  const dies = levels.get('die') ?? packages;
  const nodes = levels.get('node') ?? packages;
  const packageSets = divide(packages);
  return {
    maxCpuId: cpuCount - 1,
    online: Cpuset.range(0, cpuCount - 1),
    offline: Cpuset.EMPTY,
    isolated: Cpuset.EMPTY,
    cores: divide(coreCount),
    clusters: [],
    llcs: divide(levels.get('llc') ?? innermost),
    dies: dies === packages ? [] : divide(dies),
    packages: packageSets,
    nodes: numaNodes(divide(nodes), packageSets, memoryBytes),
    coreKinds: [],
  };
}

function numaNodes(
  nodes: readonly Cpuset[],
  packages: readonly Cpuset[],
  memoryBytes: number,
): readonly NumaNode[] {
  const homes = nodes.map((cpus) => packages.findIndex((candidate) => candidate.intersects(cpus)));
  return nodes.map((cpus, id) => ({
    id,
    cpus,
    memoryBytes,
    distances: nodes.map((_, other) => (other === id ? 10 : homes[other] === homes[id] ? 12 : 32)),
  }));
}
