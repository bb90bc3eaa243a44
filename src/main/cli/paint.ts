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

/** Whether to print colours: as asked for, else on a terminal unless NO_COLOR is set and not empty (https://no-color.org). */
export function wantsColour(asked: boolean | undefined): boolean {
  const { NO_COLOR } = process.env;
  return asked ?? (process.stdout.isTTY === true && !NO_COLOR);
}

/** Breaks text at blanks into lines of at most `width`, where its words allow it; no line for no text. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ').filter((each) => each !== '')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
