import type { RuntimeEvent } from '../../src/main/runtime/events.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import type { TopologyParts } from '../../src/placement/topology.ts';
import type { MeasuredNode, Running } from '../measured-node.ts';
import { fill, type Scenario } from '../scenario.ts';
import { fullOfIntegers } from '../workload.ts';

/** The part of the host's CPUs in a contiguous range. */
const RANGE = 0.15;

export const reassign: Scenario = {
  name: 'reassign',
  about:
    'A pod is pinned to CPUs that integer containers have, which ask for 70 % of the host: to one CPU of each of them, and to a contiguous range of 15 % of the host.',
  async *run(node, { of, random }) {
    await node.start();
    const { parts } = node.host;
    const integers = yield* fill(node, fullOfIntegers(parts, random));
    const times = of(4, 20);
    for (let time = -1; time < times; time++) {
      // The first of each is warm-up.
      if (time === 0) await node.endWarmUp();
      await pin(node, 'one CPU of each', oneOfEach(node, integers));
      yield;
      const length = Math.floor(RANGE * parts.online.size);
      const first = random(parts.online.size - length);
      await pin(node, 'a range', Cpuset.range(first, first + length - 1));
      yield;
    }
    node.measurements.note('containers', integers.length);
  },
};

/** The first CPU of each container; of one without CPUs of its own, some other. */
function oneOfEach(node: MeasuredNode, integers: readonly Running[]): Cpuset {
  return Cpuset.from(
    integers.map((each, position) => {
      const cpus = node.cpusOf(each);
      return cpus.isEmpty ? position : cpus.first;
    }),
  );
}

async function pin(node: MeasuredNode, what: string, pinned: Cpuset): Promise<void> {
  const event = await node.create({ kind: 'annotated', pinned }, `pin ${what}`);
  if (!event.ok) return;
  const { moved, changed, away } = disturbance(event, pinned, node.host.parts);
  node.measurements.note(`moved containers, ${what}`, moved);
  node.measurements.note(`CPUs changed beyond those taken, ${what}`, changed);
  node.measurements.note(`CPUs moved off the container's nodes, ${what}`, away);
  const workload = { kind: 'annotated', pinned } as const;
  await node.end({ workload, pod: event.pod!, id: event.container!.id }, `unpin ${what}`);
}

/** What moving costs the containers that have to move: the first terms of docs/placement.md, "Live reassignment". */
function disturbance({ updates }: RuntimeEvent, pinned: Cpuset, { nodes }: TopologyParts) {
  const moves = updates.filter(({ kind, from, to }) => kind === 'integer' && !from.equals(to));
  const home = (from: Cpuset) =>
    Cpuset.union(nodes.filter(({ cpus }) => cpus.intersects(from)).map(({ cpus }) => cpus));
  const sum = (size: (move: (typeof moves)[number]) => number) =>
    moves.reduce((total, move) => total + size(move), 0);
  return {
    moved: moves.length,
    changed: sum(({ from, to }) => from.minus(to).minus(pinned).size),
    away: sum(({ from, to }) => to.minus(home(from)).size),
  };
}
