import {
  byScenario,
  namesIn,
  PERCENTILES,
  type PluginResult,
  percentileOf,
  type ScenarioResult,
} from '../results.ts';
import { type Axis, drawing, type LegendEntry, type Line, type Panel } from './svg.ts';
import { duration } from './tables.ts';

/** Colours that people with any colour vision can tell apart (Okabe and Ito, "Color Universal Design"). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#999999'];
const GROWTH_COLUMNS = 3;

/** How latencies grow with the number of CPUs: a panel for each thing measured, in all scenarios. */
export function growthPlot(results: readonly ScenarioResult[]): string {
  const plugins = pluginsOf(results);
  const counts = [...new Set(results.map(({ cpus }) => cpus))].sort((one, other) => one - other);
  const x: Axis = {
    label: 'CPUs',
    ticks: counts.map((count) => ({ at: count, text: `${count}` })),
    scale: Math.log2,
  };
  const panels = byScenario(results).flatMap((same) =>
    namesIn(same, 'latencies').map((what): Panel => {
      const lines = plugins.flatMap((plugin, position) =>
        [50, 99].map((percentile): Line => {
          const points = same.flatMap(({ cpus, plugins: all }) => {
            const latency = find(all, plugin)?.latencies[what];
            return latency === undefined ? [] : [[cpus, percentileOf(latency, percentile)] as const];
          });
          return { points, colour: colourOf(position), dashed: percentile === 99 };
        }),
      );
      return { title: `${same[0]!.scenario}: ${what}`, x, y: latencyAxis(lines), lines };
    }),
  );
  const percentiles = [
    { text: 'p50', colour: 'black' },
    { text: 'p99', colour: 'black', dashed: true },
  ];
  return drawing('Latency over CPUs, in all scenarios', panels, GROWTH_COLUMNS, [
    ...legendOf(plugins),
    ...percentiles,
  ]);
}

/** The distribution of latencies in one scenario: a row for each thing measured, a column for each host. */
export function distributionPlot(same: readonly ScenarioResult[]): string {
  const plugins = pluginsOf(same);
  // The tail is as wide as the bulk: each tick is a tenth of what is left.
  const x: Axis = {
    label: 'percentile',
    ticks: [0, 90, 99, 99.9, 99.99].map((at) => ({ at, text: `${at}` })),
    scale: (percentile) => -Math.log10(1 - percentile / 100),
  };
  const panels = namesIn(same, 'latencies').flatMap((what) => {
    const linesOn = ({ plugins: all }: ScenarioResult) =>
      plugins.flatMap((plugin, position): readonly Line[] => {
        const latency = find(all, plugin)?.latencies[what];
        if (latency === undefined) return [];
        const points = PERCENTILES.map(
          (percentile) => [percentile, percentileOf(latency, percentile)] as const,
        );
        return [{ points, colour: colourOf(position) }];
      });
    const y = latencyAxis(same.flatMap(linesOn));
    return same.map(
      (result): Panel => ({ title: `${what}, ${result.cpus} CPUs`, x, y, lines: linesOn(result) }),
    );
  });
  return drawing(`Latency by percentile, ${same[0]!.scenario}`, panels, same.length, legendOf(plugins));
}

/** Decades of microseconds. */
function latencyAxis(lines: readonly Line[]): Axis {
  const values = lines.flatMap(({ points }) => points.map(([, y]) => y));
  const lowest = Math.floor(Math.log10(Math.min(...values)));
  const highest = Math.max(lowest + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: highest - lowest + 1 }, (_, step) => 10 ** (lowest + step));
  return { label: '', ticks: ticks.map((at) => ({ at, text: duration(at) })), scale: Math.log10 };
}

function pluginsOf(results: readonly ScenarioResult[]): readonly string[] {
  return [...new Set(results.flatMap(({ plugins }) => plugins.map(({ plugin }) => plugin)))];
}

function find(all: readonly PluginResult[], name: string): PluginResult | undefined {
  return all.find(({ plugin }) => plugin === name);
}

function legendOf(plugins: readonly string[]): readonly LegendEntry[] {
  return plugins.map((plugin, position) => ({ text: plugin, colour: colourOf(position) }));
}

function colourOf(position: number): string {
  return COLOURS[position % COLOURS.length]!;
}
