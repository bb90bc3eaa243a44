import type { Topology } from '../../placement/topology.ts';
import { labelOf, type RuntimeEvent } from '../runtime/events.ts';
import type { EmbeddedRuntime } from '../runtime/runtime.ts';
import { type CpuOwner, renderCpuMap } from './cpu-map.ts';
import { describeEvent, formatLatency, WIDTH } from './demo-print.ts';
import type { Narrator } from './demo-story.ts';
import { counted, type Paint, painter } from './paint.ts';
import type { PluginProcess } from './plugin-process.ts';

export interface DemoCast {
  readonly runtime: EmbeddedRuntime;
  readonly plugin: PluginProcess;
  readonly topology: Topology;
  readonly colour: boolean;
}

/** What the plugin's log calls an event. */
const LOG_NAMES: Partial<Record<RuntimeEvent['operation'], string>> = {
  CreateContainer: 'create',
  UpdateContainer: 'update',
  StopContainer: 'stop',
};
/** The plugin answers before its log line is written. */
const LOG_LINE_MS = 2000;

/** Prints the demonstration, and keeps the account of it. */
export class DemoNarrator implements Narrator {
  readonly #cast: DemoCast;
  readonly #paint: Paint;
  readonly #events: RuntimeEvent[] = [];
  readonly #surprises: string[] = [];

  constructor(cast: DemoCast) {
    this.#cast = cast;
    this.#paint = painter(cast.colour);
  }

  /** `readyMs`: from the start of the plugin to the end of its synchronization. */
  opening(readyMs: number): void {
    const { online, cores, nodes, packages } = this.#cast.topology;
    const levels = [
      counted(online.size, 'CPU'),
      counted(cores.length, 'core'),
      counted(nodes.length, 'NUMA node'),
      counted(packages.length, 'package'),
    ];
    this.#print(
      `A simulated host: ${levels.join(', ')}.`,
      `The plugin runs as a process of its own and was synchronized ${formatLatency(readyMs)} after its start.`,
    );
  }

  chapter(title: string): void {
    this.#print('', this.#paint(title, 'strong'));
  }

  async event(event: RuntimeEvent): Promise<void> {
    this.#keep(event);
    const name = LOG_NAMES[event.operation];
    const decision =
      name === undefined || event.container === undefined
        ? undefined
        : await this.#cast.plugin.decision(name, event.container.id, LOG_LINE_MS);
    this.#print(...describeEvent(event, decision?.reason, this.#paint));
  }

  repetition(events: readonly RuntimeEvent[]): void {
    for (const event of events) this.#keep(event);
    const latencies = events.map((event) => event.latencyMs).sort((a, b) => a - b);
    const at = (share: number) => formatLatency(latencies[Math.ceil(share * latencies.length) - 1] ?? 0);
    this.#print(`  answered in ${at(0.5)} (median), ${at(0.99)} (99 of 100), ${at(1)} at most`);
  }

  map(title: string): void {
    const { runtime, topology, colour } = this.#cast;
    const owners = runtime.containers
      .filter((container) => container.state === 'running')
      .map(
        (container): CpuOwner => ({
          label: labelOf(container),
          kind: container.claim.kind,
          cpus: container.resources.cpus,
        }),
      );
    this.#print('', this.#paint(title, 'strong'), renderCpuMap(topology, owners, { width: WIDTH, colour }));
  }

  surprise(message: string): void {
    this.#surprises.push(message);
  }

  /** Prints the account. @returns whether everything went as it should */
  closing(): boolean {
    const { violations, losses } = this.#cast.runtime;
    const updates = this.#events.reduce((sum, event) => sum + event.updates.length, 0);
    this.#print(
      '',
      `${counted(this.#events.length, 'event')}, ${counted(updates, 'update')} of running containers.`,
    );
    const problems = [
      ...violations.map(
        ({ invariant, operation, message }) => `${invariant} broke in ${operation}: ${message}`,
      ),
      ...losses.map((reason) => `The connection to the plugin was lost: ${reason}`),
      ...this.#surprises.map((message) => `Not as it should be: ${message}`),
    ];
    for (const problem of problems) this.#print(this.#paint(problem, 'bad'));
    if (problems.length > 0) return false;
    const claim =
      'Checked by the runtime after every single update: no exclusive CPU was ever in two places.';
    this.#print(this.#paint(claim, 'good'));
    return true;
  }

  #keep(event: RuntimeEvent): void {
    this.#events.push(event);
    if (event.plugin === 'late' || event.plugin === 'lost' || event.plugin === 'absent') {
      this.surprise(`${event.operation} got no answer: ${event.error ?? event.plugin}`);
    }
    for (const { result, label, error } of event.updates) {
      if (result !== 'applied') this.surprise(`the update of ${label} ${result}: ${error ?? ''}`);
    }
  }

  #print(...lines: readonly string[]): void {
    for (const line of lines) process.stdout.write(`${line}\n`);
  }
}
