/** ANSI attributes (ECMA-48 SGR). */
const CODES = { strong: '1', faint: '2', good: '32', warning: '33', bad: '31', note: '36' } as const;

/** A meaning, or a background of the 256-colour palette with black text on it. */
export type Style = keyof typeof CODES | number;

export type Paint = (text: string, style: Style) => string;

/** What colours text, or leaves it as it is. */
export function painter(colour: boolean): Paint {
  if (!colour) return (text) => text;
  return (text, style) => {
    const code = typeof style === 'number' ? `30;48;5;${style}` : CODES[style];
    return `\x1b[${code}m${text}\x1b[0m`;
  };
}

/** Cuts text that is longer than `width` columns and marks that it was. */
export function shortened(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** `1 CPU`, `2 CPUs`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
