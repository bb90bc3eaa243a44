import type { Random } from '../src/placement/random.ts';
import type { MeasuredNode, Running } from './measured-node.ts';
import type { Workload } from './workload.ts';

/** How much of a scenario is done. */
export interface Scale {
  /** Chooses by whether this is the long form. */
  of(quick: number, full: number): number;
  /** The least number of containers on the node; undefined: what suits the scenario. */
  readonly containers: number | undefined;
  /** The same for all plugins in one run, so that all get the same work. */
  readonly random: Random;
}

/**
 * The work of one run on one node, in steps: after each the other plugins have their turn, so that what else the machine does
 * hits all alike. A number is how many milliseconds to wait before the next step.
 */
export type Steps<T = void> = AsyncGenerator<number | undefined, T, undefined>;

export interface Scenario {
  readonly name: string;
  /** One sentence for the reader of results. */
  readonly about: string;
  /** The most runs that make sense. */
  readonly maxRuns?: number;
  run(node: MeasuredNode, scale: Scale): Steps;
}

const STEP = 50;

/** Creates containers; resolves to those that the plugin did not refuse. */
export async function* fill(node: MeasuredNode, workloads: readonly Workload[]): Steps<Running[]> {
  const running: Running[] = [];
  for (const [position, workload] of workloads.entries()) {
    const started = await node.run(workload);
    if (started !== undefined) running.push(started);
    if (position % STEP === STEP - 1) yield;
  }
  return running;
}

/** What a plugin does with a warm-up of so many milliseconds it does without one that takes longer. */
const WARM_UP_MS = 10_000;

/** A warm-up: takes no more steps when it has taken too long, for whoever is as slow as that gains nothing by it. */
export async function* warmUp(steps: Steps): Steps {
  for (let taken = 0; taken < WARM_UP_MS; ) {
    const started = performance.now();
    const { done, value } = await steps.next();
    if (done === true) return;
    taken += performance.now() - started;
    yield value;
  }
  await steps.return();
}

/** Pods on a node of this size: what a kubelet allows by default, and what large nodes are set to. */
export function podsOn(node: MeasuredNode): number {
  const cpus = node.host.parts.online.size;
  return cpus <= 64 ? 110 : cpus <= 256 ? 250 : 1000;
}
