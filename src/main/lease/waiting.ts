import type { Socket } from 'node:net';
import { inTime } from './in-time.ts';
import { readLines, writeLine } from './lines.ts';
import { type HolderMessage, holderMessage, type Request } from './messages.ts';

/** Longer than a holder takes to finish what it is deciding, and short for the sake of the runtime: see `INTRODUCTION_MS`. */
const ANSWER_MS = 600;

/** The connection to the instance that holds the lease. */
export class Waiting {
  /** Settles when the holder has told of itself, or is gone. */
  readonly introduced: Promise<void>;
  /** Settles when the holder, or this instance, has ended the connection. */
  readonly ended: Promise<void>;

  readonly #socket: Socket;
  #news: HolderMessage | undefined;
  #onAnswer: ((isGranted: boolean) => void) | undefined;

  /** @param onNews called when the holder tells something */
  constructor(socket: Socket, onNews: () => void) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => {
      if (socket.closed) resolve();
      else socket.once('close', () => resolve());
    });
    this.introduced = new Promise((resolve) => {
      void this.ended.then(resolve);
      readLines(socket, (line) => {
        const message = holderMessage.parse(line);
        if (message.says === 'granted' || message.says === 'refused') {
          this.#onAnswer?.(message.says === 'granted');
        } else {
          this.#news = message;
          resolve();
          onNews();
        }
      });
    });
    void this.ended.then(() => this.#onAnswer?.(false));
  }

  /** What the holder has told of itself last; undefined until it has. */
  get holder(): HolderMessage | undefined {
    return this.#news;
  }

  /**
   * Asks for the lease, and ends the connection when there is no answer in time: a holder whose answer comes later finds
   * that nobody takes the lease, and goes on.
   *
   * @returns whether the holder has stopped deciding: then it has to be taken at once
   */
  async ask(request: Request): Promise<boolean> {
    const answer = new Promise<boolean>((resolve) => {
      this.#onAnswer = resolve;
    });
    writeLine(this.#socket, request);
    const isGranted = await inTime(answer, ANSWER_MS);
    if (isGranted === undefined) this.close();
    return isGranted ?? false;
  }

  close(): void {
    this.#socket.destroy();
  }
}
