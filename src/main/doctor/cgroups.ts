import { join } from 'node:path';
import type { Node } from './node.ts';

/** Where cpusets are on a node (kernel documentation: `admin-guide/cgroup-v1/cpusets`, `admin-guide/cgroup-v2`). */
export interface Cgroups {
  readonly version: 1 | 2;
  /** Whether there is a v2 hierarchy as well, without the cpuset controller. */
  readonly isHybrid: boolean;
  /** Root of the hierarchy with cpusets, relative to the host's root; undefined if no hierarchy has them. */
  readonly folder: string | undefined;
  /** The kubelet's cgroup for all pods, relative to the host's root; undefined if there is none. */
  readonly pods: string | undefined;
  /** Containers that have a cgroup, without the pods' sandboxes; undefined if there is none for pods. */
  readonly containers: number | undefined;
}

const MOUNTS = 'sys/fs/cgroup';
/** By name for the systemd and for the cgroupfs driver, alone and below the cgroup that kind gives the kubelet. */
const POD_CGROUPS = [
  'kubepods.slice',
  'kubepods',
  'kubelet.slice/kubelet-kubepods.slice',
  'kubelet/kubepods',
];

/** @returns undefined if the node shows no cgroups at all */
export function readCgroups(node: Node): Cgroups | undefined {
  const mounts = node.list(MOUNTS);
  if (mounts.length === 0) return undefined;
  const unified = readControllers(node, MOUNTS);
  const version = unified === undefined ? 1 : 2;
  const folder =
    unified === undefined ? findCpusetFolder(node, mounts) : unified.includes('cpuset') ? MOUNTS : undefined;
  const hierarchy = folder ?? MOUNTS;
  const pods = POD_CGROUPS.map((name) => join(hierarchy, name)).find((path) => node.list(path).length > 0);
  return {
    version,
    isHybrid: version === 1 && mounts.includes('unified'),
    folder,
    pods,
    containers: pods === undefined ? undefined : countContainers(node, pods),
  };
}

/** The controllers that a v2 cgroup may use; undefined if it is none. */
export function readControllers(node: Node, cgroup: string): readonly string[] | undefined {
  return node.read(`${cgroup}/cgroup.controllers`)?.split(/\s+/);
}

/** In systemd's hybrid layout the controller is in v1 or, rarely, in `unified`; in v1 a folder is named after its controllers. */
function findCpusetFolder(node: Node, mounts: readonly string[]): string | undefined {
  const name = mounts.find((mount) => mount.split(',').includes('cpuset'));
  if (name !== undefined) return join(MOUNTS, name);
  const unified = join(MOUNTS, 'unified');
  return readControllers(node, unified)?.includes('cpuset') ? unified : undefined;
}

const POD = /pod[0-9a-f]{8}[-_][-_0-9a-f]{27}(\.slice)?$/;
const CONTAINER = /[0-9a-f]{64}(\.scope)?$/;

/** Counts as many levels as the kubelet makes: quality of service, pod, container. */
function countContainers(node: Node, folder: string, levels = 3): number {
  let count = 0;
  for (const name of node.list(folder)) {
    if (CONTAINER.test(name)) count++;
    else if (levels > 1 && /^(burstable|besteffort)$|\.slice$|^pod/.test(name)) {
      const inside = countContainers(node, join(folder, name), levels - 1);
      // One of a pod's containers is its sandbox.
      count += POD.test(name) ? Math.max(0, inside - 1) : inside;
    }
  }
  return count;
}
