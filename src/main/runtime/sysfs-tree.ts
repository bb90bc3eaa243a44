import { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HYBRID_UNITS } from '../../placement/core-kinds.ts';
import { Cpuset } from '../../placement/cpuset.ts';
import { CPU_FOLDER, NODE_FOLDER } from '../../placement/sysfs-files.ts';
import type { TopologyParts } from '../../placement/topology.ts';

/** A file that holds the list of those of `cpus` that are online. */
interface CpuFile {
  readonly path: string;
  readonly cpus: Cpuset;
}

/** In `.shared`: where an offline CPU leads to, for the kernel takes its `topology` and `cache` away. */
const OFFLINE = 'offline';

/** What x86 kernels say of hardware without clusters. */
const NO_CLUSTER = 65_535;

/** By level, as of a server. */
const CACHE_SIZES = { 2: '1024K', 3: '32768K' } as const;

/**
 * A made-up host: a folder that `readTopology` reads like a host's root, whose CPUs can be taken offline and brought
 * back as a kernel does it. It holds what `readTopology` needs, and the numbers and links that other NRI plugins go by
 * instead of lists (kernel, `ABI/stable/sysfs-devices-system-cpu` and `sysfs-devices-node`).
 *
 * Every CPU's folder is a link to one of its core in `cpu/.shared`, and the sets of larger levels are one file each.
 * So thousands of CPUs are quick to write, and when a set changes one file does, not one for each CPU in it.
 */
export class SysfsTree {
  readonly #cpuFolder: string;
  readonly #possible: Cpuset;
  readonly #files: CpuFile[] = [];
  /** The folder in `.shared` of the core of each CPU that the tree was written with as online. */
  readonly #coreFolders = new Map<number, string>();
  #online: Cpuset;

  /**
   * Writes the tree below `root`, a folder without one. `parts` is as `readTopology` gives it: each core is within one
   * domain of every level, and there are at most three kinds of cores.
   */
  constructor(root: string, parts: TopologyParts) {
    this.#cpuFolder = join(root, CPU_FOLDER);
    this.#possible = Cpuset.range(0, parts.maxCpuId);
    this.#online = parts.online;

    mkdirSync(`${this.#cpuFolder}/.shared/${OFFLINE}`, { recursive: true });
    writeList(`${this.#cpuFolder}/possible`, this.#possible);
    writeList(`${this.#cpuFolder}/present`, parts.online.union(parts.offline));
    writeList(`${this.#cpuFolder}/isolated`, parts.isolated);
    this.#writeCores(parts);
    this.#writeNodes(parts, join(root, NODE_FOLDER));
    this.#writeCoreKinds(parts, join(root, 'sys/devices'));
    for (const cpu of parts.online.union(parts.offline)) this.#link(cpu);
    this.#writeOffline();
    // Last, so that it is also the last to change: a CPU that is said to be online has its place.
    this.#addFile(`${this.#cpuFolder}/online`, parts.online);
  }

  get online(): Cpuset {
    return this.#online;
  }

  /** @throws RangeError if it would leave no CPU online; kernels refuse that too */
  takeOffline(cpus: Cpuset): void {
    this.#setOnline(this.#online.minus(cpus));
  }

  /** @throws RangeError for a CPU that the tree was not written with as online: its place is not known */
  bringOnline(cpus: Cpuset): void {
    this.#setOnline(this.#online.union(cpus));
  }

  #setOnline(online: Cpuset): void {
    if (online.isEmpty) throw new RangeError('the last online CPU cannot be taken offline');
    const changed = online.minus(this.#online).union(this.#online.minus(online));
    for (const cpu of changed) {
      if (!this.#coreFolders.has(cpu))
        throw new RangeError(`CPU ${cpu} has no place in this host's topology`);
    }
    this.#online = online;
    for (const cpu of changed) {
      unlinkSync(`${this.#cpuFolder}/cpu${cpu}`);
      this.#link(cpu);
    }
    this.#writeOffline();
    for (const { path, cpus } of this.#files) {
      if (cpus.intersects(changed)) replaceList(path, cpus.intersect(online));
    }
  }

  #writeCores({ cores, clusters, dies, packages, llcs, l3 = llcs, nodes }: TopologyParts): void {
    const shared = `${this.#cpuFolder}/.shared`;
    const levels = [
      { name: 'package', number: 'physical_package_id', domains: packages, absent: 0 },
      { name: 'die', number: 'die_id', domains: dies, absent: 0 },
      { name: 'cluster', number: 'cluster_id', domains: clusters, absent: NO_CLUSTER },
    ] as const;
    for (const { name, domains, absent } of levels) {
      writeFileSync(`${shared}/no_${name}`, `${absent}\n`);
      for (const [position, cpus] of domains.entries()) {
        this.#addFile(`${shared}/${name}${position}`, cpus);
        writeFileSync(`${shared}/${name}${position}_id`, `${position}\n`);
      }
    }
    for (const level of [2, 3] as const) {
      const kind = { level: `${level}`, type: 'Unified', size: CACHE_SIZES[level] };
      for (const [name, value] of Object.entries(kind))
        writeFileSync(`${shared}/l${level}_${name}`, `${value}\n`);
    }
    const levelOf = (cache: Cpuset) => (l3.some((domain) => domain.equals(cache)) ? 3 : 2);
    for (const [position, cpus] of llcs.entries()) {
      const folder = `${shared}/cache${position}`;
      writeCache(folder, levelOf(cpus), position);
      this.#addFile(`${folder}/shared_cpu_list`, cpus);
    }
    for (const [position, core] of cores.entries()) {
      const folder = `${shared}/core${position}`;
      mkdirSync(`${folder}/topology`, { recursive: true });
      this.#addFile(`${folder}/topology/core_cpus_list`, core);
      symlinkSync('core_cpus_list', `${folder}/topology/thread_siblings_list`);
      writeFileSync(`${folder}/topology/core_id`, `${position}\n`);
      for (const { name, number, domains } of levels) {
        const domain = domainOf(domains, core);
        const id = domain === undefined ? `no_${name}` : `${name}${domain}_id`;
        symlinkSync(`../../${id}`, `${folder}/topology/${number}`);
        if (domain !== undefined)
          symlinkSync(`../../${name}${domain}`, `${folder}/topology/${name}_cpus_list`);
      }
      const cache = domainOf(llcs, core);
      if (cache !== undefined) {
        const level = levelOf(llcs[cache]!);
        mkdirSync(`${folder}/cache`);
        symlinkSync(`../../cache${cache}`, `${folder}/cache/index${level}`);
        if (level === 3) {
          // Below the shared cache each core has one of its own.
          writeCache(`${shared}/own_cache${position}`, 2, position);
          symlinkSync(
            `../core${position}/topology/core_cpus_list`,
            `${shared}/own_cache${position}/shared_cpu_list`,
          );
          symlinkSync(`../../own_cache${position}`, `${folder}/cache/index2`);
        }
      }
      const node = nodes.find(({ cpus }) => cpus.intersects(core));
      if (node !== undefined) symlinkSync(`../../../node/node${node.id}`, `${folder}/node${node.id}`);
      for (const cpu of core) this.#coreFolders.set(cpu, `core${position}`);
    }
  }

  #writeNodes({ nodes }: TopologyParts, parent: string): void {
    for (const { id, cpus, memoryBytes, distances } of nodes) {
      const folder = `${parent}/node${id}`;
      mkdirSync(folder, { recursive: true });
      const kilobytes = Math.floor(memoryBytes / 1024);
      const memory = { MemTotal: kilobytes, MemFree: kilobytes, MemUsed: 0 };
      const lines = Object.entries(memory).map(([name, amount]) => `Node ${id} ${name}: ${amount} kB\n`);
      writeFileSync(`${folder}/meminfo`, lines.join(''));
      writeFileSync(`${folder}/distance`, `${distances.join(' ')}\n`);
      this.#addFile(`${folder}/cpulist`, cpus);
    }
    const ids = (those: TopologyParts['nodes']) => Cpuset.from(those.map(({ id }) => id));
    const withMemory = ids(nodes.filter(({ memoryBytes }) => memoryBytes > 0));
    for (const name of ['possible', 'online']) writeList(`${parent}/${name}`, ids(nodes));
    for (const name of ['has_memory', 'has_normal_memory']) writeList(`${parent}/${name}`, withMemory);
  }

