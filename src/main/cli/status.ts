import type { ContainerView, StateView } from '../admin/api.ts';
import { AdminClient } from '../admin/client.ts';
import { requestTimeoutFor } from '../nri/request-timeout.ts';
import type { AskOptions } from './args.ts';
import {
  describeDrift,
  duration,
  type LiveState,
  moment,
  nameOfView,
  outputWidth,
  ownsCpus,
  readState,
} from './live.ts';
import { counted, type Paint, painter, wantsColour, wrap } from './paint.ts';

const NAME_COLUMNS = 14;
const NAMED_PROBLEMS = 20;

/**
 * Prints how the running plugin is.
 *
 * @returns the exit code: 1 when it is not ready
 * @throws AdminError
 */
export async function runStatus(options: AskOptions & { readonly json: boolean }): Promise<number> {
  const state = await new AdminClient(options.adminSocket).state();
  const text = options.json
    ? JSON.stringify(state)
    : statusReport(readState(state), outputWidth(), painter(wantsColour(options.colour)));
  process.stdout.write(`${text}\n`);
  return state.health.ready ? 0 : 1;
}

/** The status for people. No line end at the end. */
export function statusReport(live: LiveState, width: number, paint: Paint): string {
  const { state } = live;
  const row = (name: string, text: string): readonly string[] =>
    wrap(text, width - NAME_COLUMNS).map(
      (line, position) => paint((position === 0 ? name : '').padEnd(NAME_COLUMNS), 'strong') + line,
    );
  const { plugin, time } = state;
  const growing = state.containers.filter((view) => poolUse(live, view) === 'growing').length;
  const problems = findProblems(live, growing);
  return [
    ...row(
      'Plugin',
      `weka-cpuset ${plugin.version}, registered as ${plugin.name}, process ${plugin.pid}, up ${duration(time - plugin.startedAt)}`,
    ),
    ...(plugin.dryRun ? row('', paint('dry run: it decides and logs, and changes nothing', 'warning')) : []),
    ...describeRuntime(live).flatMap(([name, text]) => row(name, text)),
    ...describeHost(live).flatMap(([name, text]) => row(name, text)),
    ...describeEvents(state).map(
      (line, position) => paint((position === 0 ? 'Events' : '').padEnd(NAME_COLUMNS), 'strong') + line,
    ),
    ...row('As wanted', problems.length === 0 ? paint('yes', 'good') : paint('no', 'warning')),
    ...(growing === 0
      ? []
      : row('', `${counted(growing, 'container')} may soon use more of the pool, with the next events`)),
    ...problems.slice(0, NAMED_PROBLEMS).flatMap((problem) => row('', `- ${problem}`)),
    ...(problems.length > NAMED_PROBLEMS ? row('', `- and ${problems.length - NAMED_PROBLEMS} more`) : []),
  ].join('\n');
}

type Row = readonly [name: string, text: string];

function describeRuntime({ state }: LiveState): readonly Row[] {
  const { runtime, time } = state;
  if (runtime === undefined) return [['Runtime', 'none has connected yet']];
  const { name, version, nri, connected, registeredAt, synchronizedAt, requestTimeoutMs } = runtime;
  const since = registeredAt === undefined ? '' : ` for ${duration(time - registeredAt)}`;
  return [
    [
      'Runtime',
      `${name} ${version}, NRI ${nri ?? 'of a version that it does not tell'}, ${connected ? `connected${since}` : 'not connected now'}`,
    ],
    ['Time-outs', `${requestTimeoutMs} ms for each event; the plugin answers before that or refuses`],
    [
      'Synchronized',
      synchronizedAt === undefined
        ? 'never: the runtime has not listed its containers'
        : `${moment(synchronizedAt)}, ${duration(time - synchronizedAt)} ago`,
    ],
  ];
}

