import { Cpuset } from '../src/placement/cpuset.ts';
import { chooseExclusive } from '../src/placement/exclusive.ts';
import type { PlanCost, ReassignRequest } from '../src/placement/plan.ts';
import { createRandom } from '../src/placement/random.ts';
import { improvePlan, lowerBound, planReassignment } from '../src/placement/reassign.ts';
import { createTopology, type Topology } from '../src/placement/topology.ts';
import { warmUpPlanning } from '../src/placement/warm-up.ts';
import { CPU_COUNTS, hostOf } from './hosts.ts';
import { asText } from './report/tables.ts';
import { median } from './results.ts';
import { fullOfIntegers } from './workload.ts';

// How planning grows with the host, how good first plans are, and what searching on is worth: on hosts of which integer
// containers have 70 %.

const TIMES = 40;
/** The first ones run in code that is not compiled yet. */
const WARM_UP = 10;
const SEED = 1;
/** The part of the host's CPUs that a contiguous range has. */
const RANGE = 0.15;
const TERMS = ['cores lost', 'changed', 'off nodes', 'cores broken', 'nodes', 'LLCs', 'left in broken cores'];

interface FullNode {
  readonly topology: Topology;
  /** What each container holds. */
  readonly held: readonly Cpuset[];
  readonly free: Cpuset;
}

function sizesOn(cpus: number): readonly number[] {
  const workloads = fullOfIntegers(hostOf(cpus), createRandom(SEED));
  return workloads.map((workload) => (workload.kind === 'integer' ? workload.cpus : 0));
}

/** A node whose containers were placed by this plugin. */
function wellPlaced(cpus: number): FullNode {
  const topology = createTopology(hostOf(cpus));
  let free = topology.online;
  const held = sizesOn(cpus).map((count) => {
    const taken = topology.online.minus(free);
    const chosen = chooseExclusive(topology, { count, free, taken, priority: 'siblings' })!;
    free = free.minus(chosen);
    return chosen;
  });
  return { topology, held, free };
}

/** A node whose containers are anywhere: each has the first cores that are free from one drawn by lot on. */
function scattered(cpus: number): FullNode {
  const topology = createTopology(hostOf(cpus));
  const { cores } = topology;
  const random = createRandom(SEED);
  const free = new Set(topology.online);
  const held = sizesOn(cpus).map((count) => {
    const first = random(cores.length);
    const order = [...cores.slice(first), ...cores.slice(0, first)].flatMap((core) => core.toArray());
    const chosen = order.filter((cpu) => free.has(cpu)).slice(0, count);
    for (const cpu of chosen) free.delete(cpu);
    return Cpuset.from(chosen);
  });
  return { topology, held, free: Cpuset.from(free) };
}

function requestFor(requested: Cpuset, { held, free }: FullNode): ReassignRequest {
  const victims = held
    .filter((cpus) => cpus.intersects(requested))
    .map((cpus, i) => ({ id: `${i}`, cpus, forbidden: Cpuset.EMPTY }));
  const available = free.minus(requested);
  return { requested, victims, available, pool: available, minShared: 1 };
}

const oneOfEach = (node: FullNode) => requestFor(Cpuset.from(node.held.map((cpus) => cpus.first)), node);

function aRange(node: FullNode): ReassignRequest {
  const { size } = node.topology.online;
  return requestFor(Cpuset.range(0, Math.floor(RANGE * size) - 1), node);
}

function growthRow(cpus: number): readonly string[] {
  const node = wellPlaced(cpus);
  const times = Array.from({ length: TIMES }, () => {
    const request = oneOfEach(node);
    const start = performance.now();
    planReassignment(node.topology, request);
    return (performance.now() - start) * 1000;
  });
  const us = median(times.slice(WARM_UP));
  const moved = node.held.length;
  const perMove = us / (moved * Math.log2(cpus));
  return [`${cpus}`, `${moved}`, `${us.toFixed(0)} µs`, `${perMove.toFixed(2)} µs`];
}

/** The first plan, what is found in the time that a worker has, and what no plan stays below. */
function costRows(name: string, { topology }: FullNode, request: ReassignRequest): string[][] {
  const first = planReassignment(topology, request);
  if (!first.ok) throw new Error(`there is no plan for ${name}: ${first.reason}`);
  const moved = request.victims.length;
  const until = performance.now() + moved;
  const better = improvePlan(topology, request, first.plan, {
    seed: SEED,
    shouldStop: () => performance.now() >= until,
  });
  const row = (kind: string, cost: PlanCost) => [
    `${topology.online.size}`,
    name,
    `${moved}`,
    kind,
    ...cost.map(String),
  ];
  return [
    row('first', first.plan.cost),
    row('searched', better.cost),
    row('none below', lowerBound(topology, request)),
  ];
}

warmUpPlanning();
const growth = CPU_COUNTS.map(growthRow);
console.log(
  asText({ labels: 0, head: ['CPUs', 'moved', 'first plan', 'by moved × log CPUs'], rows: growth }),
);

const costs = CPU_COUNTS.flatMap((cpus) => {
  const node = wellPlaced(cpus);
  const other = scattered(cpus);
  return [
    ...costRows('one CPU of each', node, oneOfEach(node)),
    ...costRows('a range', node, aRange(node)),
    ...costRows('one CPU of each, scattered', other, oneOfEach(other)),
  ];
});
console.log(
  `\n${asText({ labels: 4, head: ['CPUs', 'asked for', 'moved', 'plan', ...TERMS], rows: costs })}`,
);
