import type { ContainerView, StateView, TopologyView } from '../../src/main/admin/api.ts';
import { cpusetOf } from '../../src/main/admin/page/cpu-text.ts';
import { loadConfig } from '../../src/main/config.ts';
import type { JournalRecord } from '../../src/main/journal.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';

/** A host of 64 CPUs, and one of 1024. */
export const SMALL_HOST = '2 packages, 2 LLCs, 8 cores, SMT 2';
export const LARGE_HOST = '2 packages, 4 nodes, 4 LLCs, 16 cores, SMT 2';

const STARTED = Date.now() - 3_600_000;

/** A state of a ready daemon with these containers. */
export function stateWith(
  topology: string,
  containers: readonly ContainerView[],
  changes: Partial<StateView> = {},
): StateView {
  const view = topologyView(topology);
  const owned = Cpuset.union(containers.map(({ cpus }) => cpusetOf(cpus)));
  return {
    epoch: 1,
    sequence: 0,
    time: STARTED,
    plugin: {
      name: '99-weka-cpuset',
      version: '0.1.0',
      instance: 'one',
      startedAt: STARTED,
      dryRun: false,
      pid: 4711,
    },
    runtime: {
      name: 'containerd',
      version: 'v2.1.4',
      nri: '0.9.0',
      requestTimeoutMs: 2000,
      connected: true,
      registeredAt: STARTED,
      synchronizedAt: STARTED,
    },
    health: { live: true, ready: true, missing: [] },
    topology: view,
    settings: loadConfig({}),
    pool: `${cpusetOf(view.online).minus(owned)}`,
    reserved: '',
    protected: '',
    containers,
    events: [
      { event: 'create', outcome: 'answered', count: 214, p50Us: 410, p99Us: 1900, maxUs: 4200 },
      { event: 'create', outcome: 'refused', count: 2, p50Us: 520, p99Us: 600, maxUs: 600 },
      { event: 'stop', outcome: 'answered', count: 97, p50Us: 120, p99Us: 480, maxUs: 910 },
      { event: 'synchronize', outcome: 'answered', count: 1, p50Us: 18_000, p99Us: 18_000, maxUs: 18_000 },
    ],
    planner: { calls: 3, improved: 1, tasks: 6, answers: 6, incidents: 0 },
    reconcile: { drifted: 0, repaired: 0, repairs: 0, reconnects: 0 },
    notAsWanted: 0,
    ...changes,
  };
}

/** A container; exclusive ones are given their CPUs. */
export function container(
  name: string,
  kind: ContainerView['kind'],
  cpus = '',
  changes: Partial<ContainerView> = {},
): ContainerView {
  return {
    id: `${name}-id`,
    namespace: 'prod',
    pod: name,
    podUid: `${name}-uid`,
    container: 'main',
    kind,
    reason: REASONS[kind],
    cpus,
    ...(cpus !== '' && { runsOn: cpus }),
    ...(kind === 'annotated' && { askedCpus: cpus }),
    ...(kind === 'integer' && { askedCount: cpusetOf(cpus).size }),
    forbidden: '',
    since: STARTED + 60_000,
    createdAt: STARTED + 30_000,
    ...changes,
  };
}

const REASONS = {
  integer: 'quota of 8 CPUs, a memory limit, pod of class Guaranteed',
  annotated: 'annotation weka.io/cores-ids',
  shared: 'no whole number of CPUs: pod of class Burstable',
} as const;

/** A journal record that tells of a container's placement. */
export function placed(sequence: number, { id, pod, kind, cpus, reason }: ContainerView): JournalRecord {
  return {
    sequence,
    time: STARTED + sequence * 1000,
    operation: `one-${sequence}`,
    event: 'create',
    outcome: 'placed',
    container: `prod/${pod}/main`,
    containerId: id,
    kind,
    cpus,
    reason,
  };
}

/** Containers that own most of a host's CPUs, in the order of its cores, and some shared ones. */
export function crowd(topology: string): readonly ContainerView[] {
  const cores = topologyView(topology).cores.map(cpusetOf);
  const containers: ContainerView[] = [];
  const sizes = [4, 8, 2, 1, 12, 4, 6, 3];
  for (let core = 0, turn = 0; core < cores.length * 0.75; turn++) {
    const size = sizes[turn % sizes.length]!;
    const cpus = Cpuset.union(cores.slice(core, core + size));
    // Every seventh gap is left free.
    core += size + (turn % 7 === 3 ? 2 : 0);
    const kind = turn % 9 === 5 ? 'annotated' : 'integer';
    containers.push(container(`${NAMES[turn % NAMES.length]}-${turn}`, kind, `${cpus}`));
  }
  const shared = NAMES.map((name, position) => container(`${name}-shared-${position}`, 'shared'));
  return [...containers, ...shared];
}

const NAMES = ['postgres', 'weka-drive', 'kafka', 'search', 'trainer', 'gateway', 'cache', 'billing'];

function topologyView(specification: string): TopologyView {
  const { nodes, ...parts } = parseTopologySpec(specification);
  const texts = (sets: readonly Cpuset[]) => sets.map(String);
  return {
    maxCpuId: parts.maxCpuId,
    online: `${parts.online}`,
    offline: `${parts.offline}`,
    isolated: `${parts.isolated}`,
    cores: texts(parts.cores),
    clusters: texts(parts.clusters),
    llcs: texts(parts.llcs),
    dies: texts(parts.dies),
    packages: texts(parts.packages),
    nodes: nodes.map((node) => ({ ...node, cpus: `${node.cpus}` })),
    coreKinds: texts(parts.coreKinds),
  };
}
