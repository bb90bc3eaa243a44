import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';

const PRELOAD = join(import.meta.dirname, 'reference/loop-delay.cjs');

/** How long it may take to tell what was seen. */
const ANSWER_MS = 5000;

/** In milliseconds. */
export interface Look {
  /** How late the event loop was. */
  readonly late: number;
  /** How late it would have been if the thread had not had to wait for a CPU, which others had. */
  readonly own: number;
}

/**
 * How late the event loop of a plugin's main thread is. Found out by a module that is loaded into every plugin in Node, so that the
 * one that does nothing shows what the machine alone does. Our own metric would not do: it looks too seldom for a run
 * of a second, and asking for it is work.
 */
export class LoopDelay {
  /** What a plugin's environment needs. */
  static readonly environment = { NODE_OPTIONS: `--require ${JSON.stringify(PRELOAD)}` };
  /** Of the plugin: where it is asked. */
  static readonly descriptor = 4;
  readonly #plugin: Duplex;
  readonly #lines: AsyncIterator<string>;
  #isThere = false;
  #isLooking = false;

  /** @param plugin the other end of its file descriptor */
  constructor(plugin: Duplex) {
    this.#plugin = plugin.on('error', () => {});
    this.#lines = createInterface(plugin)[Symbol.asyncIterator]();
    void this.#line().then((line) => {
      this.#isThere = line !== undefined;
    });
  }

  /** Begins to look at it. */
  begin(): void {
    if (!this.#isThere) return;
    this.#isLooking = true;
    this.#plugin.write('begin\n');
  }

  /** Each look at it since `begin`; none for a plugin that is not in Node. */
  async end(): Promise<readonly Look[]> {
    if (!this.#isLooking) return [];
    this.#isLooking = false;
    this.#plugin.write('end\n');
    const line = await Promise.race([this.#line(), setTimeout(ANSWER_MS, undefined, { ref: false })]);
    // It hangs or has ended; what becomes of that is for the runtime to say.
    if (line === undefined) this.#isThere = false;
    const numbers = line === undefined ? [] : (JSON.parse(line) as readonly number[]);
    return Array.from({ length: numbers.length / 2 }, (_, i) => {
      const [late, waited] = [numbers[2 * i]!, numbers[2 * i + 1]!];
      return { late, own: Math.max(0, late - waited) };
    });
  }

  /** What it says next; undefined if it has ended. */
  async #line(): Promise<string | undefined> {
    try {
      const { value, done } = await this.#lines.next();
      return done === true ? undefined : value;
    } catch {
      return undefined;
    }
  }
}
