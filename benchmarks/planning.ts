import { Cpuset } from '../src/placement/cpuset.ts';
import type { PlanCost, ReassignRequest } from '../src/placement/plan.ts';
import { createRandom } from '../src/placement/random.ts';
import { improvePlan, planReassignment } from '../src/placement/reassign.ts';
import { createTopology } from '../src/placement/topology.ts';
import { CPU_COUNTS, hostOf } from './hosts.ts';
import { asText } from './report/tables.ts';
import { median } from './results.ts';
import { fullOfIntegers } from './workload.ts';

// How planning grows with the host, and what searching on is worth: one CPU of each integer container is asked for, on hosts
// of which such containers have 70 %.

const TIMES = 40;
/** The first ones run in code that is not compiled yet. */
const WARM_UP = 10;
const SEED = 1;

function requestOn(cpus: number, seed: number): ReassignRequest {
  const { cores, nodes } = hostOf(cpus);
  const random = createRandom(seed);
  // Core by core, so that each node has free CPUs in the end.
  const byNode = nodes.map((node) => cores.filter((core) => core.intersects(node.cpus)));
  const isUsed = (position: number, count: number) => position < 0.7 * count;
  const part = (used: boolean) =>
    byNode.flatMap((own) => own.filter((_, i) => isUsed(i, own.length) === used));
  const ids = [...part(true), ...part(false)].flatMap((core) => core.toArray());
  const victims = fullOfIntegers(hostOf(cpus), random).map((workload, i) => ({
    id: `${i}`,
    cpus: Cpuset.from(ids.splice(0, workload.kind === 'integer' ? workload.cpus : 0)),
    forbidden: Cpuset.EMPTY,
  }));
  const requested = Cpuset.from(victims.map((victim) => victim.cpus.first));
  const available = Cpuset.from(ids);
  return { requested, victims, available, pool: available, minShared: 1 };
}

const costText = (cost: PlanCost): string => cost.join(' ');
const rows = CPU_COUNTS.map((cpus) => {
  const topology = createTopology(hostOf(cpus));
  const times: number[] = [];
  let cells: readonly string[] = [];
  for (let time = 0; time < TIMES; time++) {
    const request = requestOn(cpus, SEED);
    const start = performance.now();
    const first = planReassignment(topology, request);
    if (time >= WARM_UP) times.push((performance.now() - start) * 1000);
    if (!first.ok || time > 0) continue;
    const until = performance.now() + request.victims.length;
    const better = improvePlan(topology, request, first.plan, {
      seed: SEED,
      shouldStop: () => performance.now() >= until,
    });
    cells = [costText(first.plan.cost), costText(better.cost)];
  }
  const victims = requestOn(cpus, SEED).victims.length;
  const us = median(times);
  const perMove = us / (victims * Math.log2(cpus));
  return [`${cpus}`, `${victims}`, `${us.toFixed(0)} µs`, `${perMove.toFixed(2)} µs`, ...cells];
});
const head = ['CPUs', 'moved', 'first plan', 'by moved × log CPUs', 'its cost', 'after 1 ms for each moved'];
console.log(
  `Costs: whole cores lost, CPUs changed, CPUs off their nodes, broken cores, nodes, LLCs, CPUs left in broken cores\n`,
);
console.log(asText({ labels: 0, head, rows }));
