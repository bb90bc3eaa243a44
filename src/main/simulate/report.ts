import { Cpuset } from '../../placement/cpuset.ts';
import type { Topology } from '../../placement/topology.ts';
import { renderCpuMap } from '../cli/cpu-map.ts';
import { counted, type Paint, painter, shortened, wrap } from '../cli/paint.ts';
import type { SimulatedPod } from './pod-spec.ts';
import type { ContainerMove, Landing, Occupant, Result } from './simulation.ts';

/** What a result is reported with. */
export interface ReportContext {
  readonly topology: Topology;
  /** Pods that were there before. */
  readonly residents: number;
  readonly pods: readonly SimulatedPod[];
  /** What the file of pods has besides, in words. */
  readonly ignored: readonly string[];
}

/** The result for programs. */
export function resultJson(result: Result, { topology, ignored, pods }: ReportContext): object {
  const { before, after, landings, moved, left } = result;
  const shown = (list: readonly Occupant[]) =>
    list.map(({ label, kind, cpus }) => ({ container: label, kind, cpus: cpus.toString() }));
  return {
    fits: landings.every(({ outcome }) => outcome === 'placed'),
    host: {
      online: topology.online.toString(),
      cores: topology.cores.length,
      nodes: topology.nodes.length,
      packages: topology.packages.length,
    },
    requestedCpus: requestedCpus(pods),
    containers: landings,
    moved,
    before: shown(before),
    after: shown(after),
    left: { ...left, pool: left.pool.toString(), poolCpus: left.pool.size },
    ignored,
  };
}

/** The result for people. No line end at the end. */
export function resultReport(
  result: Result,
  context: ReportContext,
  options: { readonly width: number; readonly colour: boolean },
): string {
  const paint = painter(options.colour);
  const { before, after } = result;
  const title = (text: string) => ['', paint(text, 'strong')];
  return [
    ...describeHost(context),
    ...(before.length === 0 ? [] : [...title('Before'), renderCpuMap(context.topology, before, options)]),
    ...title('What happens'),
    ...describeLandings(result.landings, options.width, paint),
    ...title('After'),
    renderCpuMap(context.topology, after, { ...options, pool: result.left.pool }),
    '',
    ...describeAnswers(result, context, options.width, paint),
  ].join('\n');
}

function describeHost({ topology, residents, pods, ignored }: ReportContext): readonly string[] {
  const { online, cores, nodes, packages } = topology;
  const levels = [
    counted(online.size, 'CPU'),
    counted(cores.length, 'core'),
    counted(nodes.length, 'NUMA node'),
    counted(packages.length, 'package'),
  ];
  return [
    `Host  ${levels.join(', ')}${residents > 0 ? `; ${counted(residents, 'pod')} on it now` : ''}`,
    `Pods  ${pods.length}${ignored.length > 0 ? `; passed over: ${ignored.join(', ')}` : ''}`,
  ];
}

const LABEL_COLUMNS = { least: 20, most: 44 } as const;
const KIND_COLUMNS = 11;
const INDENT = '  ';

/** A line for each container, more where something is to be told; alike replicas in the pool are one. */
function describeLandings(landings: readonly Landing[], width: number, paint: Paint): readonly string[] {
  const groups = grouped(landings);
  const longest = Math.max(...groups.map((group) => labelOf(group).length));
  const columns = Math.min(LABEL_COLUMNS.most, Math.max(LABEL_COLUMNS.least, longest)) + INDENT.length;
  return groups.flatMap((group) => {
    const [landing] = group;
    const { outcome, kind, moves, reason, warnings } = landing;
    const label = shortened(labelOf(group), columns - 1).padEnd(columns);
    const room = width - INDENT.length - columns - KIND_COLUMNS;
    const what = shortened(describeOutcome(landing), room);
    const style = outcome === 'placed' ? 'good' : outcome === 'refused' ? 'bad' : 'warning';
    const details = [
      ...(outcome === 'refused' ? wrap(reason, width - 2 * INDENT.length) : []),
      ...warnings.flatMap((warning) => wrap(`warning: ${warning}`, width - 2 * INDENT.length)),
    ];
    return [
      `${INDENT}${paint(label, 'strong')}${(kind ?? '').padEnd(KIND_COLUMNS)}${paint(what, style)}`,
      ...details.map((line) => paint(`${INDENT}${INDENT}${line}`, 'faint')),
      ...moves.map((move) => paint(`${INDENT}${INDENT}moves ${describeMove(move)}`, 'note')),
    ];
  });
}

type Group = readonly [Landing, ...Landing[]];

