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
  /** How long a plugin may take for a run, its own turns only, in seconds; undefined: what suits the form. */
  readonly limit: number | undefined;
}

const LIMIT_S = { quick: 60, full: 1200 };

/**
 * Runs a scenario on a host: each run has new processes and nodes, and all plugins take turns in it. Of a plugin that fails,
 * what was measured until then counts, and the runs that are left go on without it.
 */
export async function runScenario(
  scenario: Scenario,
  host: MadeUpHost,
  { plugins, runs, isFull, containers, limit = LIMIT_S[isFull ? 'full' : 'quick'] }: RunOptions,
): Promise<ScenarioResult> {
  const measured = new Map(plugins.map(({ name }) => [name, [] as Measurements[]]));
  const failures = new Map<string, string>();
  const count = Math.min(runs, scenario.maxRuns ?? runs);
  for (let run = 0; run < count; run++) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-'));
    const nodes: MeasuredNode[] = [];
    const left = plugins.filter(({ name }) => !failures.has(name));
    try {
      for (const [position, plugin] of left.entries()) {
        nodes.push(await MeasuredNode.create(plugin, host, join(folder, `${position}`)));
      }
      const ends = await takeTurns(
        nodes.map((node) =>
          toTheEnd(
            scenario,
            node,
            { of: (quick, full) => (isFull ? full : quick), containers, random: createRandom(run) },
            limit,
          ),
        ),
      );
      for (const [position, { name }] of left.entries()) {
        const failure = ends[position];
        const { isMeasuring, measurements } = nodes[position]!;
        if (failure === undefined || isMeasuring) measured.get(name)!.push(measurements);
        if (failure !== undefined) failures.set(name, failure.message);
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
    plugins: plugins.map(({ name }) => summarize(name, measured.get(name)!, failures.get(name))),
  };
}

async function* toTheEnd(scenario: Scenario, node: MeasuredNode, scale: Scale, limit: number): Steps {
  const steps = scenario.run(node, scale);
  let seconds = 0;
  try {
    for (;;) {
      const started = performance.now();
      // Not while others have their turn: they take the CPUs then, and this one is idle.
      node.beginLooking();
      const { done, value } = await steps.next();
      await node.endLooking();
      if (done === true) return;
      seconds += (performance.now() - started) / 1000;
      if (seconds > limit) {
        throw new Error(
          `it was not done in ${limit} s${node.isMeasuring ? '' : ', not even with the warm-up'}`,
        );
      }
      yield value;
    }
  } finally {
    node.noteEnd();
  }
}
