/** How many updates that only let the pool grow may be sent. */
export interface GrowthLimits {
  /** Updates per second. */
  readonly rate: number;
  /** Updates that can be saved up. */
  readonly burst: number;
}

/** Events that are further apart than this, in milliseconds, do not belong to the same burst of them. */
const CALM_MS = 1000;

/**
 * When containers of the pool are told that it has grown (docs/placement.md, "When a container stops"). Every container
 * update holds the runtime's lock for about 10 ms, and growing is comfort; and what has been told has to be taken back, from
 * each container, when a new container needs the CPUs. So while containers come and go, CPUs wait for the next ones: a
 * hundred stops and a hundred creations beside a hundred shared containers take 300 updates, which were 2200.
 */
export class Growth {
  #tokens = Number.POSITIVE_INFINITY;
  #at = 0;
  #isSpent = false;
  #eventAt = Number.NEGATIVE_INFINITY;
  #isCalm = true;

  /** Notes an event by which containers come, go or change. @param now milliseconds of a steady clock */
  noteEvent(now: number): void {
    this.#isCalm = now - this.#eventAt >= CALM_MS;
    this.#eventAt = now;
  }

  /** Whether the event noted last came alone: then a container that has to be told something is told of growth, too. */
  get isCalm(): boolean {
    return this.#isCalm;
  }

  /**
   * Takes a token of the budget, a token bucket, for an update that only lets a container grow. Once it is empty it gives no
   * more until it is full: a trickle would let a container or two grow at each of many stops, and have a CPU of each taken
   * back.
   */
  take(limits: GrowthLimits, now: number): boolean {
    const earned = (Math.max(0, now - this.#at) / 1000) * limits.rate;
    this.#tokens = Math.min(limits.burst, this.#tokens + earned);
    this.#at = now;
    if (this.#tokens === limits.burst) this.#isSpent = false;
    if (this.#tokens < 1) this.#isSpent = true;
    if (this.#isSpent) return false;
    this.#tokens--;
    return true;
  }
}
