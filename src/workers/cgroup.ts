import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CgroupPath, containerCgroup } from './cgroup-path.ts';

/** The container whose cpuset is asked for. */
export interface CpusetRequest {
  /** The container's id, given back with the answer. */
  readonly id: string;
  /** NRI `Container.linux.cgroups_path`. */
  readonly cgroupsPath: string;
  /** NRI `PodSandbox.linux.cgroup_parent`; empty if unknown. */
  readonly cgroupParent: string;
}

/** A container's cpuset as its cgroup has it, in the kernel's list format. */
export interface CpusetSeen {
  readonly id: string;
  /** What was asked for. Empty on cgroup v2: nothing was, and the CPUs are the parent's. */
  readonly cpus: string;
  /** The CPUs its threads may use; undefined if the kernel does not tell it for this cgroup. */
  readonly effective: string | undefined;
  /** The NUMA nodes that were asked for; empty likewise. */
  readonly mems: string;
}

/**
 * `gone`: there is no such cgroup, or no longer; `no-access`: it may not be read, or no cpusets are mounted here;
 * `unknown-path`: the runtime's words for it are not understood.
 */
export type CpusetProblem = 'gone' | 'no-access' | 'unknown-path';

export type CpusetReading = CpusetSeen | { readonly id: string; readonly problem: CpusetProblem };

/** Where cpusets are: the kernel documentation's `admin-guide/cgroup-v1/cpusets` and `admin-guide/cgroup-v2`. */
interface Hierarchy {
  readonly root: string;
  readonly version: 1 | 2;
}

const EFFECTIVE_FILES = { 1: 'cpuset.effective_cpus', 2: 'cpuset.cpus.effective' };

/** 320 containers a second: reading takes locks that the kernel needs for starting and moving containers. */
const BATCH = 16;
const PAUSE_MS = 50;

/** How long `readCpusets` pauses in all, in milliseconds, for so many containers. */
export function pausesMs(count: number): number {
  return Math.max(0, Math.ceil(count / BATCH) - 1) * PAUSE_MS;
}

/** Reads the cpusets of containers, in the order asked for, a few at a time with pauses in between. */
export async function readCpusets(
  hostRoot: string,
  requests: readonly CpusetRequest[],
  pause: (ms: number) => Promise<unknown> = sleep,
): Promise<readonly CpusetReading[]> {
  const readings: CpusetReading[] = [];
  for (let start = 0; start < requests.length; start += BATCH) {
    if (start > 0) await pause(PAUSE_MS);
    const hierarchy = findHierarchy(join(hostRoot, 'sys/fs/cgroup'));
    for (const request of requests.slice(start, start + BATCH)) {
      readings.push(readCpuset(hierarchy, request));
    }
  }
  return readings;
}

function readCpuset(hierarchy: Hierarchy | undefined, request: CpusetRequest): CpusetReading {
  const { id } = request;
  const cgroup = containerCgroup(request.cgroupsPath, request.cgroupParent);
  if (cgroup === undefined) return { id, problem: 'unknown-path' };
  if (hierarchy === undefined) return { id, problem: 'no-access' };
  try {
    return { id, ...readContainer(hierarchy, cgroup) };
  } catch (error) {
    return { id, problem: isMissing(error) ? 'gone' : 'no-access' };
  }
}

type Values = Omit<CpusetSeen, 'id'>;

function readContainer({ root, version }: Hierarchy, { path, isUnit }: CgroupPath): Values {
  const folder = join(root, path);
  const values = readValues(version, folder);
  if (version === 1 || !isUnit || values.cpus !== '') return values;
  // crun leaves the scope as systemd made it, and sets everything on a cgroup `container` inside.
  const inner = unlessMissing(() => readValues(version, join(folder, 'container')));
  return inner === undefined || inner.cpus === '' ? values : inner;
}

/** @throws what `node:fs` throws, e.g. ENOENT if the cgroup does not exist */
function readValues(version: Hierarchy['version'], folder: string): Values {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8').trim();
  const cpus = unlessMissing(() => read('cpuset.cpus'));
  if (cpus === undefined) {
    // On v2 a cgroup has none of these files, and inherits all, where its parent does not hand the controller down.
    statSync(folder);
    return { cpus: '', effective: undefined, mems: '' };
  }
  const effective = unlessMissing(() => read(EFFECTIVE_FILES[version]));
  return { cpus, effective, mems: read('cpuset.mems') };
}

/**
 * Where the cpuset controller is below `/sys/fs/cgroup`: in the one hierarchy of v2, or of v1 with each controller in a
 * folder of its own, beside which systemd's hybrid set-up has v2 in `unified`. A controller is in one hierarchy only.
 */
function findHierarchy(mounts: string): Hierarchy | undefined {
  for (const root of [mounts, join(mounts, 'unified')]) {
    const controllers = orUndefined(() => readFileSync(join(root, 'cgroup.controllers'), 'utf8'));
    if (controllers?.split(/\s+/).includes('cpuset')) return { root, version: 2 };
  }
  // Controllers that are mounted together share a folder, which is named after all of them.
  const names = orUndefined(() => readdirSync(mounts)) ?? [];
  const name = names.find((folder) => folder.split(',').includes('cpuset'));
  return name === undefined ? undefined : { root: join(mounts, name), version: 1 };
}

function unlessMissing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** ENODEV: the cgroup went while its file was open. */
function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENODEV';
}
