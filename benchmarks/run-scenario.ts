import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom } from '../src/placement/random.ts';
import { type MadeUpHost, MeasuredNode } from './measured-node.ts';
import type { Measurements } from './measurements.ts';
import type { PluginCommand } from './plugin-command.ts';
import { type ScenarioResult, summarize } from './results.ts';
import type { Scale, Scenario, Steps } from './scenario.ts';
import { takeTurns } from './take-turns.ts';

export interface RunOptions {
  readonly plugins: readonly PluginCommand[];
  readonly runs: number;
  /** Whether this is the long form. */
  readonly isFull: boolean;
  /** The least number of containers on the node; undefined: what suits the scenario. */
  readonly containers: number | undefined;
}

/** Runs a scenario on a host: each run has new processes and nodes, and all plugins take turns in it. */
export async function runScenario(
  scenario: Scenario,
  host: MadeUpHost,
  { plugins, runs, isFull, containers }: RunOptions,
): Promise<ScenarioResult> {
  const finished = new Map(plugins.map(({ name }) => [name, [] as Measurements[]]));
  const failures = new Map<string, string>();
  const count = Math.min(runs, scenario.maxRuns ?? runs);
  for (let run = 0; run < count; run++) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-'));
    const nodes: MeasuredNode[] = [];
    try {
      for (const [position, plugin] of plugins.entries()) {
        nodes.push(await MeasuredNode.create(plugin, host, join(folder, `${position}`)));
      }
      const ends = await takeTurns(
        nodes.map((node) =>
          toTheEnd(scenario, node, {
            of: (quick, full) => (isFull ? full : quick),
            containers,
            random: createRandom(run),
          }),
        ),
      );
      for (const [position, { name }] of plugins.entries()) {
        const failure = ends[position];
        if (failure === undefined) finished.get(name)!.push(nodes[position]!.measurements);
        else failures.set(name, failure.message);
      }
    } finally {
      await Promise.all(nodes.map((node) => node.close()));
      rmSync(folder, { recursive: true });
    }
  }
  return {
    scenario: scenario.name,
    cpus: host.parts.online.size,
    runs: count,
    plugins: plugins.map(({ name }) => summarize(name, finished.get(name)!, failures.get(name))),
  };
}

async function* toTheEnd(scenario: Scenario, node: MeasuredNode, scale: Scale): Steps {
  const steps = scenario.run(node, scale);
  for (;;) {
    // Not while others have their turn: they take the CPUs then, and this one is idle.
    node.beginLooking();
    const { done, value } = await steps.next();
    await node.endLooking();
    if (done === true) break;
    yield value;
  }
  node.noteEnd();
}
