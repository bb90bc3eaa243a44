import { isExclusive } from '../ledger/entry.ts';
import { violations } from '../ledger/invariants.ts';
import { VERSION } from '../version.ts';
import { cpusByState } from './cpu-states.ts';
import { notReady } from './health.ts';
import type { AdminSource } from './source.ts';
import { versionText } from './state-view.ts';

type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

/** One metric, whose values are read when they are asked for. Their meaning for operators is in docs/operations.md. */
export interface Definition {
  readonly type: 'counter' | 'gauge';
  /** Without the prefix. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  read(source: AdminSource): readonly Sample[];
}

export const DEFINITIONS: readonly Definition[] = [
  {
    type: 'gauge',
    name: 'build_info',
    help: 'Always 1: which program this is.',
    labels: ['version', 'node_version'],
    read: () => [[{ version: VERSION, node_version: process.version }, 1]],
  },
  {
    type: 'gauge',
    name: 'runtime_info',
    help: 'Always 1: the container runtime and its NRI version, as far as they are known.',
    labels: ['name', 'version', 'nri_version'],
    read: ({ runtime }) => {
      const facts = runtime();
      if (facts === undefined) return [];
      const { name, version, nri } = facts;
      return [[{ name, version, nri_version: nri === undefined ? '' : versionText(nri) }, 1]];
    },
  },
  {
    type: 'gauge',
    name: 'start_time_seconds',
    help: 'When the plugin started, in seconds since the epoch.',
    read: ({ plugin }) => one(plugin.startedAt / 1000),
  },
  {
    type: 'gauge',
    name: 'dry_run',
    help: '1 if the plugin only decides and logs.',
    read: ({ plugin }) => one(Number(plugin.dryRun)),
  },
  {
    type: 'gauge',
    name: 'ready',
    help: '1 if the plugin is registered and synchronized with the runtime, or waits for another instance on the node to end.',
    read: (source) => one(Number(notReady(source).length === 0)),
  },
  {
    type: 'gauge',
    name: 'active',
    help: '1 if this instance decides, 0 while another one on the node does.',
    read: ({ isActive }) => one(Number(isActive())),
  },
  {
    type: 'gauge',
    name: 'settings_refused',
    help: 'Changes of the settings that are wrong, so that those before them are in force.',
    read: ({ refusedSettings }) => one(refusedSettings().length),
  },
  {
    type: 'counter',
    name: 'registrations_total',
    help: 'Registrations that the runtime accepted; each but the first is a reconnect.',
    read: ({ observations }) => one(observations.registrations),
  },
  {
    type: 'counter',
    name: 'repair_reconnects_total',
    help: 'Times that the plugin had the runtime list its containers to put them right, where it takes updates no other way.',
    read: ({ reconcile }) => one(reconcile().reconnects),
  },
  {
    type: 'gauge',
    name: 'synchronized_time_seconds',
    help: 'When the runtime last listed its containers, in seconds since the epoch.',
    read: ({ observations }) => optional(observations.synchronizedAt, 1000),
  },
  {
    type: 'gauge',
    name: 'synchronize_duration_seconds',
    help: 'How long the last synchronization took.',
    read: ({ observations }) => optional(observations.synchronizeMs, 1000),
  },
  {
    type: 'gauge',
    name: 'request_timeout_seconds',
    help: 'What the runtime allows for one event.',
    read: ({ runtime }) => optional(runtime()?.requestTimeout, 1000),
  },
  {
    type: 'gauge',
    name: 'cpus',
    help: 'CPUs by NUMA node and state; the node of offline CPUs is not known.',
    labels: ['node', 'state'],
    read: (source) => {
      // Only who decides knows whose they are, and a sum over the instances of a node is to count each CPU once.
      if (!source.isActive()) return [];
      const { nodes } = source.policy().topology;
      const { offline, ...states } = cpusByState(source.policy(), source.config(), source.ledger());
      const online = nodes.flatMap(({ id, cpus }) =>
        Object.entries(states).map(
          ([state, set]): Sample => [{ node: `${id}`, state }, set.intersect(cpus).size],
        ),
      );
      return [...online, [{ node: '', state: 'offline' }, offline.size]];
    },
  },
  {
    type: 'gauge',
    name: 'pool_cpus',
    help: 'CPUs in the shared pool.',
    read: ({ ledger }) => optional(ledger()?.pool.size),
  },
  {
    type: 'gauge',
    name: 'containers',
    help: 'Containers by kind; unplaced: annotated or integer ones that own no CPUs and run in the pool.',
    labels: ['kind'],
    read: ({ ledger }) => {
      const counts = { annotated: 0, integer: 0, shared: 0, unplaced: 0 };
      for (const { unplaced, workload } of ledger()?.entries.values() ?? []) {
        counts[unplaced === undefined ? workload.kind : 'unplaced']++;
      }
      return Object.entries(counts).map(([kind, count]): Sample => [{ kind }, count]);
    },
  },
  {
    type: 'gauge',
    name: 'container_info',
    help: 'Always 1: a container with CPUs of its own (setting metrics.containers).',
    labels: ['namespace', 'pod', 'container', 'kind', 'cpus'],
    read: ({ config, ledger }) => {
      if (!config().metrics.containers) return [];
      return [...(ledger()?.entries.values() ?? [])]
        .filter(isExclusive)
        .map(({ pod, container, workload, cpus }): Sample => {
          const { namespace, name } = pod;
          return [
            { namespace, pod: name, container: container.name, kind: workload.kind, cpus: `${cpus}` },
            1,
          ];
        });
    },
  },
  {
    type: 'counter',
    name: 'refusals_total',
    help: 'Containers that were not created or resized, by reason.',
    labels: ['code'],
    read: ({ observations }) => by('code', observations.refusals),
  },
  {
    type: 'counter',
    name: 'warnings_total',
    help: 'Warnings of decisions: annotations that were ignored, containers that could not be placed, CPUs that are offline.',
    read: ({ observations }) => one(observations.warnings),
  },
  {
    type: 'counter',
    name: 'moves_total',
    help: 'Integer containers moved out of the way of an annotated one.',
    read: ({ observations }) => one(observations.moves),
  },
  {
    type: 'counter',
    name: 'moved_cpus_total',
    help: 'CPUs that moved containers had to give up.',
    read: ({ observations }) => one(observations.movedCpus),
  },
  {
    type: 'counter',
    name: 'container_updates_total',
    help: 'Updates of running containers, by what carried them; reconcile: sent without an event.',
    labels: ['cause'],
    read: ({ observations }) => by('cause', observations.updates),
  },
  {
    type: 'gauge',
    name: 'containers_not_as_told',
    help: 'Containers found on other CPUs or memory nodes than they were told.',
    read: ({ ledger }) => {
      const entries = [...(ledger()?.entries.values() ?? [])];
      return one(entries.filter(({ seen }) => seen !== undefined).length);
    },
  },
  {
    type: 'gauge',
    name: 'containers_not_as_wanted',
    help: 'Containers to be told something else: to move, to leave CPUs they must not be on, or that they may use more.',
    labels: ['difference'],
    read: ({ ledger }) => {
      const { moving = [], misplaced = [], growing = [] } = ledger()?.differences() ?? {};
      return [
        [{ difference: 'moving' }, moving.length],
        [{ difference: 'misplaced' }, misplaced.length],
        [{ difference: 'growing' }, growing.length],
      ];
    },
  },
  {
    type: 'counter',
    name: 'drift_total',
    help: 'Times that a container was found on other CPUs or memory nodes than it was told.',
    read: ({ reconcile }) => one(reconcile().drifted),
  },
  {
    type: 'counter',
    name: 'drift_repaired_total',
    help: 'Times that such a container was found where it should be afterwards.',
    read: ({ reconcile }) => one(reconcile().repaired),
  },
  {
    type: 'gauge',
    name: 'invariant_violations',
    help: 'Violations of the invariants of docs/placement.md: not 0 is a fault of this program.',
    read: ({ ledger }) => {
      const current = ledger();
      return one(current === undefined ? 0 : violations(current).length);
    },
  },
  {
    type: 'counter',
    name: 'planner_calls_total',
    help: 'Large reassignments that workers were asked to improve.',
    read: ({ planner }) => one(planner()?.calls ?? 0),
  },
  {
    type: 'counter',
    name: 'planner_improved_total',
    help: 'Those of them for which a worker had a better plan.',
    read: ({ planner }) => one(planner()?.improved ?? 0),
  },
  {
    type: 'counter',
    name: 'planner_tasks_total',
    help: 'Tasks given to planner workers.',
    read: ({ planner }) => one(planner()?.tasks ?? 0),
  },
  {
    type: 'counter',
    name: 'planner_answers_total',
    help: 'Tasks that were answered in time.',
    read: ({ planner }) => one(planner()?.answers ?? 0),
  },
  {
    type: 'counter',
    name: 'planner_seconds_total',
    help: 'Time spent on improving plans, during which the runtime waited.',
    read: ({ observations }) => one(observations.planningMs / 1000),
  },
  {
    type: 'counter',
    name: 'planner_spared_cpus_total',
    help: 'CPUs that did not have to change because of a better plan.',
    read: ({ observations }) => one(observations.sparedCpus),
  },
  {
    type: 'counter',
    name: 'worker_incidents_total',
    help: 'Workers that died, hung or failed.',
    labels: ['worker', 'kind'],
    read: ({ observations }) =>
      Object.entries(observations.incidents).flatMap(([worker, kinds]) =>
        [...kinds].map(([kind, count]): Sample => [{ worker, kind }, count]),
      ),
  },
  {
    type: 'counter',
    name: 'cpu_seconds_total',
    help: 'CPU time of this process, with its workers.',
    read: () => {
      const { user, system } = process.cpuUsage();
      return one((user + system) / 1e6);
    },
  },
  {
    type: 'gauge',
    name: 'resident_memory_bytes',
    help: 'Memory of this process, with its workers.',
    read: () => one(process.memoryUsage.rss()),
  },
];

function one(value: number): readonly Sample[] {
  return [[{}, value]];
}

function optional(value: number | undefined, divisor = 1): readonly Sample[] {
  return value === undefined ? [] : one(value / divisor);
}

function by(label: string, counts: ReadonlyMap<string, number>): readonly Sample[] {
  return [...counts].map(([value, count]): Sample => [{ [label]: value }, count]);
}
