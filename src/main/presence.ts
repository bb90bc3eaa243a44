import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Event, eventMask, type PluginConnection } from '../protocol/nri.ts';
import type { Mailbox } from './actor.ts';
import type { RunOptions } from './cli/args.ts';
import type { Daemon } from './daemon.ts';
import type { Lease } from './lease/lease.ts';
import { type ConnectionOptions, stayConnected } from './nri/connection.ts';
import { list } from './nri/listing.ts';
import { isAtLeast } from './nri/runtime-version.ts';
import { type RuntimeFacts, Session, type SessionOptions } from './nri/session.ts';

export interface PresenceOptions {
  readonly options: RunOptions;
  readonly lease: Lease;
  readonly mailbox: Mailbox;
  readonly log: Promise<Logger>;
  readonly daemon: Promise<Daemon>;
  /** Called when a registration has been sent, or could not be. */
  readonly onAttempt: () => void;
  /** Told what nothing can be done about; settles when the log has it. */
  readonly fail: (error: unknown) => Promise<void>;
}

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 5000;
/** A creation takes the runtime a fraction of that. */
const SETTLED_MS = 2000;
/** An empty subscription means all events: this one is for the rarest. */
const HARDLY_ANY_EVENT = eventMask(Event.REMOVE_POD_SANDBOX);

/**
 * This instance's connections to the runtime. Events come on one: on that of the runtime that started us, for as long as we
 * live, since it kills us when that ends; else on our own, while this instance decides or is about to. As long as another
 * instance decides they are answered with nothing.
 *
 * The moment to take over is while the runtime lists what it has: it does nothing else then, so no event falls between the
 * one that has decided before and us. The list comes on the connection for events, or on one more where that has had its
 * list long ago (we were started by the runtime), never gets one (containerd 1.7 does not list to those), or where runtimes
 * let events go by while a new connection is being added (all but containerd from 2.0 on).
 */
export class Presence {
  readonly #parts: PresenceOptions;
  #daemon: Daemon | undefined;
  #connection: PluginConnection | undefined;
  #runtime: RuntimeFacts | undefined;
  readonly #configured: Promise<void>;
  #onConfigured!: () => void;
  #turn: AbortSignal | undefined;
  /** In this turn we have become the one that decides. */
  #decides = false;
  #isListing = false;

