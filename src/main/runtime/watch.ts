import { Cpuset } from '../../placement/cpuset.ts';
import { type Claim, isMet } from './claim.ts';

/** A live container as the watch sees it. */
export interface Occupant {
  readonly id: string;
  /** `namespace/pod/container`. */
  readonly label: string;
  readonly claim: Claim;
  /** What the container was given; empty if it is not restricted. */
  readonly given: Cpuset;
  /** What the kernel lets it run on. */
  readonly cpus: Cpuset;
}

export interface Violation {
  /**
   * I1: a CPU with two exclusive owners. I2: an integer container on an annotated one's CPUs. I3: a shared container on a
   * CPU that somebody owns or that is forbidden to it. I4, I5: an integer, an annotated container without what it asked for.
   */
  readonly invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5';
  /** Labels of the containers concerned. */
  readonly containers: readonly string[];
  readonly cpus: Cpuset;
  readonly message: string;
}

/** The event that a check belongs to. */
export interface Turn {
  /** Id of the container that the event creates or resizes with the plugin's consent. */
  readonly subject?: string | undefined;
  /** The plugin is putting right what it found; what is allowed to be wrong meanwhile is less than usual. */
  readonly synchronizing: boolean;
  readonly online: Cpuset;
}

/**
 * Holds what the runtime sees against the invariants that the plugin promises (docs/placement.md). It trusts nothing the
 * plugin says: who is exclusive follows from the pods and from what they were given.
 *
 * A container owns its CPUs from the event that gives it what it asked for. One that was created while no plugin was there
 * runs in the pool until it is found to have what it asked for to itself.
 *
 * Every breach is reported once, when it begins.
 */
export class InvariantWatch {
  /** What each owner was given, by id. */
  #owners: ReadonlyMap<string, Cpuset> = new Map();
  /** Ids of those that should own CPUs and run in the pool for want of them. */
  #unplaced: ReadonlySet<string> = new Set();
  #standing = new Set<string>();

  /** Forgets all breaches: a plugin that connects is not to blame for what it finds, only for what it leaves. */
  reset(): void {
    this.#standing.clear();
  }