/** Joins what became of one container in all replicas, where all were just let into the pool, or all wait. */
function grouped(landings: readonly Landing[]): readonly Group[] {
  const groups: [Landing, ...Landing[]][] = [];
  const isPlain = ({ outcome, kind, warnings }: Landing) =>
    warnings.length === 0 && (outcome === 'waiting' || (outcome === 'placed' && kind === 'shared'));
  const plain = new Map<string, [Landing, ...Landing[]]>();
  for (const landing of landings) {
    const key = [landing.owner, containerName(landing), landing.outcome].join(' ');
    const group = isPlain(landing) ? plain.get(key) : undefined;
    if (group === undefined) {
      const fresh: [Landing, ...Landing[]] = [landing];
      groups.push(fresh);
      if (isPlain(landing)) plain.set(key, fresh);
    } else group.push(landing);
  }
  return groups;
}

function containerName({ container }: Landing): string {
  return container.slice(container.lastIndexOf('/') + 1);
}

function labelOf(group: Group): string {
  const [first] = group;
  if (group.length === 1) return first.container;
  const [, owner = ''] = first.owner.split(' ');
  return `${owner}/${containerName(first)} ×${group.length}`;
}

function describeOutcome({ outcome, kind, cpus, mems, role, reason, code }: Landing): string {
  const part = { init: ' (init, ended)', sidecar: ' (sidecar)', container: '' }[role];
  if (outcome === 'refused') return `refused: ${code ?? 'the pod cannot run'}`;
  if (outcome === 'waiting') return reason;
  if (kind === 'shared') return `the shared pool${part}`;
  return `CPUs ${cpus ?? ''}${mems === undefined ? '' : `, memory of node ${mems}`}${part}`;
}

function describeMove({ container, from, to }: ContainerMove): string {
  return `${container}: ${from} → ${to}`;
}

const NAMED_MOVES = 20;
const QUESTION_COLUMNS = 15;

function describeAnswers(
  { landings, moved, left, after }: Result,
  { topology, pods, residents }: ReportContext,
  width: number,
  paint: Paint,
): readonly string[] {
  const answer = (question: string, ...paragraphs: readonly string[]): readonly string[] =>
    paragraphs
      .flatMap((paragraph) => wrap(paragraph, width - QUESTION_COLUMNS))
      .map((line, row) => paint((row === 0 ? question : '').padEnd(QUESTION_COLUMNS), 'strong') + line);
  const fits = landings.every(({ outcome }) => outcome === 'placed');
  const owned = Cpuset.union(after.map(({ cpus }) => cpus)).size;
  const cpusMoved = moved.reduce((sum, { cpus }) => sum + cpus, 0);
  const requested = requestedCpus(pods);
  return [
    ...answer('Will it fit?', paint(describeFit(landings), fits ? 'good' : 'bad')),
    ...answer(
      'What moves?',
      moved.length === 0
        ? 'Nothing.'
        : `${counted(moved.length, 'container')}, to ${counted(cpusMoved, 'other CPU')}:`,
      ...moved.slice(0, NAMED_MOVES).map(describeMove),
      ...(moved.length > NAMED_MOVES ? [`and ${moved.length - NAMED_MOVES} more`] : []),
    ),
    ...answer(
      'What is left?',
      `${counted(left.pool.size, 'CPU')} in the shared pool, for ${counted(left.sharers, 'container')}; ${counted(owned, 'CPU')} have owners.`,
      left.largest === 0
        ? 'No integer container fits any more.'
        : `${counted(left.freeCores, 'whole core')} free: an integer container of up to ${counted(left.largest, 'CPU')} still fits${left.largestOnNode < left.largest ? `, of up to ${left.largestOnNode} within a NUMA node` : ''}.`,
    ),
    ...(residents === 0 && requested > topology.online.size
      ? answer(
          'But',
          `the pods request ${requested} CPUs and the host has ${topology.online.size}: the scheduler will not put them all on this node.`,
        )
      : []),
  ];
}

function describeFit(landings: readonly Landing[]): string {
  const count = (wanted: Landing['outcome']) => landings.filter(({ outcome }) => outcome === wanted).length;
  const refused = count('refused');
  const waiting = count('waiting');
  if (landings.length === 0) return 'There is nothing to place.';
  if (refused === 0) return landings.length === 1 ? 'Yes.' : `Yes, all ${landings.length} containers.`;
  const others = waiting === 0 ? '' : `, and ${waiting} more cannot start because of that`;
  return `No: ${refused} of ${counted(landings.length, 'container')} ${refused === 1 ? 'is' : 'are'} refused${others}.`;
}

/** CPUs that the pods request while they run, which is what the scheduler goes by. */
function requestedCpus(pods: readonly SimulatedPod[]): number {
  const milli = pods
    .flatMap(({ steps }) => steps)
    .filter(({ role }) => role !== 'init')
    .reduce((sum, { spec }) => sum + Math.round((spec.cpus?.request ?? 0) * 1000), 0);
  return milli / 1000;
}
