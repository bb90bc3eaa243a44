import type { Cpuset } from '../../placement/cpuset.ts';
import { type Entry, forbiddenTo } from './entry.ts';

/** What containers of the pool were told and are forbidden. */
export interface PoolTerms {
  readonly told: Cpuset | undefined;
  readonly forbidden: Cpuset;
}

/** Containers of the pool for which both is the same: what is decided of one holds for all. */
export interface PoolGroup extends PoolTerms {
  /** By id; at least one. */
  readonly members: ReadonlyMap<string, Entry>;
}

interface Group extends PoolGroup {
  readonly members: Map<string, Entry>;
}

/**
 * The containers of the pool in groups of those that are alike. A node has hundreds of containers but few groups, so a turn
 * that looks at one of each group takes as long with 1000 containers as with 50.
 */
export class PoolGroups {
  readonly #byHash = new Map<number, Group[]>();

  add(entry: Entry): void {
    const hash = hashOf(entry);
    const forbidden = forbiddenTo(entry.workload);
    const { told, container } = entry;
    const groups = this.#byHash.get(hash) ?? [];
    if (groups.length === 0) this.#byHash.set(hash, groups);
    let group = groups.find((each) => isSame(each.told, told.cpus) && each.forbidden.equals(forbidden));
    if (group === undefined) {
      group = { told: told.cpus, forbidden, members: new Map() };
      groups.push(group);
    }
    group.members.set(container.id, entry);
  }

  delete(entry: Entry): void {
    const hash = hashOf(entry);
    const groups = this.#byHash.get(hash) ?? [];
    const position = groups.findIndex(({ members }) => members.delete(entry.container.id));
    if (position >= 0 && groups[position]!.members.size === 0) groups.splice(position, 1);
    if (groups.length === 0) this.#byHash.delete(hash);
  }

  forEach(visit: (group: PoolGroup) => void): void {
    for (const groups of this.#byHash.values()) for (const group of groups) visit(group);
  }
}

function hashOf({ told, workload }: Entry): number {
  return (Math.imul(told.cpus?.hash ?? 0, 31) + forbiddenTo(workload).hash) | 0;
}

function isSame(a: Cpuset | undefined, b: Cpuset | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.equals(b));
}
