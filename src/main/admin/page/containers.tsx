import { useState } from 'preact/hooks';
import type { ContainerView } from '../api.ts';
import { cpusetOf } from './cpu-text.ts';
import { nameOf } from './cpus.ts';
import { Swatch } from './swatch.tsx';
import { clock } from './times.ts';

export interface ContainersProps {
  readonly containers: readonly ContainerView[];
  readonly marks: ReadonlyMap<string, number>;
  readonly selected: string | undefined;
  readonly onSelect: (id: string | undefined) => void;
}

const KINDS = ['all', 'integer', 'annotated', 'shared', 'troubled'] as const;
type Kind = (typeof KINDS)[number];

/** All containers, to be filtered by name, CPU and kind, and selected. */
export function Containers({ containers, marks, selected, onSelect }: ContainersProps) {
  const [text, setText] = useState('');
  const [kind, setKind] = useState<Kind>('all');
  const shown = containers.filter((container) => isOfKind(container, kind) && matches(container, text));
  return (
    <section class="card" aria-labelledby="containers-title">
      <h2 id="containers-title">
        Containers{' '}
        <small aria-live="polite">
          {shown.length === containers.length ? shown.length : `${shown.length} of ${containers.length}`}
        </small>
      </h2>
      <div class="filter">
        <input
          type="search"
          placeholder="Name or CPU"
          aria-label="Filter by name or CPU number"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <select
          aria-label="Filter by kind"
          value={kind}
          onChange={(event) => setKind(KINDS.find((one) => one === event.currentTarget.value) ?? 'all')}
        >
          {KINDS.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </div>
      {shown.length === 0 ? (
        <p class="hint">
          {containers.length === 0 ? 'No containers on this node yet.' : 'No container is like that.'}
        </p>
      ) : (
        <ul class="containers">
          {shown.map((container) => (
            <li key={container.id}>
              <button
                type="button"
                aria-pressed={container.id === selected}
                onClick={() => onSelect(container.id === selected ? undefined : container.id)}
              >
                <Swatch mark={marks.get(container.id)} kind={container.kind} />
                <span class="name">{nameOf(container)}</span>
                <span class="cpus">{container.cpus === '' ? 'pool' : container.cpus}</span>
                <span class="faint">
                  {container.kind}, since {clock(container.since)}
                  {isTroubled(container) && <b class="trouble">not as wanted</b>}
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Whether a container has not got what it asks for, or is not where it was told to be. */
function isTroubled({ seen, unplaced }: ContainerView): boolean {
  return seen !== undefined || unplaced !== undefined;
}

function isOfKind(container: ContainerView, kind: Kind): boolean {
  return kind === 'all' || (kind === 'troubled' ? isTroubled(container) : container.kind === kind);
}

function matches(container: ContainerView, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  if (/^\d{1,4}$/.test(wanted) && cpusetOf(container.cpus).has(Number(wanted))) return true;
  return nameOf(container).toLowerCase().includes(wanted) || container.id.startsWith(wanted);
}
