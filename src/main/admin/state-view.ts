import type { Topology } from '../../placement/topology.ts';
import { configuredCpus } from '../configured-cpus.ts';
import { byAge, type Entry, forbiddenTo } from '../ledger/entry.ts';
import type { NriVersion } from '../nri/runtime-version.ts';
import type { ContainerView, HealthView, RuntimeView, StateView, TopologyView } from './api.ts';
import { summarize } from './latencies.ts';
import type { Observations } from './observations.ts';
import type { AdminSource } from './source.ts';

/** Everything that is known now. Takes milliseconds on hosts with a thousand containers, so it is made for somebody who asks. */
export function stateView(source: AdminSource, health: HealthView): StateView {
  const { plugin, journal, observations } = source;
  const ledger = source.ledger();
  const config = source.config();
  const { topology } = source.policy();
  const runtime = runtimeView(source);
  const planner = source.planner();
  const refusedSettings = source.refusedSettings();
  return {
    epoch: ledger?.epoch ?? 0,
    sequence: journal.last,
    time: Date.now(),
    plugin: source.isActive() ? plugin : { ...plugin, standby: true },
    ...(runtime !== undefined && { runtime }),
    health,
    topology: topologyView(topology),
    settings: config,
    ...(refusedSettings.length > 0 && { refusedSettings }),
    pool: ledger === undefined ? '' : `${ledger.pool}`,
    reserved: `${configuredCpus(config, 'reservedCpus', topology.maxCpuId)}`,
    protected: `${configuredCpus(config, 'protectedCpus', topology.maxCpuId)}`,
    containers: [...(ledger?.entries.values() ?? [])]
      .sort(byAge)
      .map((entry) => containerView(entry, observations)),
    events: observations.latencies.all.map(summarize),
    ...(planner !== undefined && { planner }),
    reconcile: { ...source.reconcile() },
    notAsWanted: ledger === undefined ? 0 : Object.values(ledger.differences()).flat().length,
  };
}

/** Two states with the same key look the same, but for durations. */
export function stateKey(source: AdminSource): readonly unknown[] {
  const { ledger, journal, observations, policy } = source;
  const { isConnected, isInStep, registeredAt } = observations;
  const refused = source.refusedSettings().join();
  return [
    ...[ledger()?.epoch, journal.last, isConnected, isInStep, registeredAt],
    ...[policy(), refused, source.isActive()],
  ];
}

export function versionText({ major, minor, patch }: NriVersion): string {
  return `${major}.${minor}.${patch}`;
}

function runtimeView({ runtime, observations }: AdminSource): RuntimeView | undefined {
  const facts = runtime();
  if (facts === undefined) return undefined;
  const { name, version, nri, requestTimeout } = facts;
  const { isConnected, registeredAt, synchronizedAt } = observations;
  return {
    name,
    version,
    ...(nri !== undefined && { nri: versionText(nri) }),
    requestTimeoutMs: requestTimeout,
    connected: isConnected,
    ...(registeredAt !== undefined && { registeredAt }),
    ...(synchronizedAt !== undefined && { synchronizedAt }),
  };
}

function topologyView(topology: Topology): TopologyView {
  const { maxCpuId, online, offline, isolated, cores, clusters, llcs, l3 } = topology;
  const { dies, packages, nodes, coreKinds } = topology;
  return {
    maxCpuId,
    online: `${online}`,
    offline: `${offline}`,
    isolated: `${isolated}`,
    cores: cores.map(String),
    clusters: clusters.map(String),
    llcs: llcs.map(String),
    ...(l3 !== undefined && { l3: l3.map(String) }),
    dies: dies.map(String),
    packages: packages.map(String),
    nodes: nodes.map((node) => ({ ...node, cpus: `${node.cpus}` })),
    coreKinds: coreKinds.map(String),
  };
}

function containerView(entry: Entry, observations: Observations): ContainerView {
  const { pod, container, workload, reason, cpus, unplaced, told, seen } = entry;
  const createdAt = Math.round(container.createdAt / 1e6);
  return {
    id: container.id,
    namespace: pod.namespace,
    pod: pod.name,
    podUid: pod.uid,
    container: container.name,
    kind: workload.kind,
    reason,
    cpus: `${cpus}`,
    ...(told.cpus !== undefined && { runsOn: `${told.cpus}` }),
    ...(seen !== undefined && { seen: `${seen}` }),
    ...(told.mems !== undefined && { mems: told.mems }),
    ...(unplaced !== undefined && { unplaced }),
    ...(workload.kind === 'annotated' && { askedCpus: `${workload.cpus}` }),
    ...(workload.kind === 'integer' && { askedCount: workload.count }),
    forbidden: `${forbiddenTo(workload)}`,
    since: observations.decidedAt(container.id) ?? createdAt,
    createdAt,
  };
}
