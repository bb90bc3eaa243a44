import { Cpuset } from './cpuset.ts';
import { checkPlan } from './plan.ts';
import { createRandom } from './random.ts';
import { improvePlan, planCost, planReassignment } from './reassign.ts';
import { createTopology } from './topology.ts';
import { parseTopologySpec } from './topology-spec.ts';

const HOST = '2 packages, 2 nodes, 4 llcs, 8 cores, SMT 2';
const CASES = 4;
const ROUNDS = 200;

/**
 * Plans a few made-up reassignments and forgets them. The engine compiles code only once it has run often enough: after
 * this, the first real plan takes a fraction of the time. To be called once in each thread that plans, when it is idle.
 */
export function warmUpPlanning(): void {
  const topology = createTopology(parseTopologySpec(HOST));
  const ids = topology.online.toArray();
  const random = createRandom(0);
  for (let seed = 0; seed < CASES; seed++) {
    // Half of the CPUs are held, by containers of 1 to 4, and each of them has to give one up.
    const victims = [];
    let held = Cpuset.EMPTY;
    while (held.size < ids.length / 2) {
      const cpus = Cpuset.from(ids.slice(held.size, held.size + 1 + random(4)));
      const forbidden = Cpuset.range(ids.length - random(16), ids.length - 1);
      victims.push({ id: `${cpus}`, cpus, forbidden });
      held = held.union(cpus);
    }
    const requested = Cpuset.from(victims.map(({ cpus }) => cpus.first));
    const available = topology.online.minus(held);
    const request = { requested, victims, available, pool: topology.online.minus(requested), minShared: 1 };
    const result = planReassignment(topology, request);
    if (!result.ok) continue;
    let rounds = 0;
    const { moves } = improvePlan(topology, request, result.plan, {
      seed,
      shouldStop: () => ++rounds > ROUNDS,
    });
    checkPlan(request, moves);
    planCost(topology, request, moves);
  }
}
