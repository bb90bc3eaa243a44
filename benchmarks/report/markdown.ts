import { type Machine, machineText } from '../machine.ts';
import { byScenario, type Latency, namesIn, percentileOf, type ScenarioResult } from '../results.ts';
import type { Scenario } from '../scenario.ts';
import { asMarkdown, duration, NONE, ratio, type Table, valueText } from './tables.ts';

/** All results as a chapter: for each scenario what it does, latencies and everything else, by number of CPUs. */
export function resultsChapter(
  machine: Machine,
  scenarios: readonly Pick<Scenario, 'name' | 'about'>[],
  results: readonly ScenarioResult[],
  reference: string,
): string {
  const chapters = byScenario(results).flatMap((same) => {
    const { scenario, runs } = same[0]!;
    const about = scenarios.find(({ name }) => name === scenario)?.about ?? '';
    const latencies = latencyTable(same, reference);
    return [
      `### ${scenario}`,
      `${about} Medians of ${runs} ${runs === 1 ? 'run' : 'runs'}.`,
      asMarkdown(latencies),
      asMarkdown(valueTable(same)),
      ...failures(same),
    ];
  });
  return [`Measured on: ${machineText(machine)}.`, ...chapters].join('\n\n');
}

/** `p50 / p99` on each host, and for the first plugin how many times the reference's they are. */
function latencyTable(same: readonly ScenarioResult[], reference: string): Table {
  const plugins = same[0]!.plugins.map(({ plugin }) => plugin);
  const latency = (result: ScenarioResult, plugin: string, what: string) =>
    result.plugins.find((each) => each.plugin === plugin)?.latencies[what];
  const names = namesIn(same, 'latencies');
  const rows = names.flatMap((what) => {
    const own = plugins.map((plugin) => [
      what,
      plugin,
      ...same.map((result) => both(latency(result, plugin, what), (us) => duration(us))),
    ]);
    const compared = same.map((result) => {
      const [ours, base] = [latency(result, plugins[0]!, what), latency(result, reference, what)];
      return ours && base ? `${ratio(ours, base, 50)} / ${ratio(ours, base, 99)}` : '';
    });
    return plugins.includes(reference) && plugins[0] !== reference
      ? [...own, [what, `× ${reference}`, ...compared]]
      : own;
  });
  return { labels: 2, head: ['p50 / p99', 'plugin', ...same.map(({ cpus }) => `${cpus} CPUs`)], rows };
}

/** Lines without any value are left out, and of other plugins than the first lines of zeros and those that are the same as the first's. */
function valueTable(same: readonly ScenarioResult[]): Table {
  const plugins = same[0]!.plugins.map(({ plugin }) => plugin);
  const rows = namesIn(same, 'values').flatMap((what) => {
    const lines = plugins.map((plugin) => {
      const values = same.map(
        (result) => result.plugins.find((each) => each.plugin === plugin)?.values[what],
      );
      return { plugin, texts: values.map(valueText), isZero: values.every((each) => !each?.value) };
    });
    const first = lines[0]!.texts.join();
    return lines
      .filter(({ texts, isZero }, position) =>
        position === 0 ? texts.some((text) => text !== NONE) : !isZero && texts.join() !== first,
      )
      .map(({ plugin, texts }) => [what, plugin, ...texts]);
  });
  return { labels: 2, head: ['', 'plugin', ...same.map(({ cpus }) => `${cpus} CPUs`)], rows };
}

function failures(same: readonly ScenarioResult[]): readonly string[] {
  return same.flatMap(({ cpus, plugins }) =>
    plugins.flatMap(({ plugin, failure }) =>
      failure === undefined ? [] : [`${plugin} failed on ${cpus} CPUs: ${failure.split('\n')[0]}`],
    ),
  );
}

function both(latency: Latency | undefined, text: (us: number) => string): string {
  if (latency === undefined) return NONE;
  return `${text(percentileOf(latency, 50))} / ${text(percentileOf(latency, 99))}`;
}
