import type { Scenario } from '../scenario.ts';
import { mixedNode } from '../workload.ts';

/** The kubelet comes some seconds after the runtime. */
const WAIT_MS = 5000;
const GAP_MS = 20;

export const first: Scenario = {
  name: 'first',
  about:
    'The plugin is started on an empty node, and some seconds later the first containers are created, with 20 ms between one and the next: what the runtime does with them takes that long.',
  maxRuns: 1,
  async *run(node, { of, random }) {
    await node.start();
    yield WAIT_MS;
    await node.endWarmUp();
    for (const workload of mixedNode(node.host.parts, random).slice(0, of(50, 200))) {
      await node.run(workload);
      yield GAP_MS;
    }
  },
};
