import { Cpuset } from './cpuset.ts';
import {
  compareCosts,
  type ExclusiveRequest,
  exclusiveCost,
  exclusiveCriteria,
  goodCost,
  leastGoodCost,
} from './exclusive-cost.ts';
import { chooseByCounting } from './exclusive-counted.ts';
import { bestGroups } from './exclusive-search.ts';
import { survey } from './exclusive-survey.ts';
import { distribute } from './exclusive-table.ts';
import type { Topology } from './topology.ts';

export { compareCosts, type ExclusiveRequest, exclusiveCost, exclusiveCriteria };

/**
 * Chooses the best `request.count` CPUs by `exclusiveCriteria`, and the lowest ids among equals (docs/placement.md, "Choosing
 * exclusive CPUs"). The same request always gets the same answer. Undefined if there are fewer CPUs than asked for.
 *
 * The answer is optimal by all criteria where the CPUs lie in at most nine groups (NUMA nodes, on most hosts); beyond that
 * the search over sets of groups is bounded, see `bestGroups`.
 *
 * Shrinking is choosing among the CPUs held so far (`free`); growing is choosing with them as `held`.
 *
 * @param first parts of `request.free` that are chosen from, the earlier ones before the later ones, where the best of them is as good
 *   as any by the criteria up to that of CPU 0
 */
export function chooseExclusive(
  topology: Topology,
  request: ExclusiveRequest,
  first: readonly Cpuset[] = [],
): Cpuset | undefined {
  const counted = chooseByCounting(topology, request, [...first, request.free]);
  if (counted !== undefined) return counted;
  let best: Cpuset | undefined;
  const searchAll = () => (best ??= search(topology, request));
  for (const cpus of first) {
    const near = search(topology, { ...request, free: cpus });
    if (near !== undefined && stillAsGood(topology, request, near, searchAll)) return near;
  }
  return searchAll();
}

function search(topology: Topology, request: ExclusiveRequest): Cpuset | undefined {
  const { free, count, held = Cpuset.EMPTY } = request;
  const preferred = request.preferred?.intersect(free) ?? Cpuset.EMPTY;
  // "As many preferred CPUs as possible": either they are all in the answer, or nothing else is.
  const onlyPreferred = held.size + preferred.size > count;
  const fixed = onlyPreferred ? held : held.union(preferred);
  const need = count - fixed.size;
  if (need < 0) return undefined;
  if (need === 0) return fixed;
  const open = onlyPreferred ? preferred : free.minus(preferred);
  if (need >= open.size) return need === open.size ? fixed.union(open) : undefined;

  const table = bestGroups(topology, request, survey(topology, request, open, fixed), need);
  if (table === undefined) return undefined;
  const chosen = fixed.toArray();
  distribute(table, need, (run, cpus) => {
    let missing = cpus;
    for (const position of run.cores) {
      const offered = topology.cores[position]!.intersect(open);
      const picked = pick(offered, missing, request.joining);
      chosen.push(...picked);
      missing -= picked.size;
      if (missing === 0) break;
    }
  });
  return Cpuset.from(chosen);
}

/**
 * Whether `previous`, the CPUs that a container had before, may be given to it again: they fit the request, and no other
 * answer is better by whole cores, nodes, LLCs or sparing CPU 0. Fit and ids do not count.
 *
 * @param best what `chooseExclusive` says of the request, where that is known or needed anyway
 */
export function stillAsGood(
  topology: Topology,
  request: ExclusiveRequest,
  previous: Cpuset,
  best = () => chooseExclusive(topology, request),
): boolean {
  const { free, count, held = Cpuset.EMPTY, priority } = request;
  if (previous.size !== count) return false;
  if (!held.isSubsetOf(previous) || !previous.minus(held).isSubsetOf(free)) return false;
  const cost = goodCost(topology, request, previous);
  // Most answers are whole cores of one cache, and nothing needs to be looked for.
  if (compareCosts(cost, leastGoodCost(priority)) <= 0) return true;
  const found = best();
  return found !== undefined && compareCosts(cost, goodCost(topology, request, found)) <= 0;
}

/** Up to `count` CPUs of one core, those that wait to join the pool first. */
function pick(cpus: Cpuset, count: number, joining = Cpuset.EMPTY): Cpuset {
  if (cpus.size <= count) return cpus;
  const first = cpus.intersect(joining).lowest(count);
  return first.union(cpus.minus(first).lowest(count - first.size));
}
