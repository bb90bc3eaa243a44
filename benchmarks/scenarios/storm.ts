import { fill, type Scenario } from '../scenario.ts';
import type { Workload } from '../workload.ts';

const COUNT = 100;
const FULL = 0.7;
const LARGEST = 8;
/** In which the plugin may let shared containers grow as it likes. */
const PAUSE_MS = 2500;
/** How long after a storm plugins may still send updates, in the long form. */
const AFTERMATH_MS = 15_000;

export const storm: Scenario = {
  name: 'storm',
  about:
    'A hundred integer containers (fewer on a host that has no room for them) are stopped, and then created, all at once, beside a hundred shared ones. What counts is how many containers the runtime has to update for it.',
  async *run(node, { of, random }) {
    const room = FULL * node.host.parts.online.size;
    const count = Math.min(COUNT, Math.floor(room));
    const cpus = Math.min(LARGEST, Math.floor(room / count));
    const integers: readonly Workload[] = Array.from({ length: count }, () => ({
      kind: 'integer',
      cpus: 1 + random(cpus),
    }));
    await node.start();
    yield* fill(node, Array<Workload>(COUNT).fill({ kind: 'shared' }));
    let running = yield* fill(node, integers);
    for (let time = -1; time < of(1, 2); time++) {
      // The first is warm-up.
      if (time === 0) await node.endWarmUp();
      if (time >= 0) yield PAUSE_MS;
      const before = node.unaskedUpdates;
      await Promise.all(running.map((each) => node.end(each, 'stop')));
      const created = await Promise.all(integers.map((workload) => node.run(workload, 'create')));
      running = created.filter((each) => each !== undefined);
      yield of(0, AFTERMATH_MS);
      node.measurements.note('updates after a storm, without an event', node.unaskedUpdates - before);
    }
    node.measurements.note('containers', COUNT + running.length);
  },
};
