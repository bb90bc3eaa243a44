import { Cpuset } from './cpuset.ts';
import { checkPlan, type ReassignRequest } from './plan.ts';
import { createRandom } from './random.ts';
import { improvePlan, planCost, planReassignment } from './reassign.ts';
import { createTopology, type Topology } from './topology.ts';
import { parseTopologySpec } from './topology-spec.ts';

// The engine compiles code only once it has run often enough. Made-up reassignments that are planned and forgotten, in each
// thread that plans and when it is idle, see to that: the first real plan on 1024 CPUs then takes a third of the time.

/** The first ones are small, for they are slow. */
const SMALL_HOST = '2 nodes, 2 llcs, 12 cores, SMT 2';
const SMALL_STEPS = 6;
const HOST = '2 packages, 2 nodes, 4 llcs, 8 cores, SMT 2';

/** How many steps `warmUpFirstPlan` has. */
export const FIRST_PLAN_STEPS = 16;

/** One step of what makes first plans fast: 1 to 3 ms. */
export function warmUpFirstPlan(step: number): void {
  const { topology, request } = madeUp(step < SMALL_STEPS ? SMALL_HOST : HOST, step);
  planReassignment(topology, request);
}

const CASES = 4;
const ROUNDS = 200;

/** Makes first plans and better ones fast; takes some 50 ms. */
export function warmUpPlanning(): void {
  for (let seed = 0; seed < CASES; seed++) {
    const { topology, request } = madeUp(HOST, seed);
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

/** Half of the CPUs are held, by containers of 1 to 4, and each of them has to give one up. */
function madeUp(
  host: string,
  seed: number,
): { readonly topology: Topology; readonly request: ReassignRequest } {
  const topology = createTopology(parseTopologySpec(host));
  const ids = topology.online.toArray();
  const random = createRandom(seed);
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
  const pool = topology.online.minus(requested);
  return { topology, request: { requested, victims, available, pool, minShared: 1 } };
}
