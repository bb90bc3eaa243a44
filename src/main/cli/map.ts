import type { StateView } from '../admin/api.ts';
import { AdminClient, AdminError } from '../admin/client.ts';
import type { AskOptions } from './args.ts';
import { moment, outputWidth, readState, renderLiveMap, untilInterrupted, withReadiness } from './live.ts';
import { wantsColour } from './paint.ts';

/** ECMA-48: cursor home; erase to the end of the line; erase below; hide and show the cursor. */
const HOME = '\x1b[H';
const ERASE_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/**
 * Draws the host of the running plugin, with `watch` again and again until it is interrupted: in place on a terminal, one map
 * below the other elsewhere.
 *
 * @returns the exit code
 * @throws AdminError, also when a watched plugin ends
 */
export async function runMap(options: AskOptions & { readonly watch: boolean }): Promise<number> {
  const client = new AdminClient(options.adminSocket);
  const colour = wantsColour(options.colour);
  if (!options.watch) {
    process.stdout.write(`${draw(await client.state(), colour)}\n`);
    return 0;
  }
  const isTerminal = process.stdout.isTTY === true;
  const signal = untilInterrupted();
  if (isTerminal) process.stdout.write(HIDE_CURSOR);
  try {
    for await (const { event, data } of client.events(signal)) {
      if (event !== 'state') continue;
      const state = data as StateView;
      const text = `${moment(state.time)}\n\n${draw(state, colour)}\n`;
      process.stdout.write(isTerminal ? inPlace(text, process.stdout.rows) : `${text}\n`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (isTerminal) process.stdout.write(SHOW_CURSOR);
  }
  if (!signal.aborted) throw new AdminError('weka-cpuset has ended');
  return 0;
}

function draw(state: StateView, colour: boolean): string {
  return withReadiness(renderLiveMap(readState(state), { width: outputWidth(), colour }), state);
}

/**
 * Over what was drawn before, without flicker; what does not fit the terminal is left out at the end.
 *
 * @param rows of the terminal, 0 if it does not know yet
 */
function inPlace(text: string, rows: number): string {
  const lines = text.trimEnd().split('\n');
  const fits = rows === 0 || lines.length < rows;
  const shown = fits ? lines : [...lines.slice(0, rows - 2), `… ${lines.length - rows + 2} more lines`];
  return `${HOME}${shown.map((line) => `${line}${ERASE_LINE}\n`).join('')}${ERASE_BELOW}`;
}
