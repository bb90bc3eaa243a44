import type { ContainerView, StateView } from '../api.ts';
import { cpusetOf } from './cpu-text.ts';

/** What a CPU is used for. `isolated` and `idle` CPUs have no owner and are not in the pool. */
export type CpuUse = 'integer' | 'annotated' | 'pool' | 'isolated' | 'idle' | 'offline';

export interface CpuFact {
  readonly use: CpuUse;
  /** Containers that own it; more than one only where they are annotated. */
  readonly owners: readonly ContainerView[];
  /** Named by the settings `reservedCpus` or `protectedCpus`. */
  readonly withheld: boolean;
}

/** What each CPU is used for, by CPU id; nothing for ids that the host does not have. */
export function factsOf(state: StateView): readonly (CpuFact | undefined)[] {
  const { topology } = state;
  const online = cpusetOf(topology.online);
  const isolated = cpusetOf(topology.isolated);
  const pool = cpusetOf(state.pool);
  const withheld = cpusetOf(state.reserved).union(cpusetOf(state.protected));
  const owners: ContainerView[][] = [];
  for (const container of state.containers) {
    for (const cpu of cpusetOf(container.cpus)) {
      owners[cpu] ??= [];
      owners[cpu].push(container);
    }
  }
  const facts: CpuFact[] = [];
  for (const cpu of online.union(cpusetOf(topology.offline))) {
    const own = owners[cpu] ?? [];
    const free = pool.has(cpu) ? 'pool' : isolated.has(cpu) ? 'isolated' : 'idle';
    const use = !online.has(cpu)
      ? 'offline'
      : own[0] === undefined
        ? free
        : own[0].kind === 'integer'
          ? 'integer'
          : 'annotated';
    facts[cpu] = { use, owners: own, withheld: withheld.has(cpu) };
  }
  return facts;
}

/** How many CPUs are used for what. */
export function countUses(facts: readonly (CpuFact | undefined)[]): Readonly<Record<CpuUse, number>> {
  const counts = { integer: 0, annotated: 0, pool: 0, isolated: 0, idle: 0, offline: 0 };
  for (const fact of facts) if (fact !== undefined) counts[fact.use]++;
  return counts;
}

/** Words for a use, as the legend and the cells say it. */
export const USE_WORDS: Readonly<Record<CpuUse, string>> = {
  integer: 'integer',
  annotated: 'annotated',
  pool: 'shared pool',
  isolated: 'isolated at boot',
  idle: 'not in use',
  offline: 'offline',
};

/** `namespace/pod/container`, or the id of a container whose pod is not known. */
export function nameOf({ id, namespace, pod, container }: ContainerView): string {
  return pod === '' ? id : `${namespace}/${pod}/${container}`;
}
