import { padded, setBit } from './bits.ts';
import { type CoreLayout, coreLayoutOf } from './core-layout.ts';
import { type ReassignRequest, usableCpus } from './plan.ts';
import type { Topology } from './topology.ts';

/**
 * A request as arrays of numbers: victims are known by their position, CPUs by their id. A victim's *homes* are the CPUs
 * it holds now and may hold afterwards. The homes in a core that it held wholly and of which the request takes a part are
 * *left over*; the others are *anchored*: they stay with it, unless there is no such plan.
 */
export interface Instance {
  readonly topology: Topology;
  readonly request: ReassignRequest;
  readonly layout: CoreLayout;
  /** CPUs that victims can hold, ascending. */
  readonly usable: Int32Array;
  /** Bitset of those of them that may change hands: all but anchored ones. */
  readonly movable: Uint32Array;
  /** By victim: CPUs it needs, and where its part begins in an array that holds all victims' CPUs. */
  readonly demand: Int32Array;
  readonly start: Int32Array;
  /** CPUs that all victims need. */
  readonly totalDemand: number;
  /** By victim: bitset of the usable CPUs that are not forbidden to it. */
  readonly allowed: readonly Uint32Array[];
  /** By victim: 1 if a usable CPU is forbidden to it. */
  readonly restricted: Uint8Array;
  /** By CPU: the victim whose home it is, or -1. */
  readonly home: Int32Array;
  /** By victim: its homes that are not left over. */
  readonly homes: readonly (readonly number[])[];
  /** By victim: its homes left over, for each stranded core; the smallest left-over first. */
  readonly leftovers: readonly (readonly (readonly number[])[])[];
  /** By victim, and by CPU (1 or 0): what is anchored. */
  readonly anchors: readonly (readonly number[])[];
  readonly anchored: Uint8Array;
  /** By victim: whole cores it holds that the request does not touch. */
  readonly untouched: Int32Array;
  /** By victim and node: 1 if the victim holds CPUs of the node now. */
  readonly wasOn: Uint8Array;
  /** By CPU: 1 if the shared pool would have it. */
  readonly pooled: Uint8Array;
  /** How many CPUs the pool can give to victims. */
  readonly sharable: number;
}

/** Turns a request into arrays, in time that grows with the CPUs and the victims. */
export function createInstance(topology: Topology, request: ReassignRequest): Instance {
  const { victims, pool, minShared } = request;
  const size = topology.maxCpuId + 1;
  const usable = usableCpus(request).intersect(topology.online);
  const demand = Int32Array.from(victims, (victim) => victim.cpus.size);
  const start = new Int32Array(victims.length + 1);
  for (let v = 0; v < victims.length; v++) start[v + 1] = start[v]! + demand[v]!;

  // Most containers of a host have one of a few forbidden sets; equal ones share their words.
  const wordsOf = new Map<string, Uint32Array>();
  const allowed = victims.map(({ forbidden }) => {
    const key = forbidden.toString();
    const words = wordsOf.get(key) ?? padded(usable.minus(forbidden).toWords(), size);
    wordsOf.set(key, words);
    return words;
  });

  const layout = coreLayoutOf(topology);
  const holdings = victims.map((_, victim) => describeHolding(topology, request, layout, victim));
  const home = new Int32Array(size).fill(-1);
  const wasOn = new Uint8Array(victims.length * layout.nodeCount);
  holdings.forEach(({ homes, leftovers, nodes }, victim) => {
    for (const cpu of homes) home[cpu] = victim;
    for (const cpus of leftovers) for (const cpu of cpus) home[cpu] = victim;
    for (const node of nodes) wasOn[victim * layout.nodeCount + node] = 1;
  });
  const pooled = new Uint8Array(size);
  for (const cpu of pool) pooled[cpu] = 1;

  const homes = holdings.map((holding) => holding.homes);
  const { anchors, anchored, movable } = anchor(topology, usable, homes);
  return {
    topology,
    request,
    layout,
    usable: Int32Array.from(usable),
    movable,
    demand,
    start,
    totalDemand: start[victims.length]!,
    allowed,
    restricted: Uint8Array.from(victims, ({ forbidden }) => (forbidden.intersects(usable) ? 1 : 0)),
    home,
    homes,
    leftovers: holdings.map(({ leftovers }) => leftovers),
    anchors,
    anchored,
    untouched: Int32Array.from(holdings, ({ untouched }) => untouched),
    wasOn,
    pooled,
    sharable: pool.size - minShared,
  };
}

/** The same instance without anchors: every container may be given other CPUs. */
export function loosen(instance: Instance): Instance {
  const { request, topology, usable } = instance;
  return {
    ...instance,
    ...anchor(
      topology,
      usable,
      request.victims.map(() => []),
    ),
  };
}

function anchor(
  topology: Topology,
  usable: Iterable<number>,
  anchors: Instance['anchors'],
): Pick<Instance, 'anchors' | 'anchored' | 'movable'> {
  const anchored = new Uint8Array(topology.maxCpuId + 1);
  for (const cpus of anchors) for (const cpu of cpus) anchored[cpu] = 1;
  const movable = new Uint32Array((anchored.length + 31) >> 5);
  for (const cpu of usable) if (anchored[cpu] === 0) setBit(movable, cpu);
  return { anchors, anchored, movable };
}

interface Holding {
  readonly homes: readonly number[];
  readonly leftovers: readonly (readonly number[])[];
  readonly untouched: number;
  readonly nodes: ReadonlySet<number>;
}

function describeHolding(
  topology: Topology,
  { victims, requested }: ReassignRequest,
  { coreSize }: CoreLayout,
  victim: number,
): Holding {
  const { cpus, forbidden } = victims[victim]!;
  const byCore = new Map<number, number[]>();
  const nodes = new Set<number>();
  for (const cpu of cpus) {
    const core = topology.coreOf[cpu]!;
    // A CPU that went offline is no home, and no node and core have it any more.
    if (core < 0) continue;
    nodes.add(topology.nodeOf[cpu]!);
    const others = byCore.get(core);
    if (others === undefined) byCore.set(core, [cpu]);
    else others.push(cpu);
  }
  const homes: number[] = [];
  const leftovers: number[][] = [];
  let untouched = 0;
  for (const [core, held] of byCore) {
    const stay = held.filter((cpu) => !requested.has(cpu));
    const allowed = stay.filter((cpu) => !forbidden.has(cpu));
    const wasWhole = held.length === coreSize[core];
    if (wasWhole && stay.length === held.length) untouched++;
    if (wasWhole && stay.length > 0 && stay.length < held.length) leftovers.push(allowed);
    else homes.push(...allowed);
  }
  leftovers.sort((a, b) => a.length - b.length);
  return { homes, leftovers, untouched, nodes };
}
