import { Cpuset } from '../../src/placement/cpuset.ts';
import {
  comparePlans,
  type Move,
  type PlanCost,
  type ReassignRequest,
  type Victim,
} from '../../src/placement/plan.ts';
import { createRandom, type Random } from '../../src/placement/random.ts';
import { createTopology, type Topology } from '../../src/placement/topology.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';

export interface Case {
  readonly topology: Topology;
  readonly request: ReassignRequest;
}

/** A host of at most 12 CPUs with containers on it, some of which have to move; all of it by chance. */
export function randomCase(seed: number): Case {
  const random = createRandom(seed);
  const topology = randomTopology(random);
  const ids = topology.online.toArray();
  const unused = new Set(ids);
  const held: number[][] = [];
  const containers = 1 + random(4);
  const largest = 1 + random(4);
  for (let i = 0; i < containers && unused.size > 1; i++) {
    // Whole cores first from some core on, as the plugin places them, or just any CPUs.
    const start = random(ids.length);
    const rotated = [...ids.slice(start), ...ids.slice(0, start)];
    const order = random(4) === 0 ? shuffled(ids, random) : rotated;
    if (random(3) > 0) order.sort((a, b) => topology.coreOf[a]! - topology.coreOf[b]!);
    const cpus = order.filter((cpu) => unused.has(cpu)).slice(0, 1 + random(largest));
    for (const cpu of cpus) unused.delete(cpu);
    held.push(cpus);
  }
  // Mostly one or two CPUs of every container, seldom anything else.
  const hitsOf = (cpus: readonly number[]) =>
    cpus.filter((_, i) => random(cpus.length) === i || random(5) === 0);
  const requested = Cpuset.from([...held.flatMap(hitsOf), ...[...unused].filter(() => random(12) === 0)]);
  const strictness = 1 + random(3);
  const victims = held
    .map((cpus, i): Victim => {
      const forbidden =
        random(2) === 0 ? ids.filter((cpu) => random(4) < strictness && !cpus.includes(cpu)) : [];
      if (random(20) === 0) forbidden.push(cpus[0]!);
      return { id: `c${i}`, cpus: Cpuset.from(cpus), forbidden: Cpuset.from(forbidden) };
    })
    .filter(({ cpus }) => cpus.intersects(requested));
  const available = Cpuset.from([...unused].filter((cpu) => !requested.has(cpu) && random(8) > 0));
  const own = Cpuset.union(victims.map(({ cpus }) => cpus)).minus(requested);
  const isolatedChance = random(3);
  const pool = available
    .union(own)
    .union(random(4) === 0 ? Cpuset.from([...unused]).minus(requested) : Cpuset.EMPTY);
  return {
    topology,
    request: {
      requested,
      victims,
      available,
      pool: Cpuset.from(pool.toArray().filter(() => random(4) >= isolatedChance)),
      minShared: random(2) * random(4),
    },
  };
}

function randomTopology(random: Random): Topology {
  const smt = [1, 2, 2, 2, 4][random(5)]!;
  const most = Math.floor(12 / smt);
  const coreCount = most - random(random(2) === 0 ? 2 : most - 1);
  const possible = coreCount * smt;
  const isApart = random(2) === 0;
  const isOnline = Array.from({ length: possible }, () => random(10) > 0);
  const cores = Array.from({ length: coreCount }, (_, core) =>
    Array.from({ length: smt }, (_, thread) => (isApart ? core + thread * coreCount : core * smt + thread)),
  )
    .map((cpus) => Cpuset.from(cpus.filter((cpu) => isOnline[cpu])))
    .filter((cpus) => !cpus.isEmpty);
  const domains = (count: number) => {
    const parts = Array.from({ length: count }, (): Cpuset[] => []);
    cores.forEach((cpus, i) => {
      parts[Math.floor((i * count) / cores.length)]!.push(cpus);
    });
    return parts.map((part) => Cpuset.union(part)).filter((cpus) => !cpus.isEmpty);
  };
  const nodes = domains(1 + random(3));
  return createTopology({
    maxCpuId: possible - 1,
    online: Cpuset.union(cores),
    offline: Cpuset.range(0, possible - 1).minus(Cpuset.union(cores)),
    isolated: Cpuset.EMPTY,
    cores,
    clusters: [],
    llcs: domains(1 + random(4)),
    dies: [],
    packages: [],
    nodes: nodes.map((cpus, id) => ({
      id,
      cpus,
      memoryBytes: 1,
      distances: nodes.map((_, other) => (other === id ? 10 : 20)),
    })),
    coreKinds: [],
  });
}

function shuffled(ids: readonly number[], random: Random): number[] {
  const rest = [...ids];
  return ids.map(() => rest.splice(random(rest.length), 1)[0]!);
}

/** What trying every plan shows: the least cost, and the moves of a plan that costs most. */
export interface Extremes {
  readonly least: PlanCost;
  readonly worst: readonly Move[];
}

