import { Cpuset } from '../../placement/cpuset.ts';
import { memoryNodes } from '../../placement/memory.ts';
import type { Move } from '../../placement/plan.ts';
import type { ContainerFacts, PodFacts } from '../../placement/workload.ts';
import { describeMoves, told } from './details.ts';
import type { Entry } from './entry.ts';
import { applyMoves, type Clearance, placeAnnotated, placeInteger, poolOf } from './place.ts';
import type { Policy } from './policy.ts';
import { heldBy, Refusal } from './refusal.ts';
import type { Draft } from './state.ts';
import { type Recall, toEntry } from './synchronize.ts';
import type { Decided } from './turn.ts';
import { type ContainerUpdate, tellDifferences, tellSelf } from './updates.ts';

/** What a new container is created with, and what others are told before it is. */
export interface CreateAnswer {
  /** The new container's own part. */
  readonly adjustment: ContainerUpdate;
  /** Memory nodes to prefer (memory policy `preferred`, annotated containers only). */
  readonly preferredNodes?: Cpuset;
  readonly updates: readonly ContainerUpdate[];
}

/** A creation that can be had, but is not in its draft yet. */
export interface Creation {
  readonly draft: Draft;
  readonly entry: Entry;
  readonly cpus: Cpuset;
  /** Containers that the new one replaces. */
  readonly superseded: readonly Entry[];
  readonly clearance: Clearance;
  readonly warnings: readonly string[];
}

/**
 * Finds a place for a new container (docs/placement.md, "Creating a container").
 *
 * @throws Refusal when there is none
 */
export function prepareCreation(
  draft: Draft,
  policy: Policy,
  pod: PodFacts,
  container: ContainerFacts,
  recall: Recall,
): Creation {
  const known = draft.get(container.id);
  // A runtime that tells no name says nothing of which container comes back.
  const superseded = draft
    .ofPod(pod.uid)
    .filter((entry) => container.name !== '' && entry.container.name === container.name && entry !== known);
  if (known !== undefined) superseded.push(known);
  for (const entry of superseded) draft.delete(entry.container.id);
  const { entry, warnings } = toEntry({ pod, container }, policy, draft.epoch);
  if (entry.unplaced !== undefined) throw new Refusal('bad-annotation', entry.unplaced);
  const previous = () => [...superseded.map(({ cpus }) => cpus), ...recall(entry)];
  const { cpus, clearance } = place(draft, policy, entry, previous);
  return { draft, entry, superseded, warnings, cpus, clearance };
}

const NO_MOVES: Clearance = { moves: [] };

function place(
  draft: Draft,
  policy: Policy,
  { workload, pod }: Entry,
  previous: () => readonly Cpuset[],
): { readonly cpus: Cpuset; readonly clearance: Clearance } {
  switch (workload.kind) {
    case 'annotated': {
      const { cpus } = workload;
      return { cpus, clearance: placeAnnotated(draft, policy, pod, cpus) };
    }
    case 'integer': {
      const { count, forbidden } = workload;
      return {
        cpus: placeInteger(draft, policy, { pod, count, forbidden, previous: previous() }),
        clearance: NO_MOVES,
      };
    }
    case 'shared': {
      const pool = poolOf(draft, policy);
      if (pool.minus(workload.forbidden).isEmpty) {
        const outside = pool.isEmpty ? '' : ` outside of its forbidden CPUs ${workload.forbidden}`;
        throw new Refusal(
          'pool-empty',
          `shared container finds no CPU in the pool${outside}; ${heldBy(draft, draft.reserved)}`,
        );
      }
      return { cpus: Cpuset.EMPTY, clearance: NO_MOVES };
    }
  }
}

/**
 * Puts a creation into its draft, and says what is to be answered.
 *
 * @param moves those of its clearance, or of a better plan for the same
 * @param growsAlong see `UpdateOptions`
 */
export function carryOut(
  creation: Creation,
  policy: Policy,
  moves: readonly Move[],
  growsAlong: boolean,
): Decided<CreateAnswer> {
  const { draft, entry, cpus, warnings } = creation;
  const movesTold = describeMoves(draft, moves);
  applyMoves(draft, moves);
  const adjustment = tellSelf(draft, policy, { ...entry, cpus });
  const updates = tellDifferences(draft, policy, { growsAlong });
  const { kind } = entry.workload;
  const prefers = kind === 'annotated' && policy.numaMemoryPolicy === 'preferred';
  return {
    answer: {
      adjustment,
      updates,
      ...(prefers && { preferredNodes: memoryNodes(policy.topology, cpus) }),
    },
    details: {
      outcome: 'placed',
      kind,
      reason: entry.reason,
      ...told(adjustment),
      moves: movesTold,
      updates: updates.length,
      warnings,
    },
  };
}
