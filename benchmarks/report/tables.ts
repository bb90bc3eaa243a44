import type { Value } from '../measurements.ts';
import { type Latency, namesIn, percentileOf, type ScenarioResult } from '../results.ts';

/** A table of texts. The first `labels` columns are words, the others numbers. */
export interface Table {
  readonly labels: number;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Stands for a value that there is none of. */
export const NONE = '–';

/** Latencies, one line for each plugin and thing measured, with the ratio to those of the plugin called `reference`. */
export function latencyTable(result: ScenarioResult, reference: string): Table {
  const { plugins } = result;
  const base = plugins.find(({ plugin }) => plugin === reference);
  const rows = namesIn([result], 'latencies').flatMap((what) =>
    plugins.flatMap(({ plugin, latencies }) => {
      const latency = latencies[what];
      if (latency === undefined) return [];
      const ratios = [50, 99].map((percentile) => ratio(latency, base?.latencies[what], percentile));
      const times = [percentileOf(latency, 50), percentileOf(latency, 99), latency.max].map(duration);
      return [[what, plugin, ...times, ...ratios, `${Math.round(latency.count)}`]];
    }),
  );
  return { labels: 2, head: ['', 'plugin', 'p50', 'p99', 'max', '× p50', '× p99', 'events'], rows };
}

/** Everything else that was noted, one column for each plugin. */
export function valueTable(result: ScenarioResult): Table {
  const { plugins } = result;
  const rows = namesIn([result], 'values').map((what) => [
    what,
    ...plugins.map(({ values }) => valueText(values[what])),
  ]);
  return { labels: 1, head: ['', ...plugins.map(({ plugin }) => plugin)], rows };
}

/** For a terminal. */
export function asText({ labels, head, rows }: Table): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column < labels ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  return [head, ...rows].map((row) => `  ${line(row)}`).join('\n');
}

export function asMarkdown({ labels, head, rows }: Table): string {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  const rule = head.map((_, column) => (column < labels ? '---' : '---:'));
  return [head, rule, ...rows].map(line).join('\n');
}

/** A duration in microseconds with three significant digits. */
export function duration(us: number): string {
  if (us < 1000) return `${digits(us)} µs`;
  return us < 1_000_000 ? `${digits(us / 1000)} ms` : `${digits(us / 1_000_000)} s`;
}

/** How many times `base` it is, at a percentile. */
export function ratio(latency: Latency, base: Latency | undefined, percentile: number): string {
  if (base === undefined) return NONE;
  return (percentileOf(latency, percentile) / percentileOf(base, percentile)).toFixed(2);
}

export function valueText(value: Value | undefined): string {
  if (value === undefined || Number.isNaN(value.value)) return NONE;
  switch (value.unit) {
    case 'MiB':
    case 'ms':
    case 'µs':
      return `${digits(value.value)} ${value.unit}`;
    case 'mean':
      return value.value.toFixed(2);
    case 'total':
      return `${value.value}`;
  }
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
