import { readCoreKinds } from './core-kinds.ts';
import { CpuListError, parseCpuList } from './cpulist.ts';
import { Cpuset } from './cpuset.ts';
import {
  CPU_FOLDER,
  content,
  listNumbers,
  MAX_CPU_ID,
  NODE_FOLDER,
  readFirstSet,
  readList,
  readSiblings,
  readWord,
  type SysfsFiles,
} from './sysfs-files.ts';
import type { NumaNode, TopologyParts } from './topology.ts';

/** The host does not say which CPUs are online: names the file, and quotes what it holds. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError';
}

/** The kernel's names for the same set, by preference: since 5.3, before, and the masks of kernels without lists. */
const CORE_FILES = ['core_cpus_list', 'thread_siblings_list', 'core_cpus', 'thread_siblings'];
const PACKAGE_FILES = ['package_cpus_list', 'core_siblings_list', 'package_cpus', 'core_siblings'];
const DIE_FILES = ['die_cpus_list', 'die_cpus'];
const CLUSTER_FILES = ['cluster_cpus_list', 'cluster_cpus'];
const CACHE_FILES = ['shared_cpu_list', 'shared_cpu_map'];
const NODE_FILES = ['cpulist', 'cpumap'];

/** The CPUs that share a level with `cpu`; undefined if the host does not say. */
type Siblings = (cpu: number) => Cpuset | undefined;

/**
 * Reads a host's CPU topology (kernel documentation: `ABI/stable/sysfs-devices-system-cpu`, `ABI/stable/
 * sysfs-devices-node`, `admin-guide/cputopology`). Every file but the online CPUs is optional, and one that holds
 * garbage counts as missing. Every level is a partition: a CPU that files put in two places is in the first.
 *
 * The number of files read is about one per core, four per cache domain and three per node: a set found through one
 * CPU is not read again through the others.
 *
 * @throws TopologyError if the online CPUs cannot be found out
 */
export function readTopology(files: SysfsFiles): TopologyParts {
  const online = readOnline(files);
  const present = readList(files, `${CPU_FOLDER}/present`, MAX_CPU_ID) ?? cpuFolders(files);
  const possible = readList(files, `${CPU_FOLDER}/possible`, MAX_CPU_ID) ?? present;
  const maxCpuId = Math.max(possible.last, present.last, online.last);

  // The first CPU that is described stands for all as to which files there are.
  const witness = online.toArray().find((cpu) => files.list(topologyFolder(cpu)).length > 0) ?? online.first;
  const described = new Set(files.list(topologyFolder(witness)));
  const siblings = (names: readonly string[]): Siblings => {
    const known = names.filter((name) => described.has(name));
    return (cpu) => readSiblings(files, topologyFolder(cpu), known, cpu, maxCpuId);
  };

  const alone = (cpu: number) => Cpuset.from([cpu]);
  const describedCore = siblings(CORE_FILES);
  const coreOf = (cpu: number) => describedCore(cpu) ?? alone(cpu);
  const witnessCore = coreOf(witness);
  // Saves a read per core. The witness is asked as well since a kernel without SMT scheduling says 0 on any hardware.
  const smtOff = readWord(files, `${CPU_FOLDER}/smt/active`) === '0' && witnessCore.size === 1;
  const cores = partition(online, smtOff ? alone : coreOf);
  const packages = partition(online, siblings(PACKAGE_FILES));
  const coreKinds = readCoreKinds(files, online, cores, packages, maxCpuId);

  // Kernels for hardware without a level say that its id is -1 and that every CPU is one.
  const unlessAbsent = (id: string, names: readonly string[]): Siblings =>
    readWord(files, `${topologyFolder(witness)}/${id}`) === '-1' ? () => undefined : siblings(names);
  const dies = partition(online, unlessAbsent('die_id', DIE_FILES));
  const clusterOf = unlessAbsent('cluster_id', CLUSTER_FILES);
  // With cores of one kind and no CPU offline, what the witness' core has for itself each core has for itself: on most
  // hosts that is the cluster, on some the last-level cache, and need not be read from every core.
  const uniform = coreKinds.length === 0 && online.equals(present);
  const isPrivate = (cpus: Cpuset | undefined) => uniform && cpus?.isSubsetOf(witnessCore);
  const clusters = isPrivate(clusterOf(witness)) ? [] : partition(online, clusterOf);
  const cache = readLastLevelCache(files, witness, maxCpuId);

  return {
    maxCpuId,
    online,
    offline: present.minus(online),
    isolated: (readList(files, `${CPU_FOLDER}/isolated`, maxCpuId) ?? Cpuset.EMPTY).intersect(online),
    cores,
    clusters: unlessSame(clusters, cores),
    ...(isPrivate(cache?.cpus)
      ? withLevel3(cores, cache?.level === 3 ? cores : [])
      : readLastLevelCaches(files, online, maxCpuId)),
    dies: unlessSame(dies, packages),
    packages,
    nodes: readNodes(files, online, maxCpuId),
    coreKinds,
  };
}

