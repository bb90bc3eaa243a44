import type { MeasuredNode } from '../measured-node.ts';
import { fill, type Scenario, type Steps, warmUp } from '../scenario.ts';
import { mixedNode, type Workload } from '../workload.ts';

const STEP = 50;
/** Of containers that come and go beside what stays. */
const CYCLE: readonly Workload[] = [
  { kind: 'shared' },
  { kind: 'integer', cpus: 2 },
  { kind: 'shared' },
  { kind: 'integer', cpus: 1 },
];
/** So many stay: what the driver keeps for more would take most of the time. */
const STAYING = 60;

/** The host on which the long form is a day's worth: what is left over does not depend on the number of CPUs. */
const LONG_ON = 1024;

export const churn: Scenario = {
  name: 'churn',
  about:
    'A container is created and stopped, again and again, as on a node that runs short jobs: what is left of them?',
  maxRuns: 1,
  async *run(node, { of, random }) {
    await node.start();
    yield* fill(node, mixedNode(node.host.parts, random).slice(0, STAYING));
    yield* warmUp(createAndStop(node, of(300, 10_000)));
    await node.endWarmUp();
    node.noteMemory('resident memory before');
    const cycles = of(1000, node.host.parts.online.size === LONG_ON ? 200_000 : 20_000);
    yield* createAndStop(node, cycles);
    node.measurements.note('cycles', cycles, 'total');
  },
};

async function* createAndStop(node: MeasuredNode, cycles: number): Steps {
  for (let cycle = 0; cycle < cycles; cycle++) {
    const running = await node.run(CYCLE[cycle % CYCLE.length]!);
    if (running !== undefined) await node.end(running);
    if (cycle % STEP === STEP - 1) yield;
  }
}
