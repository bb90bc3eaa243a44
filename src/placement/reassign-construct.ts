import { Assignment, FREE } from './assignment.ts';
import { clearBit } from './bits.ts';
import { Matching } from './matching.ts';
import { type CoreRestoration, restoreCores } from './reassign-cores.ts';
import { Greedy } from './reassign-greedy.ts';
import type { Instance } from './reassign-instance.ts';

/** A plan; or which victims cannot all be placed, how many CPUs they need and how many they can be given at most. */
export type Construction =
  | { readonly ok: true; readonly assignment: Assignment; readonly restoration: CoreRestoration }
  | {
      readonly ok: false;
      readonly reason: 'forbidden' | 'min-shared';
      readonly victims: readonly number[];
      readonly needed: number;
      readonly available: number;
    };

/**
 * A first plan for an instance, found for sure if there is one: whole cores for those that lose some, then one victim
 * after the other, and a repair by matching wherever that gets stuck.
 */
export function construct(instance: Instance): Construction {
  const { demand } = instance;
  const assignment = new Assignment(instance);
  const restoration = restoreCores(instance);
  giveCores(assignment, restoration.cores);
  keepLeftovers(assignment);
  const greedy = new Greedy(assignment);
  const matching = new Matching(assignment, instance.allowed, instance.movable);
  for (const victim of mostConstrainedFirst(instance)) {
    if (greedy.complete(victim) || matching.complete(victim)) continue;
    const victims = [...matching.rivals()];
    const needed = victims.reduce((sum, rival) => sum + demand[rival]!, 0);
    const available = victims.reduce((sum, rival) => sum + assignment.held(rival), 0);
    return { ok: false, reason: 'forbidden', victims, needed, available };
  }
  const outsidePool = instance.movable.slice();
  for (const cpu of instance.usable) if (instance.pooled[cpu] === 1) clearBit(outsidePool, cpu);
  while (assignment.pooledHeld > instance.sharable) {
    if (matching.shiftTo(outsidePool)) continue;
    const needed = instance.totalDemand;
    const available = Math.max(0, needed - assignment.pooledHeld + instance.sharable);
    return { ok: false, reason: 'min-shared', victims: [...demand.keys()], needed, available };
  }
  for (let victim = 0; victim < demand.length; victim++) assignment.settle(victim);
  return { ok: true, assignment, restoration };
}

/** Gives whole cores to victims, except where a victim has no room for one or another one has a part of it. */
function giveCores(assignment: Assignment, coresOf: CoreRestoration['cores']): void {
  const { start, items } = assignment.instance.layout.cpus;
  coresOf.forEach((cores, victim) => {
    for (const core of cores) {
      const others = items
        .subarray(start[core]!, start[core + 1]!)
        .filter((cpu) => assignment.owner[cpu] !== victim);
      if (others.length > assignment.missing(victim)) continue;
      if (others.some((cpu) => assignment.owner[cpu] !== FREE)) continue;
      for (const cpu of others) assignment.give(victim, cpu);
    }
  });
}

/** Lets victims keep what is left of their stranded cores, as far as whole cores leave them room; largest first. */
function keepLeftovers(assignment: Assignment): void {
  assignment.instance.leftovers.forEach((leftovers, victim) => {
    for (const cpu of leftovers.toReversed().flat()) {
      if (assignment.missing(victim) > 0 && assignment.owner[cpu] === FREE) assignment.give(victim, cpu);
    }
  });
}

/** Those with forbidden CPUs before those that may go anywhere; then those that need most. */
function mostConstrainedFirst({ demand, restricted, homes }: Instance): readonly number[] {
  const need = demand.map((count, victim) => count - homes[victim]!.length);
  return [...demand.keys()].sort((a, b) => restricted[b]! - restricted[a]! || need[b]! - need[a]! || a - b);
}
