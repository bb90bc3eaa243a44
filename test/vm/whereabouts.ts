import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { agreed } from '../e2e/harness/agreed.ts';
import { cpuset } from '../e2e/harness/cpus.ts';
import { cpusetFolder } from '../e2e/harness/kernel.ts';
import type { Container } from '../e2e/harness/pods.ts';

/** Where the kernel lets a process of a container run, and its memory be. */
export interface Whereabouts {
  readonly cpus: Cpuset;
  /** Memory nodes, in the kernel's list format. */
  readonly mems: string;
}

/** Asks the kernel in both ways it has. @throws if cgroup and process go on to disagree */
export async function whereabouts(container: Container): Promise<Whereabouts> {
  const { pid } = await container.inspect();
  const folder = cpusetFolder(pid);
  const [cpus, mems] = await agreed(() => [
    ['Cpus', 'Mems'].map((what) => allowed(pid, what)),
    ['cpus', 'mems'].map((what) => read(join(folder, `cpuset.${what}.effective`))),
  ]);
  return { cpus: cpuset(cpus!), mems: mems! };
}

/** The CPUs that the kernel lets each of the containers use. */
export async function cpusOf(containers: readonly Container[]): Promise<readonly Cpuset[]> {
  return Promise.all(containers.map(async (container) => (await whereabouts(container)).cpus));
}

export function assertDisjoint(sets: readonly Cpuset[]): void {
  const total = sets.reduce((sum, set) => sum + set.size, 0);
  assert.equal(Cpuset.union(sets).size, total, `no CPU is in two of ${sets.join(' | ')}`);
}

/** `Cpus_allowed_list` or `Mems_allowed_list` of a process (proc(5), `/proc/pid/status`). */
export function allowed(pid: number, what: string): string {
  return new RegExp(`^${what}_allowed_list:\\s*(\\S*)`, 'm').exec(read(`/proc/${pid}/status`))![1]!;
}

function read(file: string): string {
  return readFileSync(file, 'utf8').trim();
}
