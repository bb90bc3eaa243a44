import { parseCpuList } from '../../placement/cpulist.ts';
import type { Cpuset } from '../../placement/cpuset.ts';
import type { TopologyParts } from '../../placement/topology.ts';
import type { TopologyView } from './api.ts';

/** The host that a `TopologyView` tells of. @throws CpuListError when a list is none */
export function topologyParts(view: TopologyView): TopologyParts {
  const set = (list: string): Cpuset => parseCpuList(list, { max: view.maxCpuId, allowEmpty: true });
  const level = (lists: readonly string[]): readonly Cpuset[] => lists.map(set);
  return {
    maxCpuId: view.maxCpuId,
    online: set(view.online),
    offline: set(view.offline),
    isolated: set(view.isolated),
    cores: level(view.cores),
    clusters: level(view.clusters),
    llcs: level(view.llcs),
    ...(view.l3 && { l3: level(view.l3) }),
    dies: level(view.dies),
    packages: level(view.packages),
    nodes: view.nodes.map((node) => ({ ...node, cpus: set(node.cpus) })),
    coreKinds: level(view.coreKinds),
  };
}