/** Tries every plan, those that keep what is to be kept before all others; `undefined` if there is none. */
export function bruteForce({ topology, request }: Case): Extremes | undefined {
  const mask = (cpus: Cpuset) => [...cpus].reduce((bits, cpu) => bits | (1 << cpu), 0);
  const { victims } = request;
  const requested = mask(request.requested);
  const online = mask(topology.online);
  const cores = topology.cores.map(mask);
  const nodes = topology.nodes.map((node) => mask(node.cpus));
  const llcs = topology.llcs.map(mask);
  const pool = mask(request.pool);
  const usable =
    victims.reduce((bits, { cpus }) => bits | mask(cpus), mask(request.available)) & online & ~requested;

  const choices = victims.map((victim) => {
    const from = mask(victim.cpus);
    const allowed = usable & ~mask(victim.forbidden);
    const stranded = cores.filter(
      (core) => (from & core) === core && (requested & core) !== 0 && (core & ~requested) !== 0,
    );
    const untouched = cores.filter((core) => (from & core) === core && (requested & core) === 0).length;
    const leftover = stranded.reduce((bits, core) => bits | core, 0);
    const keep = from & allowed & ~leftover;
    const oldNodes = nodes.filter((node) => (node & from) !== 0).reduce((bits, node) => bits | node, 0);
    return subsets(allowed, victim.cpus.size).map((to): Choice => {
      const whole = cores.filter((core) => (to & core) === core).length;
      return {
        to,
        keeps: (to & keep) === keep,
        terms: [
          Math.max(0, stranded.length - (whole - untouched)),
          count(to & ~from),
          count(to & ~oldNodes),
          cores.filter((core) => (to & core) !== 0 && (to & core) !== core).length,
          nodes.filter((node) => (to & node) !== 0).length,
          llcs.filter((llc) => (to & llc) !== 0).length,
        ],
      };
    });
  });

  let least: PlanCost | undefined;
  let leastKeeps = false;
  let most: PlanCost | undefined;
  let worst: readonly Choice[] = [];
  const place = (chosen: readonly Choice[], used: number): void => {
    if (chosen.length < victims.length) {
      for (const choice of choices[chosen.length]!) {
        if ((choice.to & used) === 0) place([...chosen, choice], used | choice.to);
      }
      return;
    }
    if (count(pool & ~used) < request.minShared) return;
    const free = usable & ~used;
    const broken = cores.filter((core) => (free & core) !== core);
    const terms = [0, 1, 2, 3, 4, 5].map((term) => sum(chosen.map((choice) => choice.terms[term]!)));
    const cost = [...terms, sum(broken.map((core) => count(free & core)))] as unknown as PlanCost;
    const keeps = chosen.every((choice) => choice.keeps);
    const isBetter = least === undefined || comparePlans(cost, least) < 0;
    if (keeps === leastKeeps ? isBetter : keeps) {
      least = cost;
      leastKeeps = keeps;
    }
    if (most === undefined || comparePlans(cost, most) > 0) {
      most = cost;
      worst = chosen;
    }
  };
  place([], 0);
  if (least === undefined) return undefined;
  const moves = victims.map(({ id, cpus }, i) => ({ id, from: cpus, to: setOf(worst[i]!.to) }));
  return { least, worst: moves };
}

interface Choice {
  readonly to: number;
  readonly keeps: boolean;
  readonly terms: readonly number[];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function setOf(bits: number): Cpuset {
  return Cpuset.fromWords(Uint32Array.of(bits));
}

function subsets(of: number, size: number): number[] {
  if (size === 0) return [0];
  if (count(of) < size) return [];
  const lowest = of & -of;
  const rest = of & ~lowest;
  return [...subsets(rest, size - 1).map((bits) => bits | lowest), ...subsets(rest, size)];
}

function count(bits: number): number {
  let rest = bits;
  let total = 0;
  for (; rest !== 0; rest &= rest - 1) total++;
  return total;
}

/** A case as a few lines of text, to understand a failure by. */
export function describeCase({ topology, request }: Case): string {
  const { requested, victims, available, pool, minShared } = request;
  return [
    `cores ${topology.cores.join(' ')}, nodes ${topology.nodes.map((node) => node.cpus).join(' ')}, llcs ${topology.llcs.join(' ')}`,
    `requested ${requested}, available ${available}, pool ${pool}, minShared ${minShared}`,
    ...victims.map(({ id, cpus, forbidden }) => `${id} on ${cpus}, forbidden ${forbidden}`),
  ].join('\n');
}

/**
 * A host of 1024 CPUs in 8 nodes and 64 caches with 300 integer containers of 1 to 4 CPUs, and a request that takes CPUs
 * of 165 of them. One container in `strictness` has forbidden CPUs; none if 0.
 */
export function largeCase(seed: number, strictness: number): Case {
  const random = createRandom(seed);
  const topology = createTopology(parseTopologySpec('2 packages, 4 nodes, 8 llcs, 8 cores, SMT 2'));
  const free = new Set(topology.online);
  const containers = Array.from({ length: 300 }, (_, i): Victim => {
    const size = 1 + random(4);
    const start = random(topology.cores.length);
    const cpus: number[] = [];
    for (let step = 0; cpus.length < size; step++) {
      const core = topology.cores[(start + step) % topology.cores.length]!.toArray();
      const left = core.filter((cpu) => free.has(cpu));
      // Whole cores while there are some near, then what there is.
      if (left.length < Math.min(core.length, size - cpus.length) && step < 64) continue;
      for (const cpu of left.slice(0, size - cpus.length)) {
        cpus.push(cpu);
        free.delete(cpu);
      }
    }
    const forbidden =
      strictness > 0 && random(strictness) === 0
        ? Cpuset.range(random(512), 511 + random(512))
        : Cpuset.EMPTY;
    return { id: `container-${i}`, cpus: Cpuset.from(cpus), forbidden: forbidden.minus(Cpuset.from(cpus)) };
  });
  const victims = shuffled([...containers.keys()], random)
    .slice(0, 165)
    .map((i) => containers[i]!);
  const requested = Cpuset.from(
    victims.flatMap(({ cpus }) => [...cpus].filter((_, i) => i === 0 || random(3) === 0)),
  );
  const available = Cpuset.from(free);
  const own = Cpuset.union(victims.map(({ cpus }) => cpus)).minus(requested);
  return { topology, request: { requested, victims, available, pool: available.union(own), minShared: 1 } };
}
