import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Measurements, Value } from './measurements.ts';

/** A distribution of latencies, in microseconds. */
export interface Latency {
  /** How many were measured in a run. */
  readonly count: number;
  readonly max: number;
  /** What the fraction PERCENTILES[i] / 100 of all are within. */
  readonly percentiles: readonly number[];
}

/** What all runs of a scenario found out about a plugin: medians of the runs; of distributions, the tail in all of them together. */
export interface PluginResult {
  readonly plugin: string;
  readonly latencies: Readonly<Record<string, Latency>>;
  readonly values: Readonly<Record<string, Value>>;
  /** Why a run could not be finished. */
  readonly failure?: string;
}

/** What came of a scenario on a host. */
export interface ScenarioResult {
  readonly scenario: string;
  readonly cpus: number;
  readonly runs: number;
  readonly plugins: readonly PluginResult[];
}

/** Denser towards the end, as a plot of a distribution's tail needs them. */
export const PERCENTILES: readonly number[] = [
  1, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99,
];

/** The latency that `percentile`, one of PERCENTILES, are within. */
export function percentileOf(latency: Latency, percentile: number): number {
  const value = latency.percentiles[PERCENTILES.indexOf(percentile)];
  if (value === undefined) throw new RangeError(`percentile ${percentile} is not kept`);
  return value;
}

/** Results by scenario, in the order they came. */
export function byScenario(results: readonly ScenarioResult[]): readonly (readonly ScenarioResult[])[] {
  return [...new Set(results.map(({ scenario }) => scenario))].map((name) =>
    results.filter(({ scenario }) => scenario === name),
  );
}

/** The names of all latencies or values in results, sorted. */
export function namesIn(results: readonly ScenarioResult[], part: 'latencies' | 'values'): readonly string[] {
  const all = results.flatMap(({ plugins }) => plugins.flatMap((each) => Object.keys(each[part])));
  return [...new Set(all)].sort();
}

/** Sums up the runs that a plugin has finished. */
export function summarize(
  plugin: string,
  runs: readonly Measurements[],
  failure: string | undefined,
): PluginResult {
  const latencies = medians(
    runs.map((run) => new Map([...run.latencies].map(([name, histogram]) => [name, latencyOf(histogram)]))),
    medianLatency,
  );
  const values = medians(
    runs.map((run) => run.values),
    (each) => ({ value: median(each.map(({ value }) => value)), unit: each[0]!.unit }),
  );
  return {
    plugin,
    latencies,
    values: { ...values, ...tails(runs) },
    ...(failure !== undefined && { failure }),
  };
}

/** The middle value, or the mean of the two in the middle. @throws RangeError without any */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('there is no median of nothing');
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function medians<T>(
  runs: readonly ReadonlyMap<string, T>[],
  medianOf: (each: readonly T[]) => T,
): Record<string, T> {
  const names = new Set(runs.flatMap((run) => [...run.keys()]));
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      medianOf(runs.flatMap((run) => (run.has(name) ? [run.get(name)!] : []))),
    ]),
  );
}

function tails(runs: readonly Measurements[]): Record<string, Value> {
  const names = new Set(runs.flatMap(({ distributions }) => [...distributions.keys()]));
  const valuesOf = (name: string): readonly (readonly [string, Value])[] => {
    const all = createHistogram({ figures: 3 });
    for (const { distributions } of runs) {
      const own = distributions.get(name);
      if (own !== undefined) all.add(own);
    }
    return [
      [`${name}, p99.9`, { value: all.percentile(99.9) / 1e6, unit: 'ms' }],
      [`${name}, longest`, { value: all.max / 1e6, unit: 'ms' }],
      [`${name}, times looked`, { value: all.count, unit: 'total' }],
    ];
  };
  return Object.fromEntries([...names].flatMap(valuesOf));
}

function latencyOf(histogram: RecordableHistogram): Latency {
  return {
    count: histogram.count,
    max: histogram.max / 1000,
    percentiles: PERCENTILES.map((percentile) => histogram.percentile(percentile) / 1000),
  };
}

function medianLatency(each: readonly Latency[]): Latency {
  return {
    count: median(each.map(({ count }) => count)),
    max: median(each.map(({ max }) => max)),
    percentiles: PERCENTILES.map((_, position) =>
      median(each.map(({ percentiles }) => percentiles[position]!)),
    ),
  };
}
