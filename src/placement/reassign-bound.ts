import { Assignment, FREE } from './assignment.ts';
import { hasBit, padded } from './bits.ts';
import { Matching } from './matching.ts';
import type { PlanCost } from './plan.ts';
import { type CoreRestoration, reachableCores } from './reassign-cores.ts';
import type { Instance } from './reassign-instance.ts';

/**
 * A cost that no plan for the instance of `plan` stays below. What every victim needs if it were alone is added up, and
 * compared with how much of it there is for all; a later term may take for granted that earlier ones are least.
 */
export function boundCost(plan: Assignment, restoration: CoreRestoration): PlanCost {
  const { instance } = plan;
  const { topology, demand } = instance;
  const reach = reachableCores(instance);
  let broken = 0;
  for (let victim = 0; victim < demand.length; victim++)
    broken += leastBroken(instance, victim, reach[victim]!);
  const restored = restoration.stranded === 0;
  const nodes = leastDomains(instance, reach, restored, topology.nodeOf, topology.nodes.length);
  const llcs = leastDomains(instance, reach, restored, topology.llcOf, topology.llcs.length);
  const remote = Math.max(restoration.remote, leastRemote(plan));
  return [restoration.stranded, restoration.changed, remote, broken, nodes, llcs, leastFragmented(instance)];
}

/** What no matching can give to victims on their own nodes; found by making most of the plan's own. */
function leastRemote({ instance, owner }: Assignment): number {
  const { layout, topology, wasOn, usable, allowed, movable } = instance;
  const onNode = topology.nodes.map((node) => padded(node.cpus.toWords(), topology.maxCpuId + 1));
  const near = allowed.map((words, victim) => {
    const nearWords = new Uint32Array(words.length);
    onNode.forEach((nodeWords, node) => {
      if (wasOn[victim * layout.nodeCount + node] === 0) return;
      for (let w = 0; w < words.length; w++) nearWords[w]! |= words[w]! & nodeWords[w]!;
    });
    return nearWords;
  });
  const best = new Assignment(instance);
  for (const cpu of usable) {
    const victim = owner[cpu]!;
    if (victim !== FREE && best.owner[cpu] === FREE && hasBit(near[victim]!, cpu)) best.give(victim, cpu);
  }
  const matching = new Matching(best, near, movable);
  let remote = 0;
  for (let victim = 0; victim < near.length; victim++) {
    matching.complete(victim);
    remote += best.missing(victim);
  }
  return remote;
}

/** Cores that hold anchors of the victim and cannot become whole, and one more if the rest makes no whole cores. */
function leastBroken(instance: Instance, victim: number, reach: Uint32Array): number {
  const { layout, anchors, demand } = instance;
  let left = demand[victim]! - anchors[victim]!.length;
  let broken = 0;
  for (const [core, count] of [...lackingByCore(instance, victim)].sort((a, b) => a[1] - b[1])) {
    if (hasBit(reach, core) && count <= left) left -= count;
    else broken++;
  }
  const isEven = layout.smallestCore !== layout.largestCore || left % layout.smallestCore === 0;
  return broken > 0 || isEven ? broken : 1;
}

/**
 * How many domains (nodes or caches) all victims span at least: each those of its anchors, and as many large ones as it needs
 * besides; and one more each that has all its anchors in one domain, where others take what it lacks. Those that lack least
 * are counted as the ones that get it.
 *
 * @param restored whether every victim has whole cores for all that it lost
 */
function leastDomains(
  instance: Instance,
  reach: readonly Uint32Array[],
  restored: boolean,
  domainOf: Int32Array,
  count: number,
): number {
  const { usable, movable, layout, anchors, demand, leftovers } = instance;
  const all = new Int32Array(count);
  const free = new Int32Array(count);
  for (const cpu of usable) {
    all[domainOf[cpu]!]!++;
    if (hasBit(movable, cpu)) free[domainOf[cpu]!]!++;
  }
  const freeCores = new Int32Array(count);
  for (const core of clearCores(instance)) {
    freeCores[domainOf[layout.cpus.items[layout.cpus.start[core]!]!]!]!++;
  }
  const largest = all.toSorted().reverse();
  const lacking = Array.from({ length: count }, (): { cpus: number; cores: number }[] => []);
  let domains = 0;
  for (let victim = 0; victim < demand.length; victim++) {
    const own = new Set(anchors[victim]!.map((cpu) => domainOf[cpu]!));
    let left = demand[victim]!;
    for (const domain of own) left -= all[domain]!;
    let others = 0;
    while (left > 0 && others < count) left -= largest[others++]!;
    domains += own.size + others;
    const [domain] = own;
    if (domain === undefined || own.size > 1 || others > 0) continue;
    const begun = [...lackingByCore(instance, victim)].filter(
      ([core, lacks]) => lacks > 0 && hasBit(reach[victim]!, core),
    );
    const cores = restored ? Math.max(0, leftovers[victim]!.length - begun.length) : 0;
    lacking[domain]!.push({ cpus: demand[victim]! - anchors[victim]!.length, cores });
  }
  lacking.forEach((victims, domain) => {
    const cpus = victims.map((each) => each.cpus);
    const cores = victims.map((each) => each.cores);
    const most = Math.min(mostWithin(free[domain]!, cpus), mostWithin(freeCores[domain]!, cores));
    domains += victims.length - most;
  });
  return domains;
}

/** How many of the amounts can be had together. */
function mostWithin(room: number, amounts: readonly number[]): number {
  let left = room;
  let count = 0;
  for (const amount of amounts.toSorted((a, b) => a - b)) {
    left -= amount;
    if (left < 0) break;
    count++;
  }
  return count;
}

/** By core that the victim has anchors in: how many CPUs of it are no anchors. */
function lackingByCore({ layout, topology, anchors }: Instance, victim: number): ReadonlyMap<number, number> {
  const lacking = new Map<number, number>();
  for (const cpu of anchors[victim]!) {
    const core = topology.coreOf[cpu]!;
    lacking.set(core, (lacking.get(core) ?? layout.coreSize[core]!) - 1);
  }
  return lacking;
}

/** Cores of which every CPU may change hands. */
function* clearCores({ layout, movable }: Instance): Iterable<number> {
  const { start, items } = layout.cpus;
  for (let core = 0; core < layout.coreCount; core++) {
    let i = start[core]!;
    while (i < start[core + 1]! && hasBit(movable, items[i]!)) i++;
    if (i === start[core + 1]!) yield core;
  }
}

/** What stays free and does not fit into cores that can be wholly free. */
function leastFragmented(instance: Instance): number {
  const { layout, usable, totalDemand } = instance;
  let clear = 0;
  for (const core of clearCores(instance)) clear += layout.coreSize[core]!;
  const left = usable.length - totalDemand;
  const odd = layout.smallestCore === layout.largestCore ? left % layout.smallestCore : 0;
  return left - Math.min(clear, left - odd);
}
