import { Cpuset } from '../../src/placement/cpuset.ts';
import {
  chooseExclusive,
  type ExclusiveRequest,
  exclusiveCost,
  exclusiveCriteria,
} from '../../src/placement/exclusive.ts';
import type { ExclusiveCriterion } from '../../src/placement/exclusive-cost.ts';
import type { Topology } from '../../src/placement/topology.ts';

export interface Wish {
  readonly taken?: readonly number[];
  readonly samePod?: readonly number[];
  readonly held?: readonly number[];
  /** Neither free nor taken: forbidden or configured as reserved. */
  readonly withheld?: readonly number[];
  readonly preferred?: readonly number[];
  readonly joining?: readonly number[];
  readonly priority?: 'siblings' | 'numa';
}

/** A request in which every CPU is free that the wish does not say anything else of; `samePod` is taken, too. */
export function request(host: Topology, count: number, wish: Wish = {}): ExclusiveRequest {
  const samePod = Cpuset.from(wish.samePod ?? []);
  const taken = Cpuset.from(wish.taken ?? []).union(samePod);
  const held = Cpuset.from(wish.held ?? []);
  return {
    count,
    free: host.online.minus(Cpuset.union([taken, held, Cpuset.from(wish.withheld ?? [])])),
    taken,
    held,
    samePod,
    priority: wish.priority ?? 'siblings',
    ...(wish.preferred && { preferred: Cpuset.from(wish.preferred) }),
    ...(wish.joining && { joining: Cpuset.from(wish.joining) }),
  };
}

/** The cost of `chosen`, by the names of the criteria. */
export function costOf(
  host: Topology,
  asked: ExclusiveRequest,
  chosen: Cpuset,
): Record<ExclusiveCriterion, number> {
  const cost = exclusiveCost(host, asked, chosen);
  const entries = exclusiveCriteria(asked.priority).map((criterion, position) => [criterion, cost[position]]);
  return Object.fromEntries(entries) as Record<ExclusiveCriterion, number>;
}

/** The answer to such a request, as a CPU list. */
export function choose(host: Topology, count: number, wish: Wish = {}): string | undefined {
  return chooseExclusive(host, request(host, count, wish))?.toString();
}
