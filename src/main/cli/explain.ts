import type { ContainerView } from '../admin/api.ts';
import { AdminClient } from '../admin/client.ts';
import type { JournalRecord } from '../journal.ts';
import { didYouMean } from '../suggest.ts';
import type { AskOptions } from './args.ts';
import { type Candidate, candidates } from './candidates.ts';
import { describeRecord } from './journal.ts';
import {
  describeDrift,
  duration,
  type LiveState,
  moment,
  nameOfView,
  outputWidth,
  ownsCpus,
  readState,
  withReadiness,
} from './live.ts';
import { counted, type Paint, painter, wantsColour, wrap } from './paint.ts';

const NAME_COLUMNS = 12;
const JOURNAL_INDENT = '    ';
/** Fewer digits of an id are no name. */
const ID_DIGITS = 6;

interface Page {
  readonly width: number;
  readonly paint: Paint;
}

/**
 * Prints why the containers of a name are where they are.
 *
 * @returns the exit code: 1 when nothing, or more than one pod, is of that name
 * @throws AdminError
 */
export async function runExplain(options: AskOptions & { readonly subject: string }): Promise<number> {
  const client = new AdminClient(options.adminSocket);
  const live = readState(await client.state());
  const journal = await client.journal();
  const page = { width: outputWidth(), paint: painter(wantsColour(options.colour)) };
  const { text, found } = explain(live, journal, options.subject, page);
  process.stdout.write(`${withReadiness(text, live.state)}\n`);
  return found ? 0 : 1;
}

/**
 * Explains what `subject` names: a pod, a `namespace/pod`, a `namespace/pod/container` or a container id or the beginning of one.
 * A container that does not run, any more or because it was refused, is explained by its journal.
 */
export function explain(
  live: LiveState,
  journal: readonly JournalRecord[],
  subject: string,
  page: Page,
): { readonly text: string; readonly found: boolean } {
  const matches = live.state.containers.filter((view) => isNamed(nameOfView(view), view.id, subject));
  const pods = new Set(matches.map(({ namespace, pod, podUid }) => `${namespace}/${pod} ${podUid}`));
  if (pods.size > 1) {
    const names = matches.map((view) => `  ${nameOfView(view)}  ${view.id}`);
    return { text: [`${subject} names several, say which:`, ...names].join('\n'), found: false };
  }
  if (matches.length > 0) {
    const explained = matches.map((view) => explainContainer(live, journal, view, page));
    return { text: explained.join('\n\n'), found: true };
  }
  const records = journal.filter(
    ({ container = '', containerId = '' }) => container !== '' && isNamed(container, containerId, subject),
  );
  if (records.length > 0) {
    const title = `${subject} does not run now. What the journal has of it:`;
    return {
      text: [title, ...records.map((each) => describeRecord(each, page.width, page.paint))].join('\n'),
      found: true,
    };
  }
  const names = live.state.containers.flatMap((view) => [view.pod, nameOfView(view)]);
  return {
    text: `There is no container or pod ${subject} on this node, and none in the journal${didYouMean(subject, names)}`,
    found: false,
  };
}

function isNamed(name: string, id: string, subject: string): boolean {
  const [namespace, pod] = name.split('/');
  if ([name, pod, `${namespace}/${pod}`, id].includes(subject)) return true;
  return subject.length >= ID_DIGITS && id.startsWith(subject);
}

function explainContainer(
  live: LiveState,
  journal: readonly JournalRecord[],
  view: ContainerView,
  page: Page,
): string {
  const { paint, width } = page;
  const row = (name: string, text: string): readonly string[] =>
    wrap(text, width - NAME_COLUMNS - 2).map(
      (line, position) => `  ${paint((position === 0 ? name : '').padEnd(NAME_COLUMNS), 'strong')}${line}`,
    );
  const { id, kind, reason, since, createdAt } = view;
  const { time } = live.state;
  const records = journal.filter(
    ({ containerId, moves = [] }) => containerId === id || moves.some((move) => move.id === id),
  );
  return [
    paint(nameOfView(view), 'strong'),
    ...row('Id', id),
    ...row('Kind', `${kind}: ${reason}`),
    ...row('Runs on', describePlace(live, view)),
    ...(view.mems === undefined ? [] : row('Memory', `of NUMA node ${view.mems}`)),
    ...(view.seen === undefined ? [] : row('But', paint(`it was found ${describeDrift(view)}`, 'warning'))),
    ...row('Since', `${moment(since)}, ${duration(time - since)} ago`),
    ...(createdAt === since || createdAt === 0 ? [] : row('Created', moment(createdAt))),
    ...explainChoice(live, view).flatMap(([name, text]) => row(name, text)),
    ...(records.length === 0
      ? row('Journal', 'has nothing of it: it was here before the plugin, or that is too long ago')
      : [
          `  ${paint('Journal', 'strong')}`,
          ...records.map((record) =>
            describeRecord(ownPart(record, id), width - JOURNAL_INDENT.length, paint).replace(
              /^/gm,
              JOURNAL_INDENT,
            ),
          ),
        ]),
  ].join('\n');
}

