import type { ServerResponse } from 'node:http';
import type { JournalRecord } from '../journal.ts';
import { JOURNAL_PAGE } from './api.ts';
import type { AdminSource } from './source.ts';
import { stateKey } from './state-view.ts';

export interface EventStreamOptions {
  readonly source: AdminSource;
  /** The state as JSON. */
  readonly state: () => string;
  readonly maxClients: number;
  /** How long a client may leave what it was sent unread, in milliseconds. */
  readonly patienceMs: number;
}

/** One reader of the stream. */
interface Client {
  readonly response: ServerResponse;
  /** The last journal record that it was sent. */
  sequence: number;
  isOwedState: boolean;
  /** When it last had read everything. */
  drainedAt: number;
}

/** How often changes are looked for. */
const TICK_MS = 250;
/** So that a connection that is gone is noticed by either side. */
const KEEP_ALIVE_MS = 15_000;
/** The part of the main thread's time that making states may take. */
const SHARE = 0.02;

/**
 * Tells its clients of changes as server-sent events. It looks for changes now and then, so that those who make them need
 * not know of it. A client that does not read gets nothing more until it has, and is dropped when that takes too long: all
 * that ever waits for it is one state and a few records.
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #clients = new Set<Client>();
  #timer: NodeJS.Timeout | undefined;
  #key: readonly unknown[] = [];
  #restUntil = 0;
  #keptAliveAt = 0;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /**
   * Takes on a client, whose headers are not sent yet.
   *
   * @param lastEventId what the client had last, to go on there; undefined: only what is new
   * @returns false if there are too many already
   */
  add(response: ServerResponse, lastEventId: string | undefined): boolean {
    if (this.#clients.size >= this.#options.maxClients) return false;
    const sequence = this.#sequenceOf(lastEventId);
    const client: Client = { response, sequence, isOwedState: true, drainedAt: performance.now() };
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    // How long a client should wait before it connects anew.
    response.write('retry: 2000\n\n');
    response.on('close', () => this.#remove(client));
    this.#clients.add(client);
    this.#timer ??= setInterval(() => this.tick(), TICK_MS);
    this.tick();
    return true;
  }

  close(): void {
    for (const client of this.#clients) client.response.destroy();
    clearInterval(this.#timer);
  }

  /** Sends what is new; called by a timer. */
  tick(): void {
    this.#noteChanges();
    const ready = [...this.#clients].filter((client) => this.#isReading(client));
    for (const client of ready) this.#sendRecords(client);
    this.#sendState(ready.filter(({ isOwedState }) => isOwedState));
    this.#keepAlive(ready);
  }

  #noteChanges(): void {
    const key = stateKey(this.#options.source);
    if (key.every((part, position) => part === this.#key[position])) return;
    this.#key = key;
    for (const client of this.#clients) client.isOwedState = true;
  }

  /** Whether a client has read everything. One that has not for too long is dropped. */
  #isReading(client: Client): boolean {
    const { response } = client;
    const now = performance.now();
    if (response.writableLength === 0) {
      client.drainedAt = now;
      return true;
    }
    if (now - client.drainedAt > this.#options.patienceMs) response.destroy();
    return false;
  }

  #sendRecords(client: Client): void {
    const { journal, plugin } = this.#options.source;
    const records = journal.since(client.sequence, JOURNAL_PAGE);
    if (records.length === 0) return;
    client.sequence = records.at(-1)!.sequence;
    client.response.write(records.map((record) => recordMessage(record, plugin.instance)).join(''));
  }

  #sendState(clients: readonly Client[]): void {
    const start = performance.now();
    if (clients.length === 0 || start < this.#restUntil) return;
    for (const client of clients) client.isOwedState = false;
    const message = `event: state\ndata: ${this.#options.state()}\n\n`;
    this.#restUntil = start + (performance.now() - start) / SHARE;
    for (const { response } of clients) response.write(message);
  }

  #keepAlive(clients: readonly Client[]): void {
    const now = performance.now();
    if (now - this.#keptAliveAt < KEEP_ALIVE_MS) return;
    this.#keptAliveAt = now;
    for (const { response } of clients) response.write(': still here\n\n');
  }

  #remove(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** A client of an earlier process has missed everything of this one. */
  #sequenceOf(lastEventId: string | undefined): number {
    const { journal, plugin } = this.#options.source;
    if (lastEventId === undefined) return journal.last;
    const [instance, sequence = ''] = lastEventId.split(':');
    if (instance !== plugin.instance || !/^\d{1,15}$/.test(sequence)) return 0;
    return Math.min(Number(sequence), journal.last);
  }
}

function recordMessage(record: JournalRecord, instance: string): string {
  return `event: journal\nid: ${instance}:${record.sequence}\ndata: ${JSON.stringify(record)}\n\n`;
}
