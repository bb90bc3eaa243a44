import { Cpuset } from '../../placement/cpuset.ts';
import type { NumaMemoryPolicy } from '../../placement/memory.ts';
import type { IsolatedCpus } from '../../placement/pool.ts';
import type { Topology } from '../../placement/topology.ts';
import type { ClassifySettings } from '../../placement/workload.ts';
import { configuredCpus } from '../configured-cpus.ts';
import { globMatcher } from '../glob.ts';
import type { Config } from '../settings.ts';
import type { GrowthLimits } from './growth.ts';

/** The rules of one host: its topology and the configuration read against it. Immutable; replaced as a whole. */
export interface Policy {
  readonly topology: Topology;
  readonly classify: ClassifySettings;
  readonly priority: 'siblings' | 'numa';
  readonly isolatedCpus: IsolatedCpus;
  readonly numaMemoryPolicy: NumaMemoryPolicy;
  readonly minSharedCpus: number;
  readonly liftCpuQuota: boolean;
  readonly poolGrowth: GrowthLimits;
  /** When, and for how long, the workers look for a better plan. */
  readonly reassignment: Config['reassignment'];
  /** CPUs that may not be pinned by annotation. */
  readonly protectedCpus: Cpuset;
  /** CPUs that integer containers may be given: online, not configured as reserved or protected, not isolated away. */
  readonly integerCpus: Cpuset;
  /** Whether pods of a namespace may pin CPUs by annotation. */
  mayPin(namespace: string): boolean;
}

/**
 * Reads the configuration against the host.
 *
 * @throws ConfigError when a CPU list names a CPU that this host can never have
 */
export function createPolicy(topology: Topology, config: Config): Policy {
  const protectedCpus = configuredCpus(config, 'protectedCpus', topology.maxCpuId);
  const { isolatedCpus, liftCpuQuota, annotationDomain } = config;
  return {
    topology,
    classify: { annotationDomain, maxCpuId: topology.maxCpuId, liftCpuQuota },
    priority: config.priority,
    isolatedCpus,
    numaMemoryPolicy: config.numaMemoryPolicy,
    minSharedCpus: config.minSharedCpus,
    liftCpuQuota,
    poolGrowth: config.poolGrowth,
    reassignment: config.reassignment,
    protectedCpus,
    integerCpus: topology.online
      .minus(configuredCpus(config, 'reservedCpus', topology.maxCpuId))
      .minus(protectedCpus)
      .minus(isolatedCpus === 'exclude' ? topology.isolated : Cpuset.EMPTY),
    mayPin: globMatcher(config.pinningNamespaces),
  };
}
