import { lowestBit } from './bits.ts';

const NOBODY = -1;
const CLOSED = -2;

/** Who holds what while a matching is looked for. Holders and items are known by number. */
export interface Holdings {
  /** By item: who holds it, -1 if nobody does. */
  readonly owner: Int32Array;
  /** How many items the holder still wants. */
  missing(holder: number): number;
  give(holder: number, item: number): void;
  take(item: number): void;
}

/**
 * Hands out items along alternating paths: a holder takes one from a second, which takes another from a third, until one
 * takes an item that is free. When no path is left the number of items handed out is the largest possible (Berge,
 * "Two theorems in graph theory", 1957), so a failure is a proof. A holder never ends up with fewer items.
 */
export class Matching {
  readonly #holdings: Holdings;
  readonly #allowed: readonly Uint32Array[];
  readonly #movable: Uint32Array;
  readonly #seen: Uint32Array;
  /** By holder: the one that would take its item `#lost`; itself at the start of a path, `NOBODY` if not seen yet. */
  readonly #taker: Int32Array;
  readonly #lost: Int32Array;
  readonly #queue: Int32Array;
  #queued = 0;
  /** Items and holders that a failed search saw: no free item can be reached from there, so no other search goes there. */
  readonly #closedItems: Uint32Array;
  readonly #closedHolders: Int32Array;

  /**
   * @param allowed by holder: bitset of the items it may be given
   * @param movable bitset of the items that may change hands
   */
  constructor(holdings: Holdings, allowed: readonly Uint32Array[], movable: Uint32Array) {
    this.#holdings = holdings;
    this.#allowed = allowed;
    this.#movable = movable;
    this.#seen = new Uint32Array(movable.length);
    this.#taker = new Int32Array(allowed.length);
    this.#lost = new Int32Array(allowed.length);
    this.#queue = new Int32Array(allowed.length);
    this.#closedItems = new Uint32Array(movable.length);
    this.#closedHolders = new Int32Array(allowed.length).fill(NOBODY);
  }

  /**
   * Gives the holder all items it is missing. False if it has to go without some: then it competes for too few items with
   * others, and with `rivals` if nobody had to go without before.
   */
  complete(holder: number): boolean {
    while (this.#holdings.missing(holder) > 0) {
      if (this.#closedHolders[holder] === CLOSED) return false;
      this.#begin();
      this.#enqueue(holder, holder, NOBODY);
      if (this.#follow(this.#movable)) continue;
      this.#closedItems.set(this.#seen);
      for (const rival of this.rivals()) this.#closedHolders[rival] = CLOSED;
      return false;
    }
    return true;
  }

  /** The holders seen by the last search: if it failed, they have every movable item that any of them may be given. */
  rivals(): Int32Array {
    return this.#queue.slice(0, this.#queued).sort();
  }

  /**
   * Frees a movable item outside `preferred`: its holder, or another one down the path, takes a free item of `preferred`
   * instead. False if that is impossible: as many items of `preferred` as can be are held already.
   */
  shiftTo(preferred: Uint32Array): boolean {
    const { owner } = this.#holdings;
    // The item that gets free may be the one that a holder had to go without.
    this.#closedItems.fill(0);
    this.#closedHolders.fill(NOBODY);
    this.#begin();
    for (let w = 0; w < preferred.length; w++) {
      for (let word = this.#movable[w]! & ~preferred[w]!; word !== 0; word &= word - 1) {
        const item = (w << 5) + lowestBit(word);
        const holder = owner[item]!;
        if (holder >= 0 && this.#taker[holder] === NOBODY) this.#enqueue(holder, holder, item);
      }
    }
    return this.#follow(preferred);
  }

  #begin(): void {
    this.#queued = 0;
    this.#seen.set(this.#closedItems);
    this.#taker.set(this.#closedHolders);
  }

  #enqueue(holder: number, taker: number, lost: number): void {
    this.#taker[holder] = taker;
    this.#lost[holder] = lost;
    this.#queue[this.#queued++] = holder;
  }

  /** Searches breadth first for a free movable item of `within`, and shifts items along the way to it. */
  #follow(within: Uint32Array): boolean {
    const { owner } = this.#holdings;
    for (let at = 0; at < this.#queued; at++) {
      const holder = this.#queue[at]!;
      const allowed = this.#allowed[holder]!;
      for (let w = 0; w < within.length; w++) {
        let word = allowed[w]! & within[w]! & this.#movable[w]! & ~this.#seen[w]!;
        this.#seen[w]! |= word;
        for (; word !== 0; word &= word - 1) {
          const item = (w << 5) + lowestBit(word);
          const other = owner[item]!;
          if (other < 0) {
            this.#shift(holder, item);
            return true;
          }
          if (this.#taker[other] === NOBODY) this.#enqueue(other, holder, item);
        }
      }
    }
    return false;
  }

  /** The last holder of a path takes a free item and gives up what its taker wants, and so on up to the first. */
  #shift(last: number, free: number): void {
    let holder = last;
    let gained = free;
    for (;;) {
      const lost = this.#lost[holder]!;
      const taker = this.#taker[holder]!;
      if (lost !== NOBODY) this.#holdings.take(lost);
      this.#holdings.give(holder, gained);
      if (taker === holder) return;
      gained = lost;
      holder = taker;
    }
  }
}
