import { parseCpuList } from '../../placement/cpulist.ts';
import type { Cpuset } from '../../placement/cpuset.ts';
import { createTopology, type Topology } from '../../placement/topology.ts';
import type { ContainerView, StateView } from '../admin/api.ts';
import { topologyParts } from '../admin/topology-parts.ts';
import { type CpuMapOptions, type CpuOwner, renderCpuMap } from './cpu-map.ts';

/** What a running plugin tells, with its CPU lists read. */
export interface LiveState {
  readonly state: StateView;
  readonly topology: Topology;
  /** Reads a CPU list of this host. @throws CpuListError when it is none */
  readonly cpus: (list: string) => Cpuset;
}

/** @throws CpuListError when a list is none */
export function readState(state: StateView): LiveState {
  const topology = createTopology(topologyParts(state.topology));
  const cpus = (list: string) => parseCpuList(list, { max: topology.maxCpuId, allowEmpty: true });
  return { state, topology, cpus };
}

/** `namespace/pod/container`; the id of a container whose pod is not known. */
export function nameOfView({ id, namespace, pod, container }: ContainerView): string {
  return pod === '' ? id : `${namespace}/${pod}/${container}`;
}

/** How a container was found not to be as it was told. */
export function describeDrift({ seen, runsOn, cpus, mems }: ContainerView): string {
  const told = runsOn ?? cpus;
  return seen === told ? `on other memory nodes than ${mems}` : `on CPUs ${seen}, not on ${told}`;
}

/** Whether the container owns CPUs. */
export function ownsCpus({ cpus }: ContainerView): boolean {
  return cpus !== '';
}

/** What is told of containers, and of a plugin that is not ready that it may not know all of them. */
export function withReadiness(text: string, { health: { ready, missing } }: StateView): string {
  if (ready) return text;
  return `${text}\n\nThe plugin is not ready, and may not know all containers: ${missing.join(', ')}`;
}

/** The running node as `renderCpuMap` draws it. */
export function renderLiveMap(live: LiveState, options: Omit<CpuMapOptions, 'pool'>): string {
  const owners = live.state.containers.map(
    (view): CpuOwner => ({
      label: nameOfView(view),
      kind: ownsCpus(view) ? view.kind : 'shared',
      cpus: live.cpus(view.cpus),
    }),
  );
  return renderCpuMap(live.topology, owners, { ...options, pool: live.cpus(live.state.pool) });
}

/** A moment as our log tells it, to the millisecond and in UTC: `2026-11-24 10:30:05.123Z`. */
export function moment(time: number): string {
  return new Date(time).toISOString().replace('T', ' ');
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
] as const;

/** How long ago something was, to the larger two units: `2 d 3 h`, `42 s`. */
export function duration(milliseconds: number): string {
  let seconds = Math.max(0, Math.round(milliseconds / 1000));
  const parts: string[] = [];
  for (const [unit, length] of UNITS) {
    const count = Math.floor(seconds / length);
    seconds %= length;
    if (count > 0 || parts.length > 0) parts.push(`${count} ${unit}`);
  }
  return [...parts, `${seconds} s`].slice(0, 2).join(' ');
}

const WIDTH = { fallback: 100, least: 40, most: 160 } as const;

/** Columns to print in: those of the terminal, within reason. One that does not know its size yet says 0. */
export function outputWidth(): number {
  return Math.min(WIDTH.most, Math.max(WIDTH.least, process.stdout.columns || WIDTH.fallback));
}

/** A signal that Ctrl-C fires, for commands that go on until then. */
export function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}
