import type { EventView } from './api.ts';

/** How long one kind of event took, counted by duration. */
export interface Latency {
  readonly event: string;
  readonly outcome: string;
  readonly count: number;
  readonly sumUs: number;
  readonly maxUs: number;
  /** Events by position in `BOUNDS_US`: those that took at most so long, and longer than the bound before. */
  readonly counts: ArrayLike<number>;
}

const SHORTEST_US = 8;
/** Bounds between a duration and twice that. */
export const BOUNDS_PER_DOUBLING = 4;
const DOUBLINGS = 20;
/** Upper bounds in microseconds, from 8 µs to 8.4 s, a fifth apart; then everything else. */
export const BOUNDS_US: readonly number[] = [
  ...Array.from(
    { length: DOUBLINGS * BOUNDS_PER_DOUBLING + 1 },
    (_, position) => SHORTEST_US * 2 ** (position / BOUNDS_PER_DOUBLING),
  ),
  Number.POSITIVE_INFINITY,
];

/** Durations of events since the start. Recording one takes a few hundred nanoseconds and sets nothing aside. */
export class Latencies {
  readonly #kinds = new Map<string, Recorded>();

  record(event: string, outcome: string, us: number): void {
    const key = `${event} ${outcome}`;
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      kind = { event, outcome, count: 0, sumUs: 0, maxUs: 0, counts: new Uint32Array(BOUNDS_US.length) };
      this.#kinds.set(key, kind);
    }
    kind.count++;
    kind.sumUs += us;
    kind.maxUs = Math.max(kind.maxUs, us);
    kind.counts[positionOf(us)]!++;
  }

  get all(): readonly Latency[] {
    return [...this.#kinds.values()];
  }
}

/** A summary with percentiles, which are upper bounds: at most a fifth too high. */
export function summarize(latency: Latency): EventView {
  const { event, outcome, count, maxUs } = latency;
  return {
    event,
    outcome,
    count,
    p50Us: Math.round(percentile(latency, 0.5)),
    p99Us: Math.round(percentile(latency, 0.99)),
    maxUs: Math.round(maxUs),
  };
}

interface Recorded extends Latency {
  count: number;
  sumUs: number;
  maxUs: number;
  readonly counts: Uint32Array;
}

function positionOf(us: number): number {
  if (us <= SHORTEST_US) return 0;
  const position = Math.ceil(Math.log2(us / SHORTEST_US) * BOUNDS_PER_DOUBLING);
  return Math.min(position, BOUNDS_US.length - 1);
}

function percentile({ count, counts, maxUs }: Latency, share: number): number {
  let missing = Math.ceil(count * share);
  for (let position = 0; position < BOUNDS_US.length; position++) {
    missing -= counts[position]!;
    if (missing <= 0) return Math.min(BOUNDS_US[position]!, maxUs);
  }
  return maxUs;
}
