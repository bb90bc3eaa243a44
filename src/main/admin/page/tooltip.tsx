import { useLayoutEffect, useRef } from 'preact/hooks';
import { counted } from './cpu-text.ts';
import { type CpuFact, nameOf, USE_WORDS } from './cpus.ts';
import type { Place } from './host.ts';
import { Swatch } from './swatch.tsx';
import { age, clock } from './times.ts';

export interface TooltipProps {
  readonly cpu: number;
  readonly fact: CpuFact;
  readonly place: Place | undefined;
  readonly marks: ReadonlyMap<string, number>;
  /** Containers that run in the pool. */
  readonly sharers: number;
  readonly anchor: HTMLElement | null | undefined;
}

const GAP_PX = 8;
const OWNERS = 4;

/** What is known of the CPU that is pointed at. For eyes only: the cell's own label says the same. */
export function Tooltip({ cpu, fact, place, marks, sharers, anchor }: TooltipProps) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (box.current !== null && anchor) putBeside(box.current, anchor.getBoundingClientRect());
  });
  return (
    <div class="tooltip" ref={box} aria-hidden="true">
      <p>
        <b>CPU {cpu}</b> {USE_WORDS[fact.use]}
        {fact.withheld && ', withheld from integer containers'}
      </p>
      {fact.owners.slice(0, OWNERS).map((owner) => (
        <p key={owner.id} class="owner">
          <Swatch mark={marks.get(owner.id)} kind={owner.kind} />
          <span>
            <b>{nameOf(owner)}</b>
            <br />
            {owner.kind}, since {clock(owner.since)} ({age(owner.since)})
          </span>
        </p>
      ))}
      {fact.owners.length > OWNERS && <p>and {counted(fact.owners.length - OWNERS, 'more container')}</p>}
      {fact.use === 'pool' && <p>{counted(sharers, 'container')} may run here</p>}
      {place !== undefined && (
        <p class="faint">
          package {place.package} › node {place.node} › LLC {place.llc} › core of {place.siblings.join(', ')}
        </p>
      )}
    </div>
  );
}

function putBeside(box: HTMLElement, anchor: DOMRect): void {
  const { width, height } = box.getBoundingClientRect();
  const left = Math.min(
    Math.max(GAP_PX, anchor.left + anchor.width / 2 - width / 2),
    innerWidth - width - GAP_PX,
  );
  const below = anchor.bottom + GAP_PX;
  const top = below + height > innerHeight ? anchor.top - GAP_PX - height : below;
  box.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}
