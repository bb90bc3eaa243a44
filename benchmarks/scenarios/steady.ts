import type { Random } from '../../src/placement/random.ts';
import type { MeasuredNode, Running } from '../measured-node.ts';
import { fill, type Scenario, type Steps, warmUp } from '../scenario.ts';
import { mixedNode, shuffled } from '../workload.ts';

const BATCH = 10;
const BATCHES_PER_STEP = 5;

export const steady: Scenario = {
  name: 'steady',
  about:
    'Containers come and go, ten at a time, on a node of which 70 % of the CPUs are asked for: 60 % shared, 30 % integer, 10 % annotated.',
  async *run(node, { of, containers, random }) {
    await node.start();
    const running = yield* fill(node, mixedNode(node.host.parts, random, containers));
    yield* warmUp(turnOver(node, running, random, of(3, 20)));
    await node.endWarmUp();
    node.measurements.note('containers', running.length);
    yield* turnOver(node, running, random, of(6, 100));
  },
};

/** Ends containers at random and creates the same again in another order, `steps` times fifty. */
async function* turnOver(node: MeasuredNode, running: Running[], random: Random, steps: number): Steps {
  for (let step = 0; step < steps; step++) {
    for (let batch = 0; batch < BATCHES_PER_STEP; batch++) {
      const ended = Array.from({ length: Math.min(BATCH, running.length) }, () =>
        running.splice(random(running.length), 1),
      ).flat();
      for (const each of ended) await node.end(each);
      for (const { workload } of shuffled(ended, random)) {
        const created = await node.run(workload);
        if (created !== undefined) running.push(created);
      }
    }
    yield;
  }
}
