import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { SysfsTree } from '../src/main/runtime/sysfs-tree.ts';
import { ArgumentError, type BenchmarkArguments, help, readArguments } from './arguments.ts';
import { hostOf } from './hosts.ts';
import { describeMachine, machineText } from './machine.ts';
import type { PluginCommand } from './plugin-command.ts';
import { NOOP, noopInGo, OURS } from './plugins.ts';
import { updateDocument, writeReport } from './report/files.ts';
import { resultsChapter } from './report/markdown.ts';
import { asText, latencyTable, valueTable } from './report/tables.ts';
import type { ScenarioResult } from './results.ts';
import { runScenario } from './run-scenario.ts';
import { churn } from './scenarios/churn.ts';
import { first } from './scenarios/first.ts';
import { reassign } from './scenarios/reassign.ts';
import { register } from './scenarios/register.ts';
import { resize } from './scenarios/resize.ts';
import { restart } from './scenarios/restart.ts';
import { steady } from './scenarios/steady.ts';
import { storm } from './scenarios/storm.ts';

const SCENARIOS = [register, first, steady, reassign, storm, resize, restart, churn];
const DOCUMENT = resolve(import.meta.dirname, '../docs/performance.md');
const RUNS = { quick: 3, full: 5 };

async function main(options: BenchmarkArguments): Promise<void> {
  const machine = describeMachine();
  console.log(machineText(machine));
  const plugins = [OURS, ...(options.withReferences ? await references() : []), ...options.plugins];
  const runs = options.runs ?? RUNS[options.isFull ? 'full' : 'quick'];
  const results: ScenarioResult[] = [];
  for (const cpus of options.cpus) {
    const root = mkdtempSync(join(tmpdir(), 'bench-host-'));
    try {
      const parts = hostOf(cpus);
      new SysfsTree(root, parts);
      for (const scenario of SCENARIOS.filter(({ name }) => options.scenarios.includes(name))) {
        const started = performance.now();
        const result = await runScenario(scenario, { parts, root }, { ...options, plugins, runs });
        results.push(result);
        print(result, (performance.now() - started) / 1000);
      }
    } finally {
      rmSync(root, { recursive: true });
    }
  }
  const report = { machine, results, chapter: resultsChapter(machine, SCENARIOS, results, NOOP.name) };
  writeReport(options.output, report);
  console.log(`\nresults.json, results.md and plots are in ${options.output}`);
  if (options.updateDocument) updateDocument(DOCUMENT, report);
}

async function references(): Promise<readonly PluginCommand[]> {
  try {
    return [NOOP, await noopInGo()];
  } catch (error) {
    console.log(`without the Go reference: ${(error as Error).message.split('\n')[0]}`);
    return [NOOP];
  }
}

function print(result: ScenarioResult, seconds: number): void {
  const { scenario, cpus, runs, plugins } = result;
  console.log(`\n${scenario}, ${cpus} CPUs, medians of ${runs} runs, ${seconds.toFixed(0)} s\n`);
  console.log(asText(latencyTable(result, NOOP.name)));
  console.log(`\n${asText(valueTable(result))}`);
  for (const { plugin, failure } of plugins) {
    if (failure !== undefined) console.log(`\n  ${plugin} FAILED: ${failure}`);
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
try {
  const names = SCENARIOS.map(({ name }) => name);
  const options = readArguments(process.argv.slice(2), names);
  if (options === undefined) console.log(help(names));
  else await main(options);
} catch (error) {
  if (!(error instanceof ArgumentError)) throw error;
  console.error(`bench: ${error.message}`);
  process.exitCode = 2;
}
