import { readTopology, TopologyError } from '../placement/sysfs.ts';
import { CPU_FOLDER, listNumbers, NODE_FOLDER, type SysfsFiles } from '../placement/sysfs-files.ts';
import { type PackedTopology, packTopology } from '../placement/topology-arrays.ts';

/** What the host is, or why that cannot be read. */
export type HostReading =
  /** `marks`: what to ask with next time. */
  | { readonly kind: 'topology'; readonly marks: string; readonly topology: PackedTopology }
  | { readonly kind: 'unreadable'; readonly message: string };

/**
 * The text of the few files that change with every hotplug of CPUs or nodes, a file per node and four more. sysfs tells
 * nobody of changes to them: they have to be read again and again.
 */
function readHotplugMarks(files: SysfsFiles): string {
  const paths = [
    ...['online', 'present', 'isolated'].map((name) => `${CPU_FOLDER}/${name}`),
    `${NODE_FOLDER}/online`,
    ...listNumbers(files, NODE_FOLDER, 'node').map((id) => `${NODE_FOLDER}/node${id}/cpulist`),
  ];
  return paths.map((path) => `${path} ${files.read(path)?.trim()}`).join('\n');
}

/**
 * Reads the topology unless the host bears the marks it had when that was read before.
 *
 * @param marks those of the earlier reading; undefined to read in any case
 * @returns undefined if the marks are the same
 */
export function readHost(files: SysfsFiles, marks: string | undefined): HostReading | undefined {
  // Before the topology: a change while that is read shows next time.
  const current = readHotplugMarks(files);
  if (current === marks) return undefined;
  try {
    return { kind: 'topology', marks: current, topology: packTopology(readTopology(files)) };
  } catch (error) {
    if (!(error instanceof TopologyError)) throw error;
    return { kind: 'unreadable', message: error.message };
  }
}
