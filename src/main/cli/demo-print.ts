import type { Cpuset } from '../../placement/cpuset.ts';
import { type AppliedUpdate, labelOf, type RuntimeEvent } from '../runtime/events.ts';
import type { Container } from '../runtime/host.ts';
import { counted, type Paint, shortened, wrap } from './paint.ts';

/** Columns of the demonstration's output. */
export const WIDTH = 100;

const VERBS: Partial<Record<RuntimeEvent['operation'], string>> = {
  CreateContainer: 'create',
  UpdateContainer: 'resize',
  StopContainer: 'stop',
};

const COLUMNS = { verb: 8, label: 27, kind: 11, latency: 9 } as const;
const INDENT = ' '.repeat(2 + COLUMNS.verb);

/**
 * Describes an exchange as the runtime saw it: what it asked for, what the container has now, how long the answer took,
 * and what changed for others.
 *
 * @param reason what the plugin says of its decision
 */
export function describeEvent(event: RuntimeEvent, reason: string | undefined, paint: Paint): string[] {
  const { container, operation } = event;
  if (container === undefined) return [];
  const verb = (VERBS[operation] ?? operation).padEnd(COLUMNS.verb);
  const latency = formatLatency(event.latencyMs).padStart(COLUMNS.latency);
  const label = shortened(labelOf(container), COLUMNS.label - 1).padEnd(COLUMNS.label);
  const kind = container.claim.kind.padEnd(COLUMNS.kind);
  const used = 2 + verb.length + label.length + kind.length + latency.length;
  const given = shortened(describeGiven(event, container), WIDTH - used).padEnd(WIDTH - used);
  return [
    `  ${verb}${paint(label, 'strong')}${kind}${paint(given, event.ok ? 'good' : 'warning')}${paint(latency, 'faint')}`,
    ...wrap(event.ok ? (reason ?? '') : (event.error ?? ''), WIDTH - INDENT.length).map((line) =>
      paint(`${INDENT}${line}`, 'faint'),
    ),
    ...describeUpdates(event.updates).map((line) => `${INDENT}${paint(line, 'note')}`),
    ...event.violations.map((violation) => paint(`${INDENT}VIOLATION ${violation.message}`, 'bad')),
  ];
}

function describeGiven(event: RuntimeEvent, container: Container): string {
  if (!event.ok) return 'refused';
  if (event.plugin !== 'answered') return `no answer (${event.plugin})`;
  const { cpus } = container.resources;
  const what =
    container.claim.kind === 'shared' ? `pool of ${counted(cpus.size, 'CPU')}` : describeCpus(cpus);
  return event.operation === 'StopContainer' ? `gave back ${what}` : what;
}

function describeCpus(cpus: Cpuset): string {
  return cpus.isEmpty ? 'no CPUs of its own' : `CPUs ${cpus}`;
}

/** Moves one by one; pools, which change together, as one. */
function describeUpdates(updates: readonly AppliedUpdate[]): string[] {
  const pools = new Map<string, number>();
  const lines: string[] = [];
  for (const { label, from, to, result, kind, error } of updates) {
    if (result !== 'applied') lines.push(`${result}: ${label} ${error ?? ''}`);
    else if (kind !== 'shared')
      lines.push(`moved: ${label} from ${describeCpus(from)} to ${describeCpus(to)}`);
    else {
      const change = `${to.size < from.size ? 'shrinks' : 'grows'} from ${from.size} to ${counted(to.size, 'CPU')}`;
      pools.set(change, (pools.get(change) ?? 0) + 1);
    }
  }
  for (const [change, count] of pools) lines.push(`pool of ${counted(count, 'container')} ${change}`);
  return lines;
}

/** Below a millisecond in microseconds. */
export function formatLatency(milliseconds: number): string {
  if (milliseconds < 1) return `${Math.round(milliseconds * 1000)} µs`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}
