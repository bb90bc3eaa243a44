import type { Socket } from 'node:net';
import { inTime } from './in-time.ts';
import type { Claim } from './lease-files.ts';
import { readLines, writeLine } from './lines.ts';
import type { HolderMessage, Request } from './messages.ts';

export interface HoldingOptions {
  readonly instance: Request;
  /** Whether the one that asks gets the lease. */
  readonly mayHave: (request: Request) => boolean;
  /** Called before it gets it: this instance has to decide nothing more. */
  readonly giveUp: (request: Request) => Promise<void>;
  /** Called when it should have taken it. @returns the lease, as it is held from now on; undefined if it has been taken */
  readonly takeBack: (claim: Claim) => Claim | undefined;
  /** Called when it has been taken back. */
  readonly goOn: () => Promise<void>;
}

const GIVE_UP_MS = 500;
const TAKE_MS = 1000;
const LEAVE_MS = 2000;
const MAX_WAITING = 16;

/** The lease in the hands of this process. Others connect to wait for its end, and may ask to have it now. */
export class Holding {
  /** Settles when it is handed over or released. */
  readonly over: Promise<void>;

  readonly #options: HoldingOptions;
  #claim: Claim;
  readonly #waiting = new Set<Socket>();
  #end!: () => void;
  #isLeaving = false;
  #isGranted = false;

  constructor(claim: Claim, options: HoldingOptions) {
    this.#claim = claim;
    this.#options = options;
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
    claim.server.maxConnections = MAX_WAITING;
    claim.server.on('connection', (socket) => void this.#admit(socket));
    claim.server.on('error', () => {});
  }

  get claim(): Claim {
    return this.#claim;
  }

  /** Hands the lease over to any of those who wait; settles when that is done, when there are none, or after a while. */
  async leave(): Promise<void> {
    if (this.#waiting.size === 0) return;
    this.#isLeaving = true;
    for (const socket of this.#waiting) this.#say(socket, 'leaving');
    await inTime(this.over, LEAVE_MS);
  }

  /** Ends it; those who wait notice. */
  release(): void {
    this.#claim.server.close();
    this.#disconnect();
    this.#end();
  }

  /** Those who wait look for the lease again. */
  #disconnect(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  async #admit(socket: Socket): Promise<void> {
    this.#waiting.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#waiting.delete(socket));
    this.#say(socket, this.#isLeaving ? 'leaving' : 'holding');
    const { request } = await import('./messages.ts');
    readLines(socket, (line) => void this.#answer(socket, request.parse(line)));
  }

  async #answer(socket: Socket, request: Request): Promise<void> {
    const { mayHave, giveUp, takeBack, goOn } = this.#options;
    if (this.#isGranted || !(this.#isLeaving || mayHave(request))) {
      this.#say(socket, 'refused');
      return;
    }
    this.#isGranted = true;
    await inTime(giveUp(request), GIVE_UP_MS);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    this.#say(socket, 'granted');
    if (!socket.closed) await inTime(closed, TAKE_MS);
    const claim = takeBack(this.#claim);
    if (claim === undefined) {
      this.release();
      return;
    }
    // It died on the way, could not take it, or was not run in time. The others have to learn of the new number.
    this.#claim = claim;
    this.#disconnect();
    this.#isGranted = false;
    await goOn();
  }

  #say(socket: Socket, says: HolderMessage['says']): void {
    writeLine(socket, { ...this.#options.instance, says } satisfies HolderMessage);
  }
}
