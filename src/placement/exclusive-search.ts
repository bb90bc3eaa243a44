import { compareCosts, type ExclusiveRequest } from './exclusive-cost.ts';
import {
  addSupply,
  covers,
  GroupSet,
  type PricedGroup,
  type Search,
  type Supply,
} from './exclusive-groups.ts';
import type { CoreGroup, Survey } from './exclusive-survey.ts';
import {
  type CostTable,
  combineAll,
  costScale,
  runTable,
  shapeTable,
  surcharge,
  type TableLimits,
} from './exclusive-table.ts';
import type { Topology } from './topology.ts';

/** About how many sets of groups are looked at, at most. With nine groups or fewer that is all of them. */
const EFFORT = 1 << 14;

/**
 * Finds the groups of cores to choose `need` open CPUs from. Returns their common cost table, which says how to distribute
 * the CPUs over them; undefined if there are not enough.
 *
 * The criteria that are not sums (kinds, nodes, packages, distance, LLCs of several groups) depend on the set of groups
 * alone. So sets are built up group by group; a set is worth the best entry of its table, and one whose bound is above the
 * best answer so far needs no more groups.
 */
export function bestGroups(
  topology: Topology,
  request: ExclusiveRequest,
  survey: Survey,
  need: number,
): CostTable | undefined {
  const scale = costScale(request.count, topology.llcs.length);
  const unlimited: TableLimits = { need, ceiling: Number.POSITIVE_INFINITY };
  const everywhere = combineAll(
    Array.from(survey.shapes, ({ shape, cores }) => shapeTable(shape, cores, scale, unlimited)),
    unlimited,
  );
  const leastHigh = everywhere.high[need];
  if (leastHigh === undefined) return undefined;
  const siblingsFirst = request.priority === 'siblings';
  const search: Search = {
    topology,
    siblingsFirst,
    count: request.count,
    survey,
    scale,
    limits: siblingsFirst ? { need, ceiling: leastHigh + scale.foreignCpus } : unlimited,
    leastBroken: leastHigh / scale.foreignCpus,
    demand: {
      cpus: need,
      wholeCpus: siblingsFirst ? need - Math.floor(leastHigh / scale.brokenCpus) : need,
    },
  };

  const groups = survey.groups.map((group, position) => priced(search, group, position));
  const fixed = groups.filter((group) => group.isFixed);
  const optional = groups
    .filter((group) => !group.isFixed)
    .sort((a, b) => b.supply.wholeCpus - a.supply.wholeCpus || b.supply.cpus - a.supply.cpus);
  const start = fixed.reduce((set, group) => set.with(group), GroupSet.empty(search));
  const best = bestSet(start, optional, search.demand).groups.toSorted((a, b) => a.position - b.position);
  return combineAll(
    best.map((group) => group.table),
    search.limits,
  );
}

/** The best set of `start` and any of `optional`, which are sorted by supply, largest first. */
function bestSet(start: GroupSet, optional: readonly PricedGroup[], demand: Supply): GroupSet {
  let [best, bestCost] = firstAnswer(start, optional);
  const isHopeful = (set: GroupSet) => compareCosts(set.bound, bestCost) <= 0;

  const supplyFrom: Supply[] = [{ cpus: 0, wholeCpus: 0 }];
  for (const group of optional.toReversed()) supplyFrom.unshift(addSupply(supplyFrom[0]!, group.supply));
  const mostCpus = Math.max(1, ...optional.map((group) => group.supply.cpus));
  const mostWhole = Math.max(1, ...optional.map((group) => group.supply.wholeCpus));
  const groupsMissing = ({ supply }: GroupSet) =>
    Math.max(
      0,
      Math.ceil((demand.cpus - supply.cpus) / mostCpus),
      Math.ceil((demand.wholeCpus - supply.wholeCpus) / mostWhole),
    );
  const width = Math.ceil(EFFORT / optional.length ** 2);

  let level = [{ set: start, next: 0 }];
  while (level.length > 0) {
    const larger = level
      .flatMap(({ set, next }) =>
        optional.slice(next).flatMap((group, index) => {
          const isHopeless = compareCosts(set.boundWith(group), bestCost) > 0;
          return isHopeless ? [] : [{ set: set.with(group), next: next + index + 1 }];
        }),
      )
      .filter(({ set, next }) => isHopeful(set) && covers(addSupply(set.supply, supplyFrom[next]!), demand))
      .sort((a, b) => groupsMissing(a.set) - groupsMissing(b.set) || compareCosts(a.set.bound, b.set.bound));
    for (const { set } of larger) {
      const cost = isHopeful(set) ? set.cost() : undefined;
      if (cost !== undefined && compareCosts(cost, bestCost) < 0) [best, bestCost] = [set, cost];
    }
    level = larger.filter(({ set }) => isHopeful(set)).slice(0, width);
  }
  return best;
}

/** An answer from the groups that can contribute most: bounds the search, and is good where the search is cut short. */
function firstAnswer(start: GroupSet, optional: readonly PricedGroup[]): [GroupSet, readonly number[]] {
  let set = start;
  let cost = set.cost();
  for (const group of optional) {
    if (cost !== undefined) break;
    set = set.with(group);
    cost = set.cost();
  }
  if (cost === undefined) throw new Error('the groups together cannot do what the whole host can');
  return [set, cost];
}

/** Groups with their costs, by number of CPUs in the answer and CPUs to choose. */
const pricedGroups = new WeakMap<CoreGroup, Map<number, PricedGroup>>();
/** More than the CPUs of any host. */
const RADIX = 1 << 20;

/** A group with its costs, which are worked out once for each group and number of CPUs. */
function priced(search: Search, group: CoreGroup, position: number): PricedGroup {
  const { limits, siblingsFirst, count } = search;
  let prices = pricedGroups.get(group);
  if (prices === undefined) {
    prices = new Map();
    pricedGroups.set(group, prices);
  }
  const key = (count * RADIX + limits.need) * 2 + Number(siblingsFirst);
  const known = prices.get(key);
  if (known?.position === position) return known;
  const price = { ...(known ?? { ...group, ...priceOf(search, group) }), position };
  prices.set(key, price);
  return price;
}

function priceOf(search: Search, group: CoreGroup): Pick<PricedGroup, 'table' | 'supply'> {
  const { scale, siblingsFirst } = search;
  const limits: TableLimits = { need: search.limits.need, ceiling: Number.POSITIVE_INFINITY };
  const tables = group.domains.map(({ runs, wholeFree, isFixed }) => {
    const cores = combineAll(
      runs.map((run) => runTable(run, scale, limits)),
      limits,
    );
    if (group.sharedLlc >= 0) return cores;
    return surcharge(cores, scale.llcs, wholeFree * scale.llcCoresLeft, isFixed);
  });
  const table = combineAll(tables, limits);
  const cpus = table.reach;
  // In a group with fixed CPUs no entry may be free of broken ones, so all its CPUs count.
  const countsWhole = siblingsFirst && !group.isFixed;
  const wholeCpus = countsWhole ? table.high.findLastIndex((cost) => cost < scale.brokenCpus) : cpus;
  return { table, supply: { cpus, wholeCpus } };
}
