import { counted } from '../cli/paint.ts';

const BAR = 30;
/** What is over sooner needs no bar. */
const PATIENCE_MS = 500;
const INTERVAL_MS = 100;
/** Carriage return, then ECMA-48 EL: erase the line. */
const ERASE = '\r\x1b[K';

/** A progress bar on the standard error stream, where that is a terminal. */
export class Progress {
  readonly #total: number;
  #next = performance.now() + PATIENCE_MS;
  #isShown = false;

  constructor(total: number) {
    this.#total = total;
  }

  show(done: number): void {
    const now = performance.now();
    if (!process.stderr.isTTY || now < this.#next) return;
    this.#next = now + INTERVAL_MS;
    this.#isShown = true;
    const filled = Math.round((done / this.#total) * BAR);
    const bar = '━'.repeat(filled) + '╌'.repeat(BAR - filled);
    process.stderr.write(`${ERASE}${bar} ${done} of ${counted(this.#total, 'pod')}`);
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#isShown) process.stderr.write(ERASE);
  }
}
