import type { Random } from '../../src/placement/random.ts';
import type { MeasuredNode, Running } from '../measured-node.ts';
import { fill, type Scenario, type Steps, warmUp } from '../scenario.ts';
import { mixedNode } from '../workload.ts';

const STEP = 50;

export const resize: Scenario = {
  name: 'resize',
  about:
    'Pairs of integer containers trade their sizes in place, first the one that shrinks and then the one that grows, on a node of which 70 % of the CPUs are asked for.',
  async *run(node, { of, containers, random }) {
    await node.start();
    const running = yield* fill(node, mixedNode(node.host.parts, random, containers));
    const sized = running.flatMap((each) =>
      each.workload.kind === 'integer' ? [{ running: each, cpus: each.workload.cpus }] : [],
    );
    yield* warmUp(trade(node, sized, random, of(3, 10)));
    await node.endWarmUp();
    yield* trade(node, sized, random, of(3, 25));
    node.measurements.note('containers', running.length);
  },
};

/** An integer container, by how large it is just now. */
interface Sized {
  readonly running: Running;
  cpus: number;
}

async function* trade(node: MeasuredNode, sized: readonly Sized[], random: Random, steps: number): Steps {
  for (let step = 0; step < steps; step++) {
    for (let pair = 0; pair < STEP; pair++) {
      const one = sized[random(sized.length)]!;
      const other = sized[random(sized.length)]!;
      const [larger, smaller] = one.cpus > other.cpus ? [one, other] : [other, one];
      if (larger.cpus === smaller.cpus) continue;
      await node.resize(larger.running, smaller.cpus, 'shrink');
      await node.resize(smaller.running, larger.cpus, 'grow');
      [larger.cpus, smaller.cpus] = [smaller.cpus, larger.cpus];
    }
    yield;
  }
}
