import type { Cpuset } from '../../placement/cpuset.ts';
import { readTopology, topologyJson } from '../../placement/sysfs.ts';
import { createTopology, type Topology } from '../../placement/topology.ts';
import { hostFiles } from '../../workers/host-files.ts';
import { counted } from './paint.ts';

/**
 * What `topology` prints of the host found under `hostRoot`: a summary for people, or JSON. No line end at the end.
 *
 * @throws TopologyError when the host does not say which CPUs are online
 */
export function topologyReport(hostRoot: string, json: boolean): string {
  const parts = readTopology(hostFiles(hostRoot));
  return json ? JSON.stringify(topologyJson(parts)) : topologySummary(createTopology(parts));
}

/** A host's topology for people: a line per fact. What a host does not have (offline CPUs, several kinds) is left out. */
export function topologySummary(topology: Topology): string {
  const { online, offline, isolated, packages, dies, nodes, llcs, cores, coreKinds } = topology;
  const several = (name: string, level: readonly Cpuset[]) => (level.length > 1 ? each(name, level) : []);
  const rows: readonly Row[] = [
    ['online', describe(online)],
    ...(offline.isEmpty ? [] : [['offline', describe(offline)] as const]),
    ...(isolated.isEmpty ? [] : [['isolated', describe(isolated)] as const]),
    ['cores', describeCores(cores)],
    ...several('core kind', coreKinds),
    ...each('package', packages),
    ...several('die', dies),
    ...nodes.map(({ id, cpus, memoryBytes, distances }): Row => {
      const memory = `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`;
      return [`node ${id}`, `${describe(cpus)}; ${memory}; distances ${distances.join(' ')}`];
    }),
    ...each('LLC', llcs),
  ];
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.map(([name, text]) => name.padEnd(width) + text).join('\n');
}

type Row = readonly [name: string, text: string];

function each(name: string, level: readonly Cpuset[]): readonly Row[] {
  return level.map((cpus, position) => [`${name} ${position}`, describe(cpus)]);
}

function describe(cpus: Cpuset): string {
  if (cpus.isEmpty) return 'no CPUs';
  return `${counted(cpus.size, 'CPU')}: ${cpus}`;
}

/** How many cores have how many hardware threads: `16 (SMT-2)`, `24 (8 SMT-2, 16 without SMT)`. */
function describeCores(cores: readonly Cpuset[]): string {
  const counts = new Map<number, number>();
  for (const { size } of cores) counts.set(size, (counts.get(size) ?? 0) + 1);
  const parts = [...counts].sort(([a], [b]) => b - a);
  const texts = parts.map(([size, count]) => {
    const threads = size === 1 ? 'without SMT' : `SMT-${size}`;
    return parts.length === 1 ? threads : `${count} ${threads}`;
  });
  return `${cores.length} (${texts.join(', ')})`;
}
