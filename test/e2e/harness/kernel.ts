import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the kernel itself says of a process: its cpuset and the limits of its cgroup. */
export interface KernelView {
  /** `cpuset.cpus` of the cgroup: what was asked for; on cgroup v2 empty when nobody did. */
  readonly cpus: string;
  /** The CPUs that the cgroup has: what was asked for as far as they are online and the cgroup above has them. */
  readonly effectiveCpus: string;
  /** `cpuset.mems` of the cgroup; on cgroup v2 empty when nobody restricted it, on v1 never empty. */
  readonly mems: string;
  /** `Cpus_allowed_list` of the process: where it may really run. */
  readonly allowedCpus: string;
  /** CFS quota in µs per period, -1 for none. */
  readonly quota: number;
  readonly memoryLimit: number;
}

/** Reads the view of the process `pid`. Works with cgroup v1 and v2 (cgroups(7), "/proc files"). */
export function kernelView(pid: number): KernelView {
  const cpuset = cgroupOf(pid, 'cpuset');
  const cpu = cgroupOf(pid, 'cpu');
  const memory = cgroupOf(pid, 'memory');
  const quota =
    cpu.version === 1 ? read(cpu.folder, 'cpu.cfs_quota_us') : read(cpu.folder, 'cpu.max').split(' ')[0]!;
  return {
    cpus: read(cpuset.folder, 'cpuset.cpus'),
    effectiveCpus: read(
      cpuset.folder,
      cpuset.version === 1 ? 'cpuset.effective_cpus' : 'cpuset.cpus.effective',
    ),
    mems: read(cpuset.folder, 'cpuset.mems'),
    allowedCpus: /^Cpus_allowed_list:\s*(\S*)/m.exec(read(`/proc/${pid}`, 'status'))![1]!,
    quota: quota === 'max' ? -1 : Number(quota),
    memoryLimit: Number(read(memory.folder, memory.version === 1 ? 'memory.limit_in_bytes' : 'memory.max')),
  };
}

/** The version of cgroups that cpusets are in on this machine. */
export function cpusetVersion(): 1 | 2 {
  return cgroupOf(process.pid, 'cpuset').version;
}

/** Folder of the cgroup that holds the cpuset of the process `pid`. */
export function cpusetFolder(pid: number): string {
  return cgroupOf(pid, 'cpuset').folder;
}

/** The CPU that the process ran on last (proc(5), `/proc/pid/stat`, field 39). */
export function lastCpu(pid: number): number {
  const fields = read(`/proc/${pid}`, 'stat').split(') ')[1]!.split(' ');
  return Number(fields[39 - 3]);
}

interface Cgroup {
  readonly version: 1 | 2;
  readonly folder: string;
}

/** Where every cgroup hierarchy is mounted. */
export function cgroupMounts(): {
  readonly folder: string;
  readonly type: string;
  readonly options: readonly string[];
}[] {
  return read('/proc/self', 'mountinfo')
    .split('\n')
    .map((line) => line.split(' - '))
    .flatMap(([mount, filesystem]) => {
      const [type, , options] = filesystem!.split(' ');
      if (type !== 'cgroup' && type !== 'cgroup2') return [];
      return [{ folder: mount!.split(' ')[4]!, type, options: options!.split(',') }];
    });
}

function cgroupOf(pid: number, controller: string): Cgroup {
  const entries = read(`/proc/${pid}`, 'cgroup')
    .split('\n')
    .map((line) => /^\d+:([^:]*):(.*)$/.exec(line)!);
  const v1 = entries.find((entry) => entry[1]!.split(',').includes(controller));
  const mount = cgroupMounts().find(({ type, options }) =>
    v1 === undefined ? type === 'cgroup2' : type === 'cgroup' && options.includes(controller),
  );
  const entry = v1 ?? entries.find((candidate) => candidate[1] === '');
  if (mount === undefined || entry === undefined)
    throw new Error(`process ${pid} is in no ${controller} cgroup`);
  return { version: v1 === undefined ? 2 : 1, folder: join(mount.folder, entry[2]!) };
}

function read(folder: string, file: string): string {
  return readFileSync(join(folder, file), 'utf8').trim();
}