/** A record of another container that this one moved for, without the others that did. */
function ownPart(record: JournalRecord, id: string): JournalRecord {
  if (record.containerId === id || record.moves === undefined) return record;
  return { ...record, moves: record.moves.filter((move) => move.id === id) };
}

type Row = readonly [name: string, text: string];

function describePlace({ topology, cpus, state }: LiveState, view: ContainerView): string {
  if (view.unplaced !== undefined) return `the shared pool: ${view.unplaced}`;
  if (!ownsCpus(view)) {
    const forbidden = view.forbidden === '' ? '' : `, less ${view.forbidden}, which its pod forbids`;
    return `the shared pool of ${counted(cpus(state.pool).size, 'CPU')}${forbidden}`;
  }
  const owned = cpus(view.cpus);
  const whole = topology.cores.filter((core) => core.isSubsetOf(owned)).length;
  const touched = topology.cores.filter((core) => core.intersects(owned)).length;
  const nodes = topology.nodes.filter((node) => node.cpus.intersects(owned)).map(({ id }) => id);
  const llcs = topology.llcs.filter((llc) => llc.intersects(owned)).length;
  const cores =
    whole === touched
      ? counted(whole, 'whole core')
      : `${counted(touched, 'core')}, ${whole === 0 ? 'none' : whole} of them wholly`;
  return `CPUs ${owned}: ${counted(owned.size, 'CPU')} in ${cores}, NUMA node ${nodes.join(', ')}, ${counted(llcs, 'last-level cache')}`;
}

function explainChoice(live: LiveState, view: ContainerView): readonly Row[] {
  if (view.kind === 'annotated') {
    const others = live.state.containers.filter(
      (other) =>
        other.id !== view.id && live.cpus(other.cpus).intersects(live.cpus(view.cpus)) && ownsCpus(other),
    );
    return [
      ['Why there', 'it gets exactly the CPUs that the annotation lists; nothing else was considered'],
      ...others.map((other): Row => ['Shared with', `${nameOfView(other)}, pinned to ${other.cpus}`]),
    ];
  }
  if (view.kind === 'shared') return [['Why there', 'it owns no CPUs, and runs where nobody owns them']];
  if (!ownsCpus(view))
    return [['Why there', 'no CPUs could be given to it; it gets them when enough are free']];
  const all = candidates(live, view);
  const better = all.find(({ verdict }) => verdict === 'better');
  return [
    [
      'Why there',
      better === undefined
        ? 'nothing that is free now would be better; the best of each other place, and where it loses first:'
        : 'that was decided by what was free then. By what is free now:',
    ],
    ...byReason(all).map(([where, text]): Row => ['', `${where}: ${text}`]),
    ...(better === undefined
      ? []
      : [
          [
            '',
            'it stays all the same: running containers are moved for pinned ones, not for a better place',
          ] as const,
        ]),
  ];
}

/** Places that lose for the same reason are told of together. The host as a whole is worth a word only if it has a better one. */
function byReason(all: readonly Candidate[]): readonly (readonly [where: string, text: string])[] {
  const isBetterKnown = all.some(({ where, verdict }) => where !== 'anywhere' && verdict === 'better');
  const reasons = new Map<string, Candidate[]>();
  for (const candidate of all) {
    if (candidate.where === 'anywhere' && (candidate.verdict !== 'better' || isBetterKnown)) continue;
    const key = `${candidate.where.split(' ')[0]} ${candidate.verdict} ${candidate.why}`;
    reasons.set(key, [...(reasons.get(key) ?? []), candidate]);
  }
  return [...reasons.values()].map((alike) => {
    const [{ cpus, verdict, why }] = alike as [Candidate];
    const place = cpus === undefined || alike.length > 1 ? '' : `CPUs ${cpus}, `;
    const judged = verdict === 'better' ? `would be better: ${why}` : why;
    return [namesOf(alike), `${place}${judged}`];
  });
}

/** `node 1`, `nodes 2, 3, 5`. */
function namesOf(alike: readonly Candidate[]): string {
  const [{ where }] = alike as [Candidate];
  if (alike.length === 1) return where;
  const ids = alike.map((each) => each.where.split(' ')[1]);
  return `${where.split(' ')[0]}s ${ids.join(', ')}`;
}
