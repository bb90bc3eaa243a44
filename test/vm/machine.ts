import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { cpuset, ONLINE } from '../e2e/harness/cpus.ts';

// The virtual machine as its own kernel describes it, read without the product's help.

const { SHAPE = '' } = process.env;
const CPU = '/sys/devices/system/cpu';
const NODE = '/sys/devices/system/node';

/** What the machine was booted to be (test/vm/run.sh). */
export const EXPECTED = {
  cpus: Number.parseInt(SHAPE, 10),
  hasCachePerNode: /^\d+d/.test(SHAPE),
  hasAdjacentSiblings: !SHAPE.endsWith('-apart'),
};

/** The machine's cores, last-level caches, packages and memory nodes (by id), each as its CPUs, while all are online. */
export const CORES = groups('topology/thread_siblings_list');
export const CACHES = groups('cache/index3/shared_cpu_list');
export const PACKAGES = groups('topology/package_cpus_list');
export const NODES = readdirSync(NODE)
  .filter((name) => /^node\d+$/.test(name))
  .map((name) => ({ id: Number(name.slice('node'.length)), cpus: cpuset(read(join(NODE, name, 'cpulist'))) }))
  .toSorted((a, b) => a.id - b.id)
  .map(({ cpus }) => cpus);

/** How many of these groups the CPUs are in. */
export function countTouched(cpus: Cpuset, sets: readonly Cpuset[]): number {
  return sets.filter((set) => set.intersects(cpus)).length;
}

/** The memory nodes of the CPUs, in the kernel's list format. */
export function nodesOf(cpus: Cpuset): string {
  return `${Cpuset.from(NODES.flatMap((node, id) => (node.intersects(cpus) ? [id] : [])))}`;
}

/** How many of the CPUs are in cores that are not wholly among them. */
export function countBroken(cpus: Cpuset): number {
  return cpus.minus(Cpuset.union(CORES.filter((core) => core.isSubsetOf(cpus)))).size;
}

/** Takes CPUs offline, or brings them back. What is still offline when the test ends comes back then. */
export function setOnline(context: TestContext, cpus: Cpuset, isOnline: boolean): void {
  const set = (value: boolean) => {
    for (const cpu of cpus) writeFileSync(`${CPU}/cpu${cpu}/online`, value ? '1' : '0');
  };
  set(isOnline);
  if (!isOnline) context.after(() => set(true));
}

function groups(file: string): readonly Cpuset[] {
  const lists = new Set([...ONLINE].map((cpu) => read(`${CPU}/cpu${cpu}/${file}`)));
  return [...lists].map(cpuset);
}

function read(file: string): string {
  return readFileSync(file, 'utf8').trim();
}
