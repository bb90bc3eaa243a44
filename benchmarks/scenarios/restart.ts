import { fill, podsOn, type Scenario } from '../scenario.ts';
import { mixedNode } from '../workload.ts';

export const restart: Scenario = {
  name: 'restart',
  about:
    'The plugin is started again on a full node, whose containers all have their places. Time from the start of the process to its registration and to the end of its synchronization, in which it is listed all containers.',
  async *run(node, { of, containers, random }) {
    const running = yield* fill(node, mixedNode(node.host.parts, random, containers ?? podsOn(node)));
    await node.start();
    yield;
    node.measurements.clear();
    node.measurements.note('containers', running.length);
    for (let time = 0; time < of(3, 10); time++) {
      await node.stop();
      await node.measuredStart('all placed');
      yield;
    }
  },
};
