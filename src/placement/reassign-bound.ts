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
  const nodeRoom = roomIn(instance, topology.nodeOf, topology.nodes.length);
  const llcRoom = roomIn(instance, topology.llcOf, topology.llcs.length);
  let broken = 0;
  let nodes = 0;
  let llcs = 0;
  for (let victim = 0; victim < demand.length; victim++) {
    broken += leastBroken(instance, victim, reach[victim]!);
    nodes += leastDomains(instance, victim, nodeRoom);
    llcs += leastDomains(instance, victim, llcRoom);
  }
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
  const { layout, topology, anchors, demand } = instance;
  const lacking = new Map<number, number>();
  for (const cpu of anchors[victim]!) {
    const core = topology.coreOf[cpu]!;
    lacking.set(core, (lacking.get(core) ?? layout.coreSize[core]!) - 1);
  }
  let left = demand[victim]! - anchors[victim]!.length;
  let broken = 0;
  for (const [core, count] of [...lacking].sort((a, b) => a[1] - b[1])) {
    if (hasBit(reach, core) && count <= left) left -= count;
    else broken++;
  }
  const isEven = layout.smallestCore !== layout.largestCore || left % layout.smallestCore === 0;
  return broken > 0 || isEven ? broken : 1;
}

/** CPUs that victims can hold, by domain (node or cache). */
interface Room {
  readonly domainOf: Int32Array;
  readonly of: Int32Array;
  /** The same, the largest first. */
  readonly sorted: Int32Array;
}

function roomIn({ usable }: Instance, domainOf: Int32Array, count: number): Room {
  const of = new Int32Array(count);
  for (const cpu of usable) of[domainOf[cpu]!]!++;
  return { domainOf, of, sorted: of.toSorted().reverse() };
}

/** Domains of the victim's anchors, and as many large ones as it needs if these have not enough room. */
function leastDomains({ anchors, demand }: Instance, victim: number, { domainOf, of, sorted }: Room): number {
  const used = new Set(anchors[victim]!.map((cpu) => domainOf[cpu]!));
  let left = demand[victim]!;
  for (const domain of used) left -= of[domain]!;
  let others = 0;
  while (left > 0 && others < sorted.length) left -= sorted[others++]!;
  return used.size + others;
}

/** What stays free and does not fit into cores that can be wholly free. */
function leastFragmented(instance: Instance): number {
  const { layout, usable, totalDemand, movable } = instance;
  const { start, items } = layout.cpus;
  let clear = 0;
  for (let core = 0; core < layout.coreCount; core++) {
    let i = start[core]!;
    while (i < start[core + 1]! && hasBit(movable, items[i]!)) i++;
    if (i === start[core + 1]!) clear += layout.coreSize[core]!;
  }
  const left = usable.length - totalDemand;
  const odd = layout.smallestCore === layout.largestCore ? left % layout.smallestCore : 0;
  return left - Math.min(clear, left - odd);
}
