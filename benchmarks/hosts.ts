import type { TopologyParts } from '../src/placement/topology.ts';
import { parseTopologySpec } from '../src/placement/topology-spec.ts';

/** Hosts by their number of CPUs: servers of today and of tomorrow. */
const SPECIFICATIONS: ReadonlyMap<number, string> = new Map([
  [64, '1 package, 2 nodes each, 16 cores each, SMT 2'],
  [256, '2 packages, 4 nodes each, 2 llcs each, 8 cores each, SMT 2'],
  [1024, '2 packages, 4 nodes each, 8 llcs each, 8 cores each, SMT 2'],
  [2048, '4 packages, 4 nodes each, 8 llcs each, 8 cores each, SMT 2'],
]);

export const CPU_COUNTS: readonly number[] = [...SPECIFICATIONS.keys()];

/** @throws RangeError for a number that is not in CPU_COUNTS */
export function hostOf(cpus: number): TopologyParts {
  const specification = SPECIFICATIONS.get(cpus);
  if (specification === undefined) throw new RangeError(`there is no host of ${cpus} CPUs`);
  return parseTopologySpec(specification);
}
