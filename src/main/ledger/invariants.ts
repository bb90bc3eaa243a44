import { Cpuset } from '../../placement/cpuset.ts';
import { poolIsolated } from '../../placement/pool.ts';
import { type Entry, forbiddenTo, isExclusive, nameOf } from './entry.ts';
import { poolShare } from './place.ts';
import type { Policy } from './policy.ts';

/** What of a ledger the invariants are about. */
export interface LedgerView {
  readonly policy: Policy;
  readonly entries: ReadonlyMap<string, Entry>;
  readonly pool: Cpuset;
}

/**
 * Checks what must hold after every turn (docs/placement.md, "Invariants"): I1 no CPU has two exclusive owners, I2 integer
 * and annotated containers never overlap, I3 containers in the pool are kept off reserved CPUs and never without CPUs, I4 an
 * integer container has exactly its number of CPUs, none of them forbidden, I5 an annotated one exactly its list.
 *
 * @returns one line per violation; empty when all hold
 */
export function violations(ledger: LedgerView): readonly string[] {
  const found: string[] = [];
  const { topology, isolatedCpus } = ledger.policy;
  let integer = Cpuset.EMPTY;
  let annotated = Cpuset.EMPTY;
  for (const entry of ledger.entries.values()) {
    if (!isExclusive(entry)) continue;
    const { workload, cpus } = entry;
    if (workload.kind === 'integer') {
      if (cpus.intersects(integer)) found.push(`I1: ${nameOf(entry)} shares CPUs ${cpus.intersect(integer)}`);
      if (cpus.size !== workload.count)
        found.push(`I4: ${nameOf(entry)} has ${cpus}, not ${workload.count} CPUs`);
      if (cpus.intersects(workload.forbidden))
        found.push(`I4: ${nameOf(entry)} has forbidden CPUs of ${cpus}`);
      integer = integer.union(cpus);
    } else if (workload.kind === 'annotated') {
      if (!cpus.equals(workload.cpus)) found.push(`I5: ${nameOf(entry)} has ${cpus}, not ${workload.cpus}`);
      annotated = annotated.union(cpus);
    } else {
      found.push(`I3: shared ${nameOf(entry)} owns CPUs ${cpus}`);
    }
  }
  if (integer.intersects(annotated)) {
    found.push(`I2: CPUs ${integer.intersect(annotated)} belong to integer and annotated containers`);
  }
  const reserved = integer.union(annotated);
  const pool = topology.online.minus(reserved).minus(poolIsolated(topology, isolatedCpus));
  if (!pool.equals(ledger.pool)) found.push(`I3: the pool is ${ledger.pool}, not ${pool}`);
  for (const entry of ledger.entries.values()) {
    const { told } = entry;
    if (isExclusive(entry)) {
      // One that has to withdraw for others to make way for it is told its own CPUs with the next answer.
      const hasWithdrawn = told.isInterim === true && told.cpus?.isSubsetOf(pool.union(entry.cpus));
      if (!told.cpus?.equals(entry.cpus) && !hasWithdrawn)
        found.push(`${nameOf(entry)} has ${entry.cpus}, was told ${told.cpus}`);
      continue;
    }
    const runsOn = (told.cpus ?? topology.online).intersect(topology.online);
    const share = poolShare(pool, forbiddenTo(entry.workload));
    if (runsOn.isEmpty && !share.isEmpty) found.push(`I3: ${nameOf(entry)} has no CPU`);
    if (!share.isEmpty && !runsOn.isSubsetOf(share)) {
      found.push(`I3: ${nameOf(entry)} runs on ${runsOn}, its share of the pool is ${share}`);
    }
  }
  return found;
}
