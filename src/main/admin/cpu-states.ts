import { Cpuset } from '../../placement/cpuset.ts';
import type { Config } from '../config.ts';
import { configuredCpus } from '../configured-cpus.ts';
import { isExclusive } from '../ledger/entry.ts';
import type { LedgerView } from '../ledger/invariants.ts';
import type { Policy } from '../ledger/policy.ts';

export type CpuState = 'annotated' | 'integer' | 'isolated' | 'reserved' | 'shared' | 'offline';

/**
 * Every CPU in one state: of a container that owns it, kept apart since boot, in the pool but withheld from integer containers
 * (reserved), in the pool, or offline, whoever owns it.
 */
export function cpusByState(
  policy: Policy,
  config: Config,
  ledger: LedgerView | undefined,
): Readonly<Record<CpuState, Cpuset>> {
  const { online, offline, maxCpuId } = policy.topology;
  const owned = (kind: 'annotated' | 'integer'): Cpuset =>
    Cpuset.union(
      [...(ledger?.entries.values() ?? [])].flatMap((entry) =>
        isExclusive(entry) && entry.workload.kind === kind ? [entry.cpus] : [],
      ),
    ).intersect(online);
  const annotated = owned('annotated');
  const integer = owned('integer');
  const pool = ledger?.pool ?? online;
  const withheld = configuredCpus(config, 'reservedCpus', maxCpuId).union(policy.protectedCpus);
  return {
    annotated,
    integer,
    isolated: online.minus(pool).minus(annotated).minus(integer),
    reserved: pool.intersect(withheld),
    shared: pool.minus(withheld),
    offline,
  };
}