  #writeCoreKinds({ coreKinds }: TopologyParts, parent: string): void {
    for (const [position, cpus] of coreKinds.entries()) {
      const unit = HYBRID_UNITS[position];
      if (unit === undefined) throw new RangeError(`${coreKinds.length} kinds of cores are too many`);
      mkdirSync(`${parent}/${unit}`, { recursive: true });
      this.#addFile(`${parent}/${unit}/cpus`, cpus);
    }
  }

  #link(cpu: number): void {
    const folder = this.#online.has(cpu) ? this.#coreFolders.get(cpu) : OFFLINE;
    symlinkSync(`.shared/${folder}`, `${this.#cpuFolder}/cpu${cpu}`);
  }

  #writeOffline(): void {
    replaceList(`${this.#cpuFolder}/offline`, this.#possible.minus(this.#online));
  }

  #addFile(path: string, cpus: Cpuset): void {
    this.#files.push({ path, cpus });
    writeList(path, cpus);
  }
}

/** A cache in `.shared`, but for the list of the CPUs that share it. */
function writeCache(folder: string, level: 2 | 3, id: number): void {
  mkdirSync(folder);
  writeFileSync(`${folder}/id`, `${id}\n`);
  for (const name of ['level', 'type', 'size']) symlinkSync(`../l${level}_${name}`, `${folder}/${name}`);
}

/** Position of the domain of a level that a core is in. */
function domainOf(level: readonly Cpuset[], core: Cpuset): number | undefined {
  const position = level.findIndex((cpus) => cpus.intersects(core));
  return position < 0 ? undefined : position;
}

function writeList(path: string, cpus: Cpuset): void {
  writeFileSync(path, `${cpus}\n`);
}

/** Changes a list in one step: who reads meanwhile sees the old or the new one, never an empty file; as in sysfs. */
function replaceList(path: string, cpus: Cpuset): void {
  writeList(`${path}.new`, cpus);
  renameSync(`${path}.new`, path);
}
