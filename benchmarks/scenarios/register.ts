import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PLUGIN_ENVIRONMENT } from '../plugin-process.ts';
import { fill, podsOn, type Scenario } from '../scenario.ts';
import { mixedNode } from '../workload.ts';

export const register: Scenario = {
  name: 'register',
  about:
    'The plugin is started on an empty node, and on one full of containers that were all created without it. Time from the start of the process to its registration and to the end of its synchronization, in which it is listed all containers.',
  async *run(node, { of, containers, random }) {
    const times = of(2, 10);
    for (let time = 0; time < times; time++) {
      node.measurements.latency('node -e 0', await emptyProgram());
      await node.measuredStart('empty node');
      await node.stop();
      yield;
    }
    const workloads = mixedNode(node.host.parts, random, containers ?? podsOn(node));
    node.measurements.note('containers', workloads.length);
    for (let time = 0; time < times; time++) {
      const running = yield* fill(node, workloads);
      await node.measuredStart('full node');
      yield;
      if (time === times - 1) return;
      await node.stop();
      for (const each of running) await node.end(each);
    }
  },
};

/** What Node itself takes to start and end, in milliseconds. */
async function emptyProgram(): Promise<number> {
  const started = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore', env: PLUGIN_ENVIRONMENT }), 'exit');
  return performance.now() - started;
}