  /**
   * Checks one update that was just applied: updates are applied one at a time, and between them too no owned CPU may be in
   * two places.
   */
  step(changed: Occupant, all: readonly Occupant[], turn: Turn): readonly Violation[] {
    if (!this.#owns(changed)) return [];
    const met = all.filter((other) => other.id !== changed.id && other.cpus.intersects(changed.cpus));
    const found = met.flatMap((other) => {
      if (this.#owns(other)) return overlap(changed, other);
      // While a plugin synchronizes, containers that it has not come to yet may still be everywhere.
      return turn.synchronizing ? [] : intrusion(other, changed);
    });
    const fresh = this.#unreported(found);
    for (const key of fresh.keys()) this.#standing.add(key);
    return [...fresh.values()];
  }

  /** Checks everything at the end of an event. */
  settle(all: readonly Occupant[], turn: Turn): readonly Violation[] {
    const found = this.#updateOwners(all, turn);
    const owners: Occupant[] = [];
    let owned = Cpuset.EMPTY;
    const met = (occupant: Occupant): readonly Occupant[] =>
      occupant.cpus.intersects(owned) ? owners.filter((owner) => owner.cpus.intersects(occupant.cpus)) : [];
    for (const occupant of all.filter((each) => this.#owns(each))) {
      found.push(...met(occupant).flatMap((owner) => overlap(occupant, owner)), ...trespass(occupant));
      owners.push(occupant);
      owned = owned.union(occupant.cpus);
    }
    const pool = turn.online.minus(owned);
    for (const occupant of all.filter((each) => !this.#owns(each))) {
      const { claim } = occupant;
      found.push(...met(occupant).flatMap((owner) => intrusion(occupant, owner)));
      if (claim.kind !== 'shared') continue;
      // Nobody can refuse a container that was created while no plugin was there, though nothing is left that it may use.
      if (turn.synchronizing && pool.isSubsetOf(claim.forbidden)) {
        for (const breach of trespass(occupant)) this.#standing.add(keyOf(breach));
      }
      found.push(...trespass(occupant));
    }
    const fresh = this.#unreported(found);
    this.#standing = new Set(found.map(keyOf));
    return [...fresh.values()];
  }

  #owns(occupant: Occupant): boolean {
    return this.#owners.has(occupant.id) && isMet(occupant.claim, occupant.given);
  }

  #updateOwners(all: readonly Occupant[], turn: Turn): Violation[] {
    const owners = new Map<string, Cpuset>();
    const unplaced = new Set<string>();
    const found: Violation[] = [];
    for (const occupant of all) {
      const { id, claim, given } = occupant;
      if (claim.kind === 'shared') continue;
      const previous = this.#owners.get(id);
      // A resize of a container that is not placed is no promise to place it.
      const isSubject = id === turn.subject && !this.#unplaced.has(id);
      // A pool may by chance be as large as what an integer container in it asks for.
      const isOwner =
        claim.kind === 'annotated' ||
        isSubject ||
        (previous !== undefined && (!turn.synchronizing || given.equals(previous))) ||
        !all.some((other) => other !== occupant && other.cpus.intersects(occupant.cpus));
      if (isMet(claim, given) && isOwner) {
        owners.set(id, given);
        continue;
      }
      unplaced.add(id);
      // Who lost CPUs to an unplug, or to a conflict that a synchronization found, may end up in the pool.
      const isRobbed = previous?.isSubsetOf(turn.online) && !turn.synchronizing;
      if (isSubject || isRobbed) found.push(shortfall(occupant));
    }
    this.#owners = owners;
    this.#unplaced = unplaced;
    return found;
  }

  #unreported(found: readonly Violation[]): ReadonlyMap<string, Violation> {
    return new Map(
      found
        .map((violation) => [keyOf(violation), violation] as const)
        .filter(([key]) => !this.#standing.has(key)),
    );
  }
}

function keyOf(violation: Violation): string {
  return [violation.invariant, ...violation.containers.toSorted()].join(' ');
}

function overlap(one: Occupant, other: Occupant): readonly Violation[] {
  if (one.claim.kind === 'annotated' && other.claim.kind === 'annotated') return [];
  const cpus = one.cpus.intersect(other.cpus);
  return [
    {
      invariant: one.claim.kind === other.claim.kind ? 'I1' : 'I2',
      containers: [one.label, other.label],
      cpus,
      message: `${one.label} and ${other.label} both own CPUs ${cpus}`,
    },
  ];
}

function intrusion(guest: Occupant, owner: Occupant): readonly Violation[] {
  const cpus = guest.cpus.intersect(owner.cpus);
  const message = `${guest.label} runs on CPUs ${cpus} of ${owner.label}`;
  return [{ invariant: 'I3', containers: [guest.label, owner.label], cpus, message }];
}

function trespass(occupant: Occupant): readonly Violation[] {
  const { claim, label } = occupant;
  if (claim.kind === 'annotated' || !occupant.cpus.intersects(claim.forbidden)) return [];
  const cpus = occupant.cpus.intersect(claim.forbidden);
  const message = `${label} runs on CPUs ${cpus}, which are forbidden to it`;
  return [{ invariant: claim.kind === 'integer' ? 'I4' : 'I3', containers: [label], cpus, message }];
}

function shortfall(occupant: Occupant): Violation {
  const { claim, label, given } = occupant;
  const asked =
    claim.kind === 'annotated' ? `CPUs ${claim.cpus}` : claim.kind === 'integer' ? `${claim.count} CPUs` : '';
  return {
    invariant: claim.kind === 'annotated' ? 'I5' : 'I4',
    containers: [label],
    cpus: given,
    message: `${label} asks for ${asked} and has ${given.isEmpty ? 'none of its own' : given}`,
  };
}