function describeHost(live: LiveState): readonly Row[] {
  const { state, topology, cpus } = live;
  const { online, cores, nodes, packages } = topology;
  const pool = cpus(state.pool);
  const kinds = (['annotated', 'integer'] as const).map((kind) => {
    const owners = state.containers.filter((view) => view.kind === kind && ownsCpus(view));
    const owned = new Set(owners.flatMap((view) => cpus(view.cpus).toArray())).size;
    return `${owners.length} ${kind}${owned === 0 ? '' : ` on ${counted(owned, 'CPU')}`}`;
  });
  const sharers = state.containers.filter((view) => !ownsCpus(view)).length;
  return [
    [
      'Host',
      `${counted(online.size, 'CPU')}, ${counted(cores.length, 'core')}, ${counted(nodes.length, 'NUMA node')}, ${counted(packages.length, 'package')}`,
    ],
    ['Pool', pool.isEmpty ? 'no CPUs' : `${counted(pool.size, 'CPU')}: ${pool}`],
    ['Containers', `${[...kinds, `${sharers} in the pool`].join(', ')}`],
  ];
}

/**
 * All that is not as it should be, in words.
 *
 * @param growing containers that merely could have more of the pool
 */
function findProblems(live: LiveState, growing: number): readonly string[] {
  const { state, topology, cpus } = live;
  const { containers, health, notAsWanted, runtime, events } = state;
  const timeout = runtime?.requestTimeoutMs;
  const needed = requestTimeoutFor(containers.length);
  const slowestMs = Math.max(0, ...events.map(({ maxUs }) => maxUs)) / 1000;
  const ofContainers = containers.flatMap((view) => {
    const name = nameOfView(view);
    const owned = cpus(view.cpus);
    const offline = owned.minus(topology.online);
    return [
      ...(view.unplaced === undefined ? [] : [`${name} runs in the pool: ${view.unplaced}`]),
      ...(view.seen === undefined ? [] : [`${name} was found ${describeDrift(view)}`]),
      ...(owned.isEmpty || view.runsOn === view.cpus
        ? []
        : [`${name} owns CPUs ${owned} and was told ${view.runsOn ?? 'nothing'}`]),
      ...(poolUse(live, view) === 'outside'
        ? [`${name} was told CPUs ${view.runsOn ?? ''}, some of which are not in its pool any more`]
        : []),
      ...(offline.isEmpty ? [] : [`${name} is pinned to CPUs ${offline}, which are offline`]),
    ];
  });
  return [
    ...health.missing,
    ...(state.refusedSettings ?? []).map((wrong) => `${wrong}; the settings before it stay in force`),
    ...(timeout !== undefined && timeout < needed
      ? [
          `the time-out of ${timeout} ms is short for ${counted(containers.length, 'container')}: ${needed} ms would do (plugin_request_timeout of the runtime's NRI)`,
        ]
      : []),
    ...(timeout !== undefined && slowestMs > timeout / 2
      ? [`an event took ${Math.round(slowestMs)} ms of the ${timeout} ms that the runtime allows`]
      : []),
    ...ofContainers,
    ...(notAsWanted > ofContainers.length + growing
      ? [`${counted(notAsWanted, 'container')} in all still to be told of a change, with the next events`]
      : []),
  ];
}

/** Whether a container of the pool is told what it may have of it, less than that, or what it must not have. */
function poolUse({ state, cpus }: LiveState, view: ContainerView): 'outside' | 'growing' | undefined {
  if (ownsCpus(view) || view.runsOn === undefined) return undefined;
  const pool = cpus(state.pool);
  const allowed = pool.minus(cpus(view.forbidden));
  const share = allowed.isEmpty ? pool : allowed;
  const told = cpus(view.runsOn);
  if (!told.isSubsetOf(share)) return 'outside';
  return told.size < share.size ? 'growing' : undefined;
}

function describeEvents({ events }: StateView): readonly string[] {
  if (events.length === 0) return [];
  const rows = [
    ['', '', 'count', 'median', '99 %', 'at most'],
    ...events.map(({ event, outcome, count, p50Us, p99Us, maxUs }) => [
      event,
      outcome,
      `${count}`,
      ...[p50Us, p99Us, maxUs].map(micro),
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((text, column) => (column < 2 ? text.padEnd(widths[column]!) : text.padStart(widths[column]! + 1)))
      .join(' '),
  );
}

function micro(microseconds: number): string {
  return microseconds < 1000 ? `${Math.round(microseconds)} µs` : `${(microseconds / 1000).toFixed(1)} ms`;
}
