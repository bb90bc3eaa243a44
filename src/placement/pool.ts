import { Cpuset } from './cpuset.ts';
import type { Topology } from './topology.ts';

/** What becomes of CPUs that were isolated at boot (docs/placement.md, "Configuration"). */
export type IsolatedCpus = 'exclude' | 'prefer' | 'ignore';

/** The CPUs that no container may have because the host keeps them out: isolated ones, unless they are ignored. */
export function poolIsolated(topology: Topology, isolatedCpus: IsolatedCpus): Cpuset {
  return isolatedCpus === 'ignore' ? Cpuset.EMPTY : topology.isolated;
}

/** The shared pool: online CPUs that are neither reserved by an exclusive container nor isolated. */
export function sharedPool(topology: Topology, isolatedCpus: IsolatedCpus, reserved: Cpuset): Cpuset {
  return topology.online.minus(reserved).minus(poolIsolated(topology, isolatedCpus));
}

/**
 * Looks for a choice that leaves a CPU of the pool to every shared container, each of which may use only some.
 *
 * `attempt` chooses with the given CPUs left alone and tells the pool that would remain. When its first choice takes a
 * shared container's last CPU, it is asked again with one of that container's CPUs left alone, and so on: a search for
 * the smallest set of CPUs to spare, complete as long as `mayTryAgain` agrees.
 *
 * @param usable the CPUs each constrained shared container may use, reserved or not (its forbidden set taken out)
 * @param mayTryAgain asked before every choice but the first one, as each is a placement of its own
 * @returns the first choice that leaves nobody without, or the first one made together with `starved`, the position in
 *   `usable` of a container it starves; undefined if `attempt` never chose
 */
export function chooseSparing<T extends { readonly pool: Cpuset }>(
  usable: readonly Cpuset[],
  pool: Cpuset,
  attempt: (spared: Cpuset) => T | undefined,
  mayTryAgain: () => boolean,
): { readonly choice: T; readonly starved: number } | undefined {
  let firstChoice: { readonly choice: T; readonly starved: number } | undefined;
  const search = (spared: Cpuset): T | undefined => {
    const choice = attempt(spared);
    if (choice === undefined) return undefined;
    const starved = usable.findIndex((cpus) => !cpus.intersects(choice.pool));
    if (starved < 0) return choice;
    firstChoice ??= { choice, starved };
    for (const cpu of usable[starved]!.intersect(pool)) {
      if (spared.has(cpu)) continue;
      if (!mayTryAgain()) return undefined;
      const found = search(spared.union(Cpuset.from([cpu])));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const found = search(Cpuset.EMPTY);
  return found === undefined ? firstChoice : { choice: found, starved: -1 };
}
