import { Cpuset } from '../src/placement/cpuset.ts';
import type { Random } from '../src/placement/random.ts';
import type { TopologyParts } from '../src/placement/topology.ts';

/** A pod with one container, by what it asks for. */
export type Workload =
  | { readonly kind: 'shared' }
  | { readonly kind: 'integer'; readonly cpus: number }
  | { readonly kind: 'annotated'; readonly pinned: Cpuset };

/** Of ten containers. */
const MIX: readonly Workload['kind'][] = [
  ...Array<'shared'>(6).fill('shared'),
  ...Array<'integer'>(3).fill('integer'),
  'annotated',
];
const SIZES = [1, 2, 3, 4, 5, 6, 7, 8];
/** The part of the host's CPUs that integer and annotated containers ask for. */
const FULL = 0.7;
/** Pods are pinned to the last cores of a host, as storage and network services are: to one in so many of its cores. */
const PINNED_PART = 8;

/** Gives out all of a list in random order, then again in another. */
function deck<T>(items: readonly T[], random: Random): () => T {
  let rest: readonly T[] = [];
  return () => {
    if (rest.length === 0) rest = shuffled(items, random);
    const [first, ...others] = rest;
    rest = others;
    return first!;
  };
}

export function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = random(last + 1);
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}

/** Integer containers of 1 to 8 CPUs that ask for 70 % of the host's. */
export function fullOfIntegers(host: TopologyParts, random: Random): readonly Workload[] {
  const sizes = deck(SIZES, random);
  const workloads: Workload[] = [];
  for (let left = Math.floor(FULL * host.online.size); left > 0; ) {
    const cpus = Math.min(left, sizes());
    workloads.push({ kind: 'integer', cpus });
    left -= cpus;
  }
  return workloads;
}

/**
 * What a node runs on which 70 % of the CPUs are asked for: of ten containers six are shared, three integer with 1 to 8 CPUs,
 * and one is pinned by annotation to one or two whole cores among the host's last ones. Then shared ones, up to `atLeast`.
 */
export function mixedNode(host: TopologyParts, random: Random, atLeast = 0): readonly Workload[] {
  const kinds = deck(MIX, random);
  const sizes = deck(SIZES, random);
  const cores = deck(host.cores.slice(-Math.ceil(host.cores.length / PINNED_PART)), random);
  const workloads: Workload[] = [];
  let integer = 0;
  let pinned = Cpuset.EMPTY;
  while (integer + pinned.size < FULL * host.online.size) {
    const workload = next();
    if (workload.kind === 'integer') integer += workload.cpus;
    if (workload.kind === 'annotated') pinned = pinned.union(workload.pinned);
    workloads.push(workload);
  }
  while (workloads.length < atLeast) workloads.push({ kind: 'shared' });
  return workloads;

  function next(): Workload {
    const kind = kinds();
    switch (kind) {
      case 'shared':
        return { kind };
      case 'integer':
        return { kind, cpus: sizes() };
      case 'annotated':
        return { kind, pinned: Cpuset.union(Array.from({ length: 1 + random(2) }, cores)) };
    }
  }
}
