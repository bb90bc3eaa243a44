import { AdminClient, AdminError } from '../admin/client.ts';
import type { JournalRecord } from '../journal.ts';
import type { AskOptions } from './args.ts';
import { moment, outputWidth, untilInterrupted } from './live.ts';
import { counted, type Paint, painter, wantsColour, wrap } from './paint.ts';

const INDENT = '  ';
const EVENT_COLUMNS = 13;
const OUTCOME_COLUMNS = 13;

/**
 * Prints the decisions that the running plugin still knows, oldest first; with `follow` also those to come, until interrupted.
 *
 * @returns the exit code
 * @throws AdminError, also when a followed plugin ends
 */
export async function runJournal(
  options: AskOptions & { readonly follow: boolean; readonly json: boolean },
): Promise<number> {
  const client = new AdminClient(options.adminSocket);
  const paint = painter(wantsColour(options.colour));
  const print = (record: JournalRecord): void => {
    const text = options.json ? JSON.stringify(record) : describeRecord(record, outputWidth(), paint);
    process.stdout.write(`${text}\n`);
  };
  if (!options.follow) {
    for (const record of await client.journal()) print(record);
    return 0;
  }
  const signal = untilInterrupted();
  try {
    for await (const { event, data } of client.events(signal, 0)) {
      if (event === 'journal') print(data as JournalRecord);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (!signal.aborted) throw new AdminError('weka-cpuset has ended');
  return 0;
}

/** A record in lines of at most `width` columns where its words allow it. No line end at the end. */
export function describeRecord(record: JournalRecord, width: number, paint: Paint): string {
  const { time, operation, event, outcome, container, kind, cpus, reason, code } = record;
  const { moves = [], warnings = [], updates = 0 } = record;
  const where = [kind, kind === 'shared' || !cpus ? undefined : `CPUs ${cpus}`].filter(Boolean).join(' ');
  const details = [
    [code, reason].filter(Boolean).join(': '),
    ...moves.map((move) => `moves ${move.container}: ${move.from} → ${move.to}`),
    ...(updates > 0 ? [`${counted(updates, 'container')} told to change`] : []),
    ...warnings.map((warning) => `warning: ${warning}`),
  ].filter((line) => line !== '');
  const style = outcome === 'refused' ? 'bad' : 'good';
  return [
    [
      paint(moment(time), 'faint'),
      event.padEnd(EVENT_COLUMNS) + paint(outcome.padEnd(OUTCOME_COLUMNS), style) + (container ?? ''),
      where,
      paint(`[${operation}]`, 'faint'),
    ]
      .filter((part) => part !== '')
      .join(INDENT),
    ...details.flatMap((line) =>
      wrap(line, width - 2 * INDENT.length).map((part) => paint(`${INDENT}${INDENT}${part}`, 'faint')),
    ),
  ].join('\n');
}
