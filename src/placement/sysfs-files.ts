import { CpuListError, parseCpuList } from './cpulist.ts';
import { parseCpuMask } from './cpumask.ts';
import type { Cpuset } from './cpuset.ts';

/** What the reader needs of a host's file system. Paths are relative to its root, e.g. `sys/devices/system/cpu/online`. */
export interface SysfsFiles {
  /** Where that root is on this machine, for messages; `/` if left out. */
  readonly root?: string;
  /** The file's text; undefined if it is missing or cannot be read. */
  read(path: string): string | undefined;
  /** The names in a folder, in any order; empty if it is missing or cannot be read. */
  list(path: string): readonly string[];
}

/** Where the kernel describes CPUs, and NUMA nodes. */
export const CPU_FOLDER = 'sys/devices/system/cpu';
export const NODE_FOLDER = 'sys/devices/system/node';

/** Far above what any kernel is built for (NR_CPUS): an id beyond it is garbage, and costs no memory. */
export const MAX_CPU_ID = 65_535;

/** What a file says, without the line's end; some kernels end the files of `topology/` with a NUL byte besides. */
export function content(text: string): string {
  const end = text.indexOf('\0');
  return (end < 0 ? text : text.slice(0, end)).trim();
}

/** A file of one word or number; undefined if it is missing. */
export function readWord(files: SysfsFiles, path: string): string | undefined {
  const text = files.read(path);
  return text === undefined ? undefined : content(text);
}

/** A list file; undefined if it is missing or garbage, as is a list with CPUs above `max`, the highest there can be. */
export function readList(files: SysfsFiles, path: string, max: number): Cpuset | undefined {
  const text = files.read(path);
  if (text === undefined) return undefined;
  try {
    return parseCpuList(content(text), { max, allowEmpty: true });
  } catch (error) {
    if (error instanceof CpuListError) return undefined;
    throw error;
  }
}

/** The set in the first of the files `names` that holds one: a list if the name ends in `list`, a mask otherwise. */
export function readFirstSet(
  files: SysfsFiles,
  folder: string,
  names: readonly string[],
  max: number,
  accept: (cpus: Cpuset) => boolean = () => true,
): Cpuset | undefined {
  for (const name of names) {
    const path = `${folder}/${name}`;
    const cpus = name.endsWith('list')
      ? readList(files, path, max)
      : parseCpuMask(readWord(files, path) ?? '');
    if (cpus !== undefined && accept(cpus)) return cpus;
  }
  return undefined;
}

/** Like `readFirstSet`, for a set that `cpu` belongs to: one that lacks it is garbage. */
export function readSiblings(
  files: SysfsFiles,
  folder: string,
  names: readonly string[],
  cpu: number,
  max: number,
): Cpuset | undefined {
  return readFirstSet(files, folder, names, max, (cpus) => cpus.has(cpu));
}

/** The numbers of the entries of `folder` whose names are `prefix` and a number, in ascending order. */
export function listNumbers(files: SysfsFiles, folder: string, prefix: string): number[] {
  return files
    .list(folder)
    .filter((name) => name.startsWith(prefix) && /^\d{1,5}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .filter((number) => number <= MAX_CPU_ID)
    .sort((a, b) => a - b);
}