  constructor(parts: PresenceOptions) {
    this.#parts = parts;
    this.#configured = new Promise((resolve) => {
      this.#onConfigured = resolve;
    });
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Takes part until the lease is closed or `signal` fires; started by the runtime, until that ends the connection. */
  async last(signal: AbortSignal): Promise<void> {
    const { options, fail } = this.#parts;
    const { socketDescriptor: fd } = options;
    if (fd === undefined) {
      await this.#takeTurns(async (turn) => {
        // While another one decides there is time to get ready, so that the runtime need not wait for that.
        if (!this.#parts.lease.isActive) await (await this.#parts.daemon).ready;
        const either = AbortSignal.any([turn, signal]);
        await stayConnected({ ...this.#address, fd: undefined, signal: either, ...this.#eventConnection });
      }).catch(fail);
    } else {
      void this.#takeTurns((turn) => this.#listWhereDue(turn)).catch(fail);
      await stayConnected({ ...this.#address, fd, signal, ...this.#eventConnection });
    }
  }

  /** Has the runtime list what it has once more. @returns whether that is possible */
  listAgain(): boolean {
    const { socketDescriptor, socketPath } = this.#parts.options;
    if (!this.#decides || this.#turn === undefined) return false;
    if (socketDescriptor !== undefined && !existsSync(socketPath)) return false;
    void this.#list(this.#turn);
    return true;
  }

  async #takeTurns(serve: (turn: AbortSignal) => Promise<void>): Promise<void> {
    for (;;) {
      const turn = await this.#parts.lease.nextTurn();
      if (turn === undefined) return;
      this.#turn = turn;
      await serve(turn);
      if (!turn.aborted) await once(turn, 'abort');
      this.#decides = false;
    }
  }

  get #address() {
    const { socketPath: socket, pluginName, pluginIndex } = this.#parts.options;
    return { socket, pluginName, pluginIndex };
  }

  get #eventConnection(): Pick<ConnectionOptions, 'log' | 'onAttempt' | 'onConnection' | 'session'> {
    const { log, onAttempt, daemon, fail } = this.#parts;
    return {
      log,
      onAttempt,
      onConnection: (connection) => {
        this.#connection = connection;
        void daemon.then((ready) => ready.setConnection(connection), fail);
      },
      session: () =>
        new Session({
          ...this.#forAnySession,
          configure: (text, runtime) => this.#configure(text, runtime),
          beforeSynchronize: () => (this.#letsEventsGoBy ? undefined : this.#takeOver()),
          onEvent: (event, outcome, ms) => {
            this.#daemon?.noteEvent(event, outcome, ms);
            if (event === 'synchronize' && this.#turn !== undefined) void this.#listWhereDue(this.#turn);
          },
        }),
    };
  }

  get #forAnySession(): Pick<SessionOptions, 'log' | 'mailbox' | 'ledger' | 'dryRun' | 'now' | 'onAnswer'> {
    const { log, mailbox, options } = this.#parts;
    return {
      log,
      mailbox,
      ledger: () => this.#daemon?.ledger,
      onAnswer: (updates) => this.#daemon?.noteAnswer(updates),
      dryRun: options.dryRun,
      now: () => performance.now(),
    };
  }

  async #configure(text: string, runtime: RuntimeFacts): Promise<void> {
    const { lease, daemon, fail } = this.#parts;
    try {
      this.#daemon = await daemon;
      await this.#daemon.configure(text, runtime);
      this.#runtime = runtime;
      await lease.decided;
      if (lease.isActive) this.#decide();
      this.#onConfigured();
    } catch (error) {
      // A runtime that is answered with an error ends the instance that it has started.
      await fail(error);
      throw error;
    }
  }

  #decide(): void {
    this.#decides = true;
    this.#daemon?.activate();
  }

  /** Undefined where there is nothing to wait for. */
  #takeOver(): Promise<void> | undefined {
    if (this.#decides) return undefined;
    return this.#parts.lease.take().then((isActive) => {
      if (isActive) this.#decide();
    });
  }

  /** Runtimes with NRI 0.8 can hold creations back meanwhile. containerd does; CRI-O does not, up to 1.37 at least. */
  get #letsEventsGoBy(): boolean {
    return this.#runtime?.name !== 'containerd' || !isAtLeast(this.#runtime.nri, 0, 8, 0);
  }

  async #listWhereDue(turn: AbortSignal): Promise<void> {
    await this.#configured;
    if (!this.#decides || this.#letsEventsGoBy) await this.#list(turn);
    if (!this.#letsEventsGoBy) return;
    // A container that was just being created is in no list yet, and its event may have gone by.
    await pause(SETTLED_MS, turn);
    await this.#list(turn);
  }

  async #list(turn: AbortSignal): Promise<void> {
    if (this.#isListing) return;
    this.#isListing = true;
    let retryMs = FIRST_RETRY_MS;
    while (!turn.aborted && !(await this.#listOnce(turn))) {
      await pause(retryMs, turn);
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
    }
    this.#isListing = false;
  }

  /** @returns whether the list was answered by what this instance decides */
  async #listOnce(turn: AbortSignal): Promise<boolean> {
    const daemon = this.#daemon;
    const runtime = this.#runtime;
    if (daemon === undefined || runtime === undefined) return false;
    let onListed!: () => void;
    const listed = new Promise<void>((resolve) => {
      onListed = resolve;
    });
    let isAnswered = false;
    const session = new Session({
      ...this.#forAnySession,
      events: HARDLY_ANY_EVENT,
      keepsUnlisted: true,
      configure: async (_text, { name, version }) => {
        if (name !== runtime.name || version !== runtime.version) {
          throw new Error(`this is ${name} ${version}, and not ${runtime.name} ${runtime.version}`);
        }
        await daemon.ready;
      },
      beforeSynchronize: () => this.#takeOver(),
      onEvent: (event, outcome, ms) => {
        if (event !== 'synchronize') return;
        daemon.noteEvent(event, outcome, ms);
        isAnswered = outcome === 'answered' && this.#decides;
        onListed();
      },
    });
    try {
      await list(this.#address, session, listed, turn);
    } catch (error) {
      (await this.#parts.log).debug({ err: error }, 'the runtime could not be asked for a list');
    }
    return isAnswered;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
