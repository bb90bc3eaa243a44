import { parseCpuList } from '../../placement/cpulist.ts';
import type { Cpuset } from '../../placement/cpuset.ts';
import type { JournalRecord } from '../journal.ts';
import { type Entry, isExclusive, nameOf } from '../ledger/entry.ts';
import type { ContainerStep, SimulatedPod } from './pod-spec.ts';
import type { SimulatedNode } from './simulated-node.ts';

/** What became of one container of a pod. CPU sets are in list format. */
export interface Landing {
  /** `namespace/pod/container`. */
  readonly container: string;
  /** What made the pod, such as `Deployment shop/web`. */
  readonly owner: string;
  readonly role: ContainerStep['role'];
  /** `waiting`: an init container before it was refused, so the kubelet does not start it. */
  readonly outcome: 'placed' | 'refused' | 'waiting';
  readonly kind?: Entry['workload']['kind'];
  /** The CPUs it was created on; for shared containers the pool of that moment. */
  readonly cpus?: string;
  readonly mems?: string;
  /** Why it is of its kind, or was refused. */
  readonly reason: string;
  /** Stable refusal code. */
  readonly code?: string;
  /** Containers that had to move for it. */
  readonly moves: readonly ContainerMove[];
  readonly warnings: readonly string[];
}

export interface ContainerMove {
  readonly container: string;
  readonly from: string;
  readonly to: string;
}

/** Where a container is in the end, and was at first. */
export interface NetMove extends ContainerMove {
  /** CPUs that it did not have before. */
  readonly cpus: number;
}

/** A container that runs on the node. */
export interface Occupant {
  readonly label: string;
  readonly kind: Entry['workload']['kind'];
  readonly cpus: Cpuset;
}

/** What is left to give away. */
export interface Remainder {
  readonly pool: Cpuset;
  /** Containers that run in the pool. */
  readonly sharers: number;
  /** Cores that are wholly in the pool and may be given to integer containers. */
  readonly freeCores: number;
  /** CPUs of the largest integer container that would still be placed; the same on a single NUMA node. */
  readonly largest: number;
  readonly largestOnNode: number;
}

export interface Result {
  readonly before: readonly Occupant[];
  readonly after: readonly Occupant[];
  readonly landings: readonly Landing[];
  /** Everybody who is elsewhere now than at first, from there to where they are. */
  readonly moved: readonly NetMove[];
  readonly left: Remainder;
}

/**
 * Starts pods one after the other, each with its containers in the kubelet's order: an init container ends before the next
 * one starts, a sidecar stays, and when one of them is refused the pod's others wait.
 *
 * @param decisions where the node's ledger writes its decisions
 * @param onProgress called with the number of pods that were dealt with
 */
export async function simulate(
  node: SimulatedNode,
  pods: readonly SimulatedPod[],
  decisions: ReadonlyMap<string, JournalRecord>,
  onProgress: (pods: number) => void,
): Promise<Result> {
  const before = occupants(node);
  // What was wrong on a live node is not our doing.
  const wrongBefore = node.runtime.violations.length;
  const landings: Landing[] = [];
  for (const [position, pod] of pods.entries()) {
    onProgress(position);
    landings.push(...(await startPod(node, pod, decisions)));
  }
  onProgress(pods.length);
  const [violation] = node.runtime.violations.slice(wrongBefore);
  if (violation !== undefined) throw new Error(`an invariant broke: ${violation.message}`);
  return {
    before,
    after: occupants(node),
    landings,
    moved: netMoves(node, before, landings),
    left: remainder(node),
  };
}

async function startPod(
  node: SimulatedNode,
  { owner, spec, steps }: SimulatedPod,
  decisions: ReadonlyMap<string, JournalRecord>,
): Promise<readonly Landing[]> {
  const landings: Landing[] = [];
  const pod = await node.runtime.runPod(spec);
  let refusedBefore: string | undefined;
  for (const { role, spec: container } of steps) {
    const common = { container: `${spec.namespace}/${spec.name}/${container.name}`, owner, role };
    if (refusedBefore !== undefined) {
      const reason = `waits for ${refusedBefore}, which is refused`;
      landings.push({ ...common, outcome: 'waiting', reason, moves: [], warnings: [] });
      continue;
    }
    const event = await node.runtime.createContainer(pod, container);
    const id = event.container?.id ?? '';
    const decision = decisions.get(id);
    const { kind, cpus, mems, code, reason = event.error ?? '', moves = [], warnings = [] } = decision ?? {};
    landings.push({
      ...common,
      outcome: event.ok ? 'placed' : 'refused',
      reason,
      ...(kind && { kind: kind as Entry['workload']['kind'] }),
      ...(cpus && { cpus }),
      ...(mems && { mems }),
      ...(code && { code }),
      moves: moves.map(({ container, from, to }) => ({ container, from, to })),
      warnings,
    });
    if (role === 'container') continue;
    if (!event.ok) refusedBefore = container.name;
    else if (role === 'init') await node.runtime.removeContainer(id);
  }
  return landings;
}

function occupants({ ledger }: SimulatedNode): readonly Occupant[] {
  return [...ledger.entries.values()].map((entry) => ({
    label: nameOf(entry),
    kind: isExclusive(entry) ? entry.workload.kind : 'shared',
    cpus: entry.cpus,
  }));
}

function netMoves(
  { ledger }: SimulatedNode,
  before: readonly Occupant[],
  landings: readonly Landing[],
): readonly NetMove[] {
  const { maxCpuId } = ledger.policy.topology;
  const first = new Map(before.map(({ label, cpus }) => [label, cpus.toString()]));
  for (const { container, cpus, outcome, role } of landings) {
    if (outcome === 'placed' && role !== 'init' && cpus !== undefined) first.set(container, cpus);
  }
  return [...ledger.entries.values()].filter(isExclusive).flatMap((entry) => {
    const container = nameOf(entry);
    const from = first.get(container);
    const to = entry.cpus.toString();
    if (from === undefined || from === to) return [];
    const before = parseCpuList(from, { max: maxCpuId, allowEmpty: true });
    return [{ container, from, to, cpus: entry.cpus.minus(before).size }];
  });
}

function remainder({ ledger }: SimulatedNode): Remainder {
  const { pool, policy } = ledger;
  const { cores, nodes } = policy.topology;
  const sharers = [...ledger.entries.values()].filter((entry) => !isExclusive(entry)).length;
  const free = pool.intersect(policy.integerCpus);
  // The pool must keep what the setting says, and one CPU where a container runs in it.
  const spare = Math.max(0, pool.size - Math.max(policy.minSharedCpus, sharers > 0 ? 1 : 0));
  return {
    pool,
    sharers,
    freeCores: cores.filter((core) => core.isSubsetOf(free)).length,
    largest: Math.min(free.size, spare),
    largestOnNode: Math.min(spare, Math.max(...nodes.map(({ cpus }) => free.countCommon(cpus)))),
  };
}