/** Old kernels have no list of the online CPUs, only a switch for each CPU that can be taken offline. */
function readOnline(files: SysfsFiles): Cpuset {
  const path = `${CPU_FOLDER}/online`;
  const text = files.read(path);
  if (text !== undefined) {
    try {
      return parseCpuList(content(text), { max: MAX_CPU_ID });
    } catch (error) {
      if (!(error instanceof CpuListError)) throw error;
      throw new TopologyError(`${nameOf(files, path)} does not name the online CPUs: ${error.message}`, {
        cause: error,
      });
    }
  }
  const online = cpuFolders(files)
    .toArray()
    .filter((cpu) => readWord(files, `${CPU_FOLDER}/cpu${cpu}/online`) !== '0');
  if (online.length === 0) {
    throw new TopologyError(
      `${nameOf(files, path)} cannot be read, and no online CPU is found in ${nameOf(files, CPU_FOLDER)}`,
    );
  }
  return Cpuset.from(online);
}

/** A file as people find it. */
function nameOf({ root = '/' }: SysfsFiles, path: string): string {
  return `${root.replace(/\/+$/, '')}/${path}`;
}

function cpuFolders(files: SysfsFiles): Cpuset {
  return Cpuset.from(listNumbers(files, CPU_FOLDER, 'cpu'));
}

function topologyFolder(cpu: number): string {
  return `${CPU_FOLDER}/cpu${cpu}/topology`;
}

/** Groups `online` by the sets that `siblings` tells; asks only for CPUs that no earlier set holds. */
function partition(online: Cpuset, siblings: Siblings): readonly Cpuset[] {
  const level: Cpuset[] = [];
  let rest = online;
  for (const cpu of online) {
    const group = rest.has(cpu) ? siblings(cpu)?.intersect(rest) : undefined;
    if (group === undefined) continue;
    level.push(group);
    rest = rest.minus(group);
  }
  return level;
}

/** A level whose every set is one of `other`'s says nothing new: it counts as not described. */
function unlessSame(level: readonly Cpuset[], other: readonly Cpuset[]): readonly Cpuset[] {
  return level.every((cpus, position) => other[position]?.equals(cpus)) ? [] : level;
}

type Caches = Pick<TopologyParts, 'llcs' | 'l3'>;

function withLevel3(llcs: readonly Cpuset[], l3: readonly Cpuset[]): Caches {
  return l3.length === llcs.length ? { llcs } : { llcs, l3 };
}

function readLastLevelCaches(files: SysfsFiles, online: Cpuset, max: number): Caches {
  let inLevel3 = Cpuset.EMPTY;
  const llcs = partition(online, (cpu) => {
    const cache = readLastLevelCache(files, cpu, max);
    if (cache?.level === 3) inLevel3 = inLevel3.union(cache.cpus);
    return cache?.cpus;
  });
  return withLevel3(
    llcs,
    llcs.filter((cpus) => cpus.isSubsetOf(inLevel3)),
  );
}

