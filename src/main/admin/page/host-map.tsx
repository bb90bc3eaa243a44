import { useMemo, useRef, useState } from 'preact/hooks';
import type { StateView } from '../api.ts';
import { type CpuCellProps, NOBODY, SEVERAL } from './cpu-cell.tsx';
import { cpusetOf } from './cpu-text.ts';
import { type CpuFact, nameOf, USE_WORDS } from './cpus.ts';
import { fitCell } from './fit.ts';
import { layOut, placesOf } from './host.ts';
import { OfflineView, PackageView } from './host-blocks.tsx';
import { Legend } from './legend.tsx';
import { markOf } from './marks.ts';
import { neighbour } from './neighbour.ts';
import { clock } from './times.ts';
import { Tooltip } from './tooltip.tsx';
import { useRoom } from './use-room.ts';

export interface HostMapProps {
  readonly state: StateView;
  readonly facts: readonly (CpuFact | undefined)[];
  readonly marks: ReadonlyMap<string, number>;
  readonly selected: string | undefined;
  readonly onSelect: (id: string | undefined) => void;
}

/** Side of a cell, in pixels, that has room for the CPU's number. */
const ROOMY = 24;

/** Packages, nodes, last-level caches, cores and threads of the host, and who owns each CPU. One stop for the Tab key. */
export function HostMap({ state, facts, marks, selected, onSelect }: HostMapProps) {
  const host = useMemo(() => layOut(state.topology), [state.topology]);
  const places = useMemo(() => placesOf(host), [host]);
  const [cursor, setCursor] = useState<number | undefined>();
  const [pointed, setPointed] = useState<number | undefined>();
  const map = useRef<HTMLFieldSetElement>(null);
  const [width, height] = useRoom(map);
  const size = useMemo(() => fitCell(host, width, height), [host, width, height]);
  const tabStop = cursor !== undefined && facts[cursor] !== undefined ? cursor : host.order[0];
  const chosen = state.containers.find(({ id }) => id === selected);
  const highlighted = cpusetOf(chosen?.cpus || chosen?.runsOn);

  const labels = useMemo(
    () => facts.map((fact, cpu) => (fact === undefined ? '' : labelOf(cpu, fact, marks))),
    [facts, marks],
  );

  // Kept from one drawing to the next, so that pointing at a CPU does not go through all of them.
  const blocks = useMemo(() => {
    const propsOf = (cpu: number): CpuCellProps => {
      const fact = facts[cpu]!;
      return {
        cpu,
        use: fact.use,
        mark: numberOf(fact, marks),
        withheld: fact.withheld,
        selection: highlighted.isEmpty ? 'none' : highlighted.has(cpu) ? 'this' : 'other',
        isTabStop: cpu === tabStop,
        label: labels[cpu]!,
      };
    };
    return (
      <>
        {host.packages.map((block) => (
          <PackageView key={block.number} block={block} cellOf={propsOf} />
        ))}
        {host.offline.length > 0 && <OfflineView cpus={host.offline} cellOf={propsOf} />}
      </>
    );
  }, [host, facts, labels, marks, highlighted, tabStop]);
  const elementOf = (cpu: number) => map.current?.querySelector<HTMLElement>(`[data-cpu="${cpu}"]`);
  const onKeyDown = (event: KeyboardEvent) => {
    const from = cpuAt(event.target);
    if (event.key === 'Escape') {
      // First the tooltip goes, then the selection.
      if (pointed === undefined) onSelect(undefined);
      setPointed(undefined);
    }
    if (from === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = neighbour(map.current!, from, event.key);
    if (to === undefined) return;
    event.preventDefault();
    elementOf(to)?.focus();
  };
  const onClick = (event: MouseEvent) => {
    const cpu = cpuAt(event.target);
    if (cpu === undefined) return;
    const owners = facts[cpu]!.owners.map(({ id }) => id);
    // Again on the same CPU: the next of its owners, after the last one none.
    onSelect(owners[owners.indexOf(selected ?? '') + 1]);
  };

  return (
    <section class="card map-card" aria-labelledby="map-title">
      <h2 id="map-title">Host map</h2>
      <Legend facts={facts} />
      <p class="hint" id="map-keys">
        Arrow keys go from CPU to CPU, Page Up and Page Down from node to node; Enter or a click selects the
        owner, Escape lets go.
      </p>
      <fieldset
        ref={map}
        class={size < ROOMY ? 'map' : 'map roomy'}
        style={{ '--cell': `${size}px` }}
        aria-labelledby="map-title"
        aria-describedby="map-keys"
        onKeyDown={onKeyDown}
        onClick={onClick}
        onPointerOver={(event) => setPointed(cpuAt(event.target))}
        onPointerLeave={() => setPointed(undefined)}
        onFocusIn={(event) => {
          const cpu = cpuAt(event.target);
          setCursor(cpu);
          if ((event.target as Element).matches(':focus-visible')) setPointed(cpu);
        }}
        onFocusOut={() => setPointed(undefined)}
      >
        {blocks}
        {host.memoryOnly.length > 0 && (
          <p class="hint">
            {host.memoryOnly.length === 1 ? 'Node' : 'Nodes'} {host.memoryOnly.join(', ')}: memory only
          </p>
        )}
      </fieldset>
      {pointed !== undefined && facts[pointed] !== undefined && (
        <Tooltip
          cpu={pointed}
          fact={facts[pointed]}
          place={places.get(pointed)}
          marks={marks}
          sharers={state.containers.filter(({ cpus }) => cpus === '').length}
          anchor={elementOf(pointed)}
        />
      )}
    </section>
  );
}

function numberOf({ owners }: CpuFact, marks: ReadonlyMap<string, number>): number {
  const [owner] = owners;
  if (owners.length > 1) return SEVERAL;
  return owner === undefined ? NOBODY : (marks.get(owner.id) ?? NOBODY);
}

function labelOf(
  cpu: number,
  { use, owners, withheld }: CpuFact,
  marks: ReadonlyMap<string, number>,
): string {
  const names = owners.map((owner) => {
    const mark = marks.get(owner.id);
    return `${mark === undefined ? '' : `${markOf(mark).glyph}, `}${nameOf(owner)}, since ${clock(owner.since)}`;
  });
  return [`CPU ${cpu}`, USE_WORDS[use], ...names, ...(withheld ? ['withheld'] : [])].join(', ');
}

function cpuAt(target: EventTarget | null): number | undefined {
  const cpu = (target as Element | null)?.getAttribute('data-cpu') ?? undefined;
  return cpu === undefined ? undefined : Number(cpu);
}
