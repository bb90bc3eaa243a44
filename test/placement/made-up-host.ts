import type { Cpuset } from '../../src/placement/cpuset.ts';
import type { SysfsFiles } from '../../src/placement/sysfs-files.ts';
import type { TopologyParts } from '../../src/placement/topology.ts';

/** A host's files by path; a test changes some to make the host that it is about. */
export type HostFiles = Map<string, string>;

/** The files with which a current kernel describes a host, with a level-3 cache for each of `parts.llcs`. */
export function describeHost(parts: TopologyParts): HostFiles {
  const files: HostFiles = new Map();
  const cpu = (name: string, text: string | Cpuset) =>
    files.set(`sys/devices/system/cpu/${name}`, `${text}\n`);
  cpu('possible', `0-${parts.maxCpuId}`);
  cpu('present', parts.online.union(parts.offline));
  cpu('online', parts.online);
  cpu('isolated', parts.isolated);
  for (const core of parts.cores) {
    const domain = (level: readonly Cpuset[]) => level.find((cpus) => cpus.intersects(core)) ?? core;
    for (const id of core) {
      cpu(`cpu${id}/topology/core_cpus_list`, core);
      cpu(`cpu${id}/topology/package_cpus_list`, domain(parts.packages));
      if (parts.dies.length > 0) cpu(`cpu${id}/topology/die_cpus_list`, domain(parts.dies));
      cpu(`cpu${id}/topology/cluster_cpus_list`, domain(parts.clusters));
      describeCache(files, id, 0, { level: 1, type: 'Data', cpus: core });
      describeCache(files, id, 1, { level: 1, type: 'Instruction', cpus: core });
      describeCache(files, id, 2, { level: 2, type: 'Unified', cpus: core });
      describeCache(files, id, 3, { level: 3, type: 'Unified', cpus: domain(parts.llcs) });
    }
  }
  for (const node of parts.nodes) {
    const folder = `sys/devices/system/node/node${node.id}`;
    files.set(`${folder}/cpulist`, `${node.cpus}\n`);
    files.set(`${folder}/distance`, `${node.distances.join(' ')}\n`);
    files.set(`${folder}/meminfo`, `\nNode ${node.id} MemTotal:       ${node.memoryBytes / 1024} kB\n`);
  }
  return files;
}

export function describeCache(
  files: HostFiles,
  cpu: number,
  index: number,
  cache: { level: number; type: string; cpus: Cpuset },
): void {
  const folder = `sys/devices/system/cpu/cpu${cpu}/cache/index${index}`;
  files.set(`${folder}/level`, `${cache.level}\n`);
  files.set(`${folder}/type`, `${cache.type}\n`);
  files.set(`${folder}/shared_cpu_list`, `${cache.cpus}\n`);
}

/** Removes the files whose path matches. */
export function removeFiles(files: HostFiles, pattern: RegExp): void {
  for (const path of [...files.keys()]) if (pattern.test(path)) files.delete(path);
}

/** The host as the reader sees it, with a record of what it has read. */
export function reading(files: HostFiles): SysfsFiles & { readonly paths: readonly string[] } {
  const folders = new Map<string, Set<string>>();
  for (const path of files.keys()) {
    const names = path.split('/');
    for (let depth = 1; depth < names.length; depth++) {
      const folder = names.slice(0, depth).join('/');
      folders.set(folder, (folders.get(folder) ?? new Set()).add(names[depth]!));
    }
  }
  const paths: string[] = [];
  return {
    paths,
    read(path) {
      paths.push(path);
      return files.get(path);
    },
    list(path) {
      paths.push(path);
      return [...(folders.get(path) ?? [])];
    },
  };
}

/** Everything a topology says, comparable: sets as their text. */
export function plain(parts: TopologyParts): unknown {
  return JSON.parse(JSON.stringify(parts));
}

/** A level as one text, e.g. `0-1 2-3`. */
export function show(level: readonly Cpuset[]): string {
  return level.join(' ');
}