/** A CPU's data or unified cache of level 3, or its highest below. A level 4 is beside the memory, not the CPUs. */
function readLastLevelCache(
  files: SysfsFiles,
  cpu: number,
  max: number,
): { readonly level: number; readonly cpus: Cpuset } | undefined {
  const folder = `${CPU_FOLDER}/cpu${cpu}/cache`;
  let last: { readonly level: number; readonly cpus: Cpuset } | undefined;
  // Kernels number caches from level 1 up, so backwards the first one is mostly the one; but nothing promises it.
  for (const index of listNumbers(files, folder, 'index').reverse()) {
    const cache = `${folder}/index${index}`;
    const level = Number(readWord(files, `${cache}/level`));
    if (!(level > (last?.level ?? 0) && level <= 3)) continue;
    if (readWord(files, `${cache}/type`) === 'Instruction') continue;
    const cpus = readSiblings(files, cache, CACHE_FILES, cpu, max);
    if (cpus === undefined) continue;
    last = { level, cpus };
    if (level === 3) break;
  }
  return last;
}

/** NUMA nodes by id. A kernel built without NUMA has no node folder: its one node is 0, with all of the memory. */
function readNodes(files: SysfsFiles, online: Cpuset, max: number): readonly NumaNode[] {
  const ids = listNumbers(files, NODE_FOLDER, 'node');
  if (ids.length === 0) {
    return [{ id: 0, cpus: online, memoryBytes: readMemory(files, 'proc/meminfo'), distances: [10] }];
  }
  let rest = online;
  return ids.map((id) => {
    const folder = `${NODE_FOLDER}/node${id}`;
    const cpus = (readFirstSet(files, folder, NODE_FILES, max) ?? Cpuset.EMPTY).intersect(rest);
    rest = rest.minus(cpus);
    const distances = (files.read(`${folder}/distance`) ?? '').trim().split(/\s+/).map(Number);
    const valid = distances.length === ids.length && distances.every((distance) => distance > 0);
    return {
      id,
      cpus,
      memoryBytes: readMemory(files, `${folder}/meminfo`),
      // The kernel's LOCAL_DISTANCE and REMOTE_DISTANCE, which it uses itself where the firmware gives none.
      distances: valid ? distances : ids.map((other) => (other === id ? 10 : 20)),
    };
  });
}

/** `MemTotal` in bytes, 0 if there is none. */
function readMemory(files: SysfsFiles, path: string): number {
  const match = /\bMemTotal:\s*(\d{1,12}) kB/.exec(files.read(path) ?? '');
  return match === null ? 0 : Number(match[1]) * 1024;
}

/** The topology as `topology --json` prints it: CPU ids in ascending order, nodes by id with their bytes of memory. */
export interface TopologyJson {
  readonly online: readonly number[];
  readonly cores: readonly (readonly number[])[];
  /** Domains of level-3 caches only. */
  readonly l3: readonly (readonly number[])[];
  readonly dies: readonly (readonly number[])[];
  readonly packages: readonly (readonly number[])[];
  readonly nodes: Readonly<Record<string, { readonly cpus: readonly number[]; readonly memory: number }>>;
}

export function topologyJson(parts: TopologyParts): TopologyJson {
  const lists = (level: readonly Cpuset[]) => level.map((cpus) => cpus.toArray());
  return {
    online: parts.online.toArray(),
    cores: lists(parts.cores),
    l3: lists(parts.l3 ?? parts.llcs),
    dies: lists(parts.dies),
    packages: lists(parts.packages),
    nodes: Object.fromEntries(
      parts.nodes.map((node) => [node.id, { cpus: node.cpus.toArray(), memory: node.memoryBytes }]),
    ),
  };
}
