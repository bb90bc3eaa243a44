/** How the CPUs of a container are told from those of its neighbours: by letter and by colour. */
export interface Mark {
  readonly glyph: string;
  /** 0 to `COLOURS` - 1. */
  readonly colour: number;
}

/** Colours in map.css that stay apart for colour-blind eyes (Okabe and Ito's, without black). */
const COLOURS = 7;

const GLYPHS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * Gives every container a number of its own: the one it had, or the lowest that is free. So nothing changes its looks
 * while it lives.
 */
export function assignMarks(
  before: ReadonlyMap<string, number>,
  ids: readonly string[],
): ReadonlyMap<string, number> {
  const kept = new Map(ids.flatMap((id) => (before.has(id) ? [[id, before.get(id)!]] : [])));
  const taken = new Set(kept.values());
  let free = 0;
  for (const id of ids) {
    if (kept.has(id)) continue;
    while (taken.has(free)) free++;
    taken.add(free);
    kept.set(id, free);
  }
  return kept;
}

/** The looks that belong to a number. Letters and colours have no common divisor, so 434 containers look different. */
export function markOf(number: number): Mark {
  return { glyph: GLYPHS[number % GLYPHS.length]!, colour: number % COLOURS };
}
