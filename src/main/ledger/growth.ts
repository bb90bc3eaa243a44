/** How many updates that only let the pool grow may be sent. */
export interface GrowthLimits {
  /** Updates per second. */
  readonly rate: number;
  /** Updates that can be saved up. */
  readonly burst: number;
}

/**
 * The budget for updates that only let the pool grow: a token bucket (docs/placement.md, "When a container stops").
 * Every container update holds the runtime's lock for about 10 ms, and growing is comfort.
 */
export class GrowthBudget {
  #tokens = Number.POSITIVE_INFINITY;
  #at = 0;

  /** Takes up to `wanted` tokens and returns how many there were. @param now milliseconds of a steady clock */
  take(wanted: number, limits: GrowthLimits, now: number): number {
    const earned = (Math.max(0, now - this.#at) / 1000) * limits.rate;
    this.#tokens = Math.min(limits.burst, this.#tokens + earned);
    this.#at = now;
    const taken = Math.min(wanted, Math.floor(this.#tokens));
    this.#tokens -= taken;
    return taken;
  }
}
