import type { JournalRecord } from '../../journal.ts';
import type { ContainerView, TopologyView } from '../api.ts';
import { counted, cpusetOf } from './cpu-text.ts';
import { nameOf } from './cpus.ts';
import { recordsOf } from './model.ts';
import { Swatch } from './swatch.tsx';
import { Entries } from './timeline.tsx';
import { age, clock } from './times.ts';

export interface DetailsProps {
  readonly container: ContainerView;
  readonly topology: TopologyView;
  readonly mark: number | undefined;
  readonly records: readonly JournalRecord[];
  readonly onClose: () => void;
}

/** The selected container: where it is, why, and what happened to it. */
export function Details({ container, topology, mark, records, onClose }: DetailsProps) {
  const { kind, cpus, seen, unplaced, runsOn, mems, forbidden } = container;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Kind', kind],
    ['Why', container.reason],
    ['Asks for', askedOf(container)],
    ['CPUs', cpus === '' ? 'none of its own: runs in the shared pool' : cpus],
    ['Spread', cpus === '' ? undefined : spreadOf(cpus, topology)],
    ['Told to run on', runsOn === cpus ? undefined : (runsOn ?? 'nothing: may run anywhere')],
    ['Memory nodes', mems],
    ['Forbidden CPUs', forbidden || undefined],
    ['As it is since', `${clock(container.since)} (${age(container.since)})`],
    ['Created', `${clock(container.createdAt)} (${age(container.createdAt)})`],
    ['Id', container.id],
  ];
  return (
    <section class="card details" aria-labelledby="details-title">
      <h2 id="details-title">
        <Swatch mark={mark} kind={kind} />
        <span class="name">{nameOf(container)}</span>
        <button type="button" class="close" aria-label="Let go of the selection" onClick={onClose}>
          ×
        </button>
      </h2>
      {seen !== undefined && (
        <p class="warning">It was found on CPUs {seen || 'none'}, which is not where it was told to be.</p>
      )}
      {unplaced !== undefined && <p class="warning">It owns no CPUs: {unplaced}</p>}
      <dl>
        {facts.map(
          ([name, value]) =>
            value !== undefined && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      <h3>What happened to it</h3>
      <Entries records={recordsOf(records, container.id)} />
    </section>
  );
}

function askedOf({ askedCount, askedCpus }: ContainerView): string | undefined {
  if (askedCount !== undefined) return counted(askedCount, 'CPU');
  return askedCpus === undefined ? undefined : `CPUs ${askedCpus}`;
}

function spreadOf(cpus: string, { nodes, llcs, cores }: TopologyView): string {
  const own = cpusetOf(cpus);
  const touched = (level: readonly string[]) => level.filter((one) => cpusetOf(one).intersects(own)).length;
  return [
    `${counted(own.size, 'CPU')} on ${counted(touched(cores), 'core')}`,
    counted(touched(llcs), 'LLC'),
    counted(touched(nodes.map((node) => node.cpus)), 'node'),
  ].join(', ');
}
