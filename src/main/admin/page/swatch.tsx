import { markOf } from './marks.ts';

/** The letter and colour by which the map shows a container; a pool cell for those that own no CPUs. */
export function Swatch({ mark, kind }: { mark: number | undefined; kind: string }) {
  if (mark === undefined) return <span class="cpu sample pool" aria-hidden="true" />;
  const { glyph, colour } = markOf(mark);
  return <span class={`cpu sample ${kind} colour-${colour}`} data-glyph={glyph} aria-hidden="true" />;
}
