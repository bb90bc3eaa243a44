import { readFileSync } from 'node:fs';
import { parseCpuList } from '../../../src/placement/cpulist.ts';
import type { Cpuset } from '../../../src/placement/cpuset.ts';

/** The highest CPU id this machine's kernel can ever have. */
export const HIGHEST_CPU = Number(/\d+$/.exec(read('possible'))![0]);
/** This machine's online CPUs, and the first and the last of them. */
export const ONLINE = cpuset(read('online'));
export const FIRST = cpuset(`${ONLINE.first}`);
export const LAST = cpuset(`${ONLINE.last}`);

if (ONLINE.size < 2)
  throw new Error('The end-to-end tests place containers on CPUs and need at least two of them.');

/** The set that a CPU list names. */
export function cpuset(list: string): Cpuset {
  return parseCpuList(list, { max: HIGHEST_CPU, allowEmpty: true });
}

/** The list of this machine's online CPUs without `cpus`. */
export function allBut(cpus: Cpuset | string): string {
  return ONLINE.minus(typeof cpus === 'string' ? cpuset(cpus) : cpus).toString();
}

function read(file: string): string {
  return readFileSync(`/sys/devices/system/cpu/${file}`, 'utf8').trim();
}
