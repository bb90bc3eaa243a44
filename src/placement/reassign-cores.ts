import { hasBit, setBit } from './bits.ts';
import { type Holdings, Matching } from './matching.ts';
import type { Instance } from './reassign-instance.ts';

const NOBODY = -2;

/** How the whole cores that victims lose are best made up for, as far as there are cores. */
export interface CoreRestoration {
  /** By victim: the cores to give to it. */
  readonly cores: readonly (readonly number[])[];
  /** The least `strandedCores` of any plan. */
  readonly stranded: number;
  /** The least `changedCpus` of any plan with that, and the least `remoteCpus`. */
  readonly changed: number;
  readonly remote: number;
}

/** Victims that want whole cores. At first each holds the cores that stay whole for it, and wants no more. */
class WholeCores implements Holdings {
  readonly owner: Int32Array;
  readonly wanted: Int32Array;
  readonly #held: Int32Array;

  constructor(kept: Int32Array, victims: number) {
    this.owner = kept.slice();
    this.#held = new Int32Array(victims);
    for (const victim of kept) if (victim >= 0) this.#held[victim]!++;
    this.wanted = this.#held.slice();
  }

  missing(victim: number): number {
    return this.wanted[victim]! - this.#held[victim]!;
  }

  give(victim: number, core: number): void {
    this.owner[core] = victim;
    this.#held[victim]!++;
  }

  take(core: number): void {
    this.#held[this.owner[core]!]!--;
    this.owner[core] = -1;
  }
}

/**
 * Which victims get how many whole cores again, and which ones. Where there are not enough for all, as many as can be at
 * the fewest changes: sets of lost cores that can be made up for together form a matroid, so taking the cheapest one that
 * can still be added is best.
 */
export function restoreCores(instance: Instance): CoreRestoration {
  const { demand, homes, leftovers, untouched } = instance;
  const kept = keptCores(instance);
  const reach = reachableCores(instance);
  const near = nearCores(instance, reach);
  const all = new Uint32Array((instance.layout.coreCount + 31) >> 5).fill(0xffff_ffff);

  const wishes = new WholeCores(kept, demand.length);
  const nearWishes = new WholeCores(kept, demand.length);
  const losses: { readonly victim: number; readonly extra: number }[] = [];
  let changed = 0;
  for (let victim = 0; victim < demand.length; victim++) {
    const lost = leftovers[victim]!.length + untouched[victim]! - wishes.wanted[victim]!;
    const atHome = homes[victim]!.length + leftovers[victim]!.reduce((sum, cpus) => sum + cpus.length, 0);
    const least = demand[victim]! - atHome;
    changed += least;
    nearWishes.wanted[victim]! += lost;
    for (const extra of extraChanges(instance, victim, reach[victim]!, least, lost))
      losses.push({ victim, extra });
  }
  losses.sort((a, b) => a.extra - b.extra);
  const matching = new Matching(wishes, reach, all);
  let stranded = 0;
  for (const { victim, extra } of losses) {
    wishes.wanted[victim]!++;
    if (matching.complete(victim)) {
      changed += extra;
    } else {
      wishes.wanted[victim]!--;
      stranded++;
    }
  }

  // Every restored core beyond those that own nodes can give is a remote one.
  matchAll(nearWishes, near, all);
  const far = demand.reduce((sum, _, victim) => sum + nearWishes.missing(victim), 0) - stranded;

  const chosen = new WholeCores(kept, demand.length);
  chosen.wanted.set(wishes.wanted);
  for (const cores of [begunCores(instance, reach), near, reach]) {
    matchAll(chosen, cores, all);
  }
  const cores: number[][] = leftovers.map(() => []);
  chosen.owner.forEach((victim, core) => {
    if (victim >= 0 && kept[core] !== victim) cores[victim]!.push(core);
  });
  return { cores, stranded, changed, remote: far * instance.layout.smallestCore };
}

function matchAll(wishes: WholeCores, allowed: readonly Uint32Array[], all: Uint32Array): void {
  const matching = new Matching(wishes, allowed, all);
  for (let victim = 0; victim < allowed.length; victim++) matching.complete(victim);
}

