import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks after boot (proc(5), `/proc/pid/stat`, field 22): no two processes share both this and the id. */
  readonly startTime: number;
  /** Command and arguments, each followed by NUL. */
  readonly command: string;
}

/** All processes that run; not those that have ended and only wait for their parent to notice. */
export function runningProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => readProcess(Number(pid)) ?? []);
}

/** @returns undefined if there is no such process, or it has ended */
export function readProcess(pid: number): ProcessEntry | undefined {
  return unlessGone(() => {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    if (command === '') return undefined;
    // The name before the last bracket may hold anything; field 3 follows it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return { pid, parent: Number(fields[4 - 3]), startTime: Number(fields[22 - 3]), command };
  });
}

/** Acts on a process or a cgroup, which may end at any moment. @returns undefined if it has gone */
export function unlessGone<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ENODEV', 'ESRCH'].includes(code)) return undefined;
    throw error;
  }
}
