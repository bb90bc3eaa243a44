import { Cpuset } from './cpuset.ts';
import type { Topology } from './topology.ts';

/** What memory nodes an annotated container is held to (docs/placement.md, "Memory"). */
export type NumaMemoryPolicy = 'strict' | 'preferred' | 'none';

/**
 * The ids of the memory nodes that belong to `cpus`: their NUMA nodes, where one without memory is replaced by the
 * nearest nodes that have some. The nodes of offline CPUs are not known, so they add nothing.
 */
export function memoryNodes(topology: Topology, cpus: Cpuset): Cpuset {
  if (last?.topology !== topology || last.cpus !== cpus)
    last = { topology, cpus, nodes: findMemoryNodes(topology, cpus) };
  return last.nodes;
}

/** What was found last: the creation of an annotated container asks three times. */
let last: { readonly topology: Topology; readonly cpus: Cpuset; readonly nodes: Cpuset } | undefined;

function findMemoryNodes(topology: Topology, cpus: Cpuset): Cpuset {
  const { nodes } = topology;
  const anyMemory = nodes.some((node) => node.memoryBytes > 0);
  const ids: number[] = [];
  for (const node of nodes) {
    if (!node.cpus.intersects(cpus)) continue;
    if (node.memoryBytes > 0 || !anyMemory) {
      ids.push(node.id);
      continue;
    }
    let nearest = Number.POSITIVE_INFINITY;
    nodes.forEach((other, position) => {
      if (other.memoryBytes > 0)
        nearest = Math.min(nearest, node.distances[position] ?? Number.POSITIVE_INFINITY);
    });
    nodes.forEach((other, position) => {
      const distance = node.distances[position] ?? Number.POSITIVE_INFINITY;
      if (other.memoryBytes > 0 && distance === nearest) ids.push(other.id);
    });
  }
  return Cpuset.from(ids);
}