/** By core: the victim whose homes it is made of, or -1. */
function keptCores({ layout, home }: Instance): Int32Array {
  const { start, items } = layout.cpus;
  return layout.coreSize.map((_, core) => {
    const victim = home[items[start[core]!]!]!;
    for (let i = start[core]!; i < start[core + 1]!; i++) if (home[items[i]!] !== victim) return -1;
    return victim;
  });
}

/** By victim: bitset of the cores that it can hold wholly. */
export function reachableCores(instance: Instance): readonly Uint32Array[] {
  const { layout, topology, allowed, movable, homes, home } = instance;
  const { start, items } = layout.cpus;
  const reachable = (core: number, words: Uint32Array, victim: number): boolean => {
    for (let i = start[core]!; i < start[core + 1]!; i++) {
      const cpu = items[i]!;
      if (home[cpu] !== victim && !(hasBit(movable, cpu) && hasBit(words, cpu))) return false;
    }
    return true;
  };
  // Victims with equal forbidden sets differ only in the cores they have homes in.
  const shared = new Map<Uint32Array, Uint32Array>();
  for (const words of allowed) {
    if (shared.has(words)) continue;
    const cores = new Uint32Array((layout.coreCount + 31) >> 5);
    for (let core = 0; core < layout.coreCount; core++)
      if (reachable(core, words, NOBODY)) setBit(cores, core);
    shared.set(words, cores);
  }
  return allowed.map((words, victim) => {
    const cores = shared.get(words)!.slice();
    for (const cpu of homes[victim]!) {
      const core = topology.coreOf[cpu]!;
      if (reachable(core, words, victim)) setBit(cores, core);
    }
    return cores;
  });
}

/** By victim: those of the cores that are on its own nodes. */
function nearCores({ layout, wasOn }: Instance, reach: readonly Uint32Array[]): readonly Uint32Array[] {
  const onNode = Array.from(
    { length: layout.nodeCount },
    () => new Uint32Array((layout.coreCount + 31) >> 5),
  );
  for (let core = 0; core < layout.coreCount; core++)
    setBit(onNode[layout.cellNode[layout.cellOf[core]!]!]!, core);
  return reach.map((cores, victim) => {
    const near = new Uint32Array(cores.length);
    onNode.forEach((words, node) => {
      if (wasOn[victim * layout.nodeCount + node] === 0) return;
      for (let w = 0; w < near.length; w++) near[w]! |= cores[w]! & words[w]!;
    });
    return near;
  });
}

/** By victim: those of the cores that it has homes in. */
function begunCores({ topology, homes }: Instance, reach: readonly Uint32Array[]): readonly Uint32Array[] {
  return reach.map((cores, victim) => {
    const begun = new Uint32Array(cores.length);
    for (const cpu of homes[victim]!) {
      const core = topology.coreOf[cpu]!;
      if (hasBit(cores, core)) setBit(begun, core);
    }
    return begun;
  });
}

/** For the first, second, … lost core: how many CPUs the victim changes at least, beyond what went before. */
function extraChanges(
  instance: Instance,
  victim: number,
  reach: Uint32Array,
  least: number,
  lost: number,
): readonly number[] {
  if (lost === 0) return [];
  const { layout, topology, homes } = instance;
  const begun = new Map<number, number>();
  for (const cpu of homes[victim]!) {
    const core = topology.coreOf[cpu]!;
    begun.set(core, (begun.get(core) ?? layout.coreSize[core]!) - 1);
  }
  const lacking = [...begun].flatMap(([core, count]) => (count > 0 && hasBit(reach, core) ? [count] : []));
  const fromNew = Array.from({ length: lost }, () => layout.smallestCore);
  const cheapest = [...lacking, ...fromNew].sort((a, b) => a - b);
  let bought = 0;
  let changes = least;
  return fromNew.map((_, i) => {
    bought += cheapest[i]!;
    const extra = Math.max(0, bought - changes);
    changes += extra;
    return extra;
  });
}
