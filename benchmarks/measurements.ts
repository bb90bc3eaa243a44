import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** What a value that is no latency is counted in. `mean`: how many each time; `total`: how many in all. */
export type Unit = 'MiB' | 'ms' | 'µs' | 'mean' | 'total';

export interface Value {
  readonly value: number;
  readonly unit: Unit;
}

/**
 * What one run found out about one plugin. Latencies are kept in Node's own histograms: they are HDR histograms (constant
 * memory, three significant digits over the whole range), written in C, so that recording costs the driver next to nothing.
 */
export class Measurements {
  readonly #latencies = new Map<string, RecordableHistogram>();
  readonly #distributions = new Map<string, RecordableHistogram>();
  readonly #notes = new Map<string, { sum: number; count: number; readonly unit: Unit }>();

  /** In nanoseconds, by what was measured. */
  get latencies(): ReadonlyMap<string, RecordableHistogram> {
    return this.#latencies;
  }

  /** In nanoseconds: of these the distribution in all runs together counts, for one run is too short for its tail. */
  get distributions(): ReadonlyMap<string, RecordableHistogram> {
    return this.#distributions;
  }

  /** Totals, and means of what has another unit. */
  get values(): ReadonlyMap<string, Value> {
    return new Map(
      [...this.#notes].map(([name, { sum, count, unit }]) => [
        name,
        { value: unit === 'total' ? sum : sum / count, unit },
      ]),
    );
  }

  latency(what: string, ms: number): void {
    record(this.#latencies, what, ms);
  }

  distribution(what: string, ms: number): void {
    record(this.#distributions, what, ms);
  }

  note(what: string, value: number, unit: Unit = 'mean'): void {
    const note = this.#notes.get(what) ?? { sum: 0, count: 0, unit };
    note.sum += value;
    note.count++;
    this.#notes.set(what, note);
  }

  /** Forgets everything so far. */
  clear(): void {
    this.#latencies.clear();
    this.#distributions.clear();
    this.#notes.clear();
  }
}

function record(histograms: Map<string, RecordableHistogram>, what: string, ms: number): void {
  let histogram = histograms.get(what);
  if (histogram === undefined) {
    histogram = createHistogram({ figures: 3 });
    histograms.set(what, histogram);
  }
  histogram.record(Math.max(1, Math.round(ms * 1e6)));
}
