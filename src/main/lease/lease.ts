import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Holding } from './holding.ts';
import { inTime } from './in-time.ts';
import { type Claim, claimLease, findHolder, type Holder, isFound, takeBack } from './lease-files.ts';
import type { Request } from './messages.ts';
import { isNewer } from './version-order.ts';
import type { Waiting } from './waiting.ts';

/**
 * `active`: this instance decides. `candidate`: another one does, and would hand over to this one. `standby`: another one
 * does.
 */
export type Role = 'active' | 'candidate' | 'standby';

export interface LeaseOptions {
  /** The folder that all instances of a node share; undefined: this one decides whatever others do. */
  readonly folder: string | undefined;
  readonly version: string;
  /** Whether the runtime started this instance. */
  readonly launched: boolean;
  readonly log: Promise<Logger>;
  /** Whether the runtime takes this instance's decisions. */
  readonly isConnected: () => boolean;
  /** Called when the role changes. Somebody else becomes active only when the promise has settled, or half a second later. */
  readonly onRole: (role: Role) => Promise<void> | void;
}

/**
 * A holder introduces itself at once. One that hangs must not keep an instance from its role for long: the runtime that has
 * started us wants to have Configure answered within 2 s, also on a host that is busy, and asking takes another `ANSWER_MS`.
 */
const INTRODUCTION_MS = 400;
/** How often a holder looks whether others can find its lease, and how soon what has failed is tried again. */
const CHECK_MS = 5000;
/** So that nothing that ends at once is tried again without a pause. */
const PAUSE_MS = 20;

/**
 * This instance's part in that one on a node, and only one, decides: two that answer fail the creation of every container. Who
 * holds the lease is active, and the others wait for its end. It is handed over to who ranks higher, and to anybody when its
 * holder stops. Also, while the holder is not connected, to an instance that the runtime has just started: that one is asked
 * about the first pod.
 */
export class Lease {
  /** Settles when the first role is known. */
  readonly decided: Promise<void>;

  readonly #options: LeaseOptions;
  readonly #closing = new AbortController();
  #decide!: () => void;
  #role: Role | undefined;
  #turn: AbortController | undefined;
  #onTurn = (): void => {};
  #holding: Holding | undefined;
  #waiting: { readonly on: Waiting; readonly number: number } | undefined;
  #hasAsked = false;
  #taking: Promise<boolean> | undefined;
  readonly #said = new Set<string>();

  /** Begins to look for the lease. */
  constructor(options: LeaseOptions) {
    this.#options = options;
    this.decided = new Promise((resolve) => {
      this.#decide = resolve;
    });
    void this.#run();
  }

  get isActive(): boolean {
    return this.#role === 'active';
  }

  /**
   * Waits until this instance is active, or would be if it asked.
   *
   * @returns a signal for the end of that; undefined when this is closed
   */
  async nextTurn(): Promise<AbortSignal | undefined> {
    const { signal } = this.#closing;
    while (this.#turn === undefined && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#onTurn = resolve;
      });
    }
    return signal.aborted ? undefined : this.#turn?.signal;
  }

  /** Asks the active instance to hand over, if this is not the one. @returns whether it is now */
  take(): Promise<boolean> {
    // Asked twice, the holder grants the lease once and refuses it once, and nobody would take it.
    this.#taking ??= this.#take().finally(() => {
      this.#taking = undefined;
    });
    return this.#taking;
  }

  async #take(): Promise<boolean> {
    const { folder } = this.#options;
    const waiting = this.#waiting;
    if (this.isActive || folder === undefined || waiting === undefined) return this.isActive;
    if (!(await waiting.on.ask(this.#instance))) return this.isActive;
    try {
      const claim = await claimLease(folder, waiting.number);
      if (claim !== undefined) this.#hold(folder, claim);
    } catch (error) {
      this.#sayOnce('error', `the lease cannot be taken over: ${describe(error)}`);
    }
    waiting.on.close();
    return this.isActive;
  }

  /** Has another instance take over, if one waits, and takes part no more. */
  async close(): Promise<void> {
    await this.#holding?.leave();
    this.#closing.abort();
    this.#holding?.release();
    this.#waiting?.on.close();
    this.#turn?.abort();
    this.#onTurn();
  }

  async #run(): Promise<void> {
    const { folder } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const began = performance.now();
      try {
        if (folder === undefined) await this.#doWithout();
        else if (this.#holding !== undefined) await this.#keep(folder, this.#holding);
        else await this.#seek(folder);
      } catch (error) {
        this.#sayOnce(
          'error',
          `no lease can be had in ${folder}: ${describe(error)}; taking it that this is the only instance on the node`,
        );
        await this.#doWithout();
      }
      if (performance.now() - began < PAUSE_MS) await this.#pause(PAUSE_MS);
    }
  }

  async #seek(folder: string): Promise<void> {
    const found = await findHolder(folder);
    if (typeof found !== 'number') {
      await this.#wait(found);
      return;
    }
    const claim = await claimLease(folder, found);
    if (claim !== undefined) this.#hold(folder, claim);
  }

  #hold(folder: string, claim: Claim): void {
    const { isConnected } = this.#options;
    this.#holding = new Holding(claim, {
      instance: this.#instance,
      mayHave: (request) => outranks(request, this.#instance) || (request.launched && !isConnected()),
      giveUp: async (request) => {
        this.#say('info', `handing over to an instance of version ${request.version}`);
        await this.#setRole('standby');
      },
      takeBack: (held) => takeBack(folder, held),
      goOn: () => this.#setRole('active'),
    });
    void this.#setRole('active');
  }

  async #keep(folder: string, holding: Holding): Promise<void> {
    let isOver = false;
    void holding.over.then(() => {
      isOver = true;
    });
    while (!isOver && isFound(folder, holding.claim)) await inTime(holding.over, CHECK_MS);
    holding.release();
    this.#holding = undefined;
  }

  async #wait({ number, socket }: Holder): Promise<void> {
    if (socket === undefined) {
      this.#sayOnce('warn', 'another instance may be active, and does not take connections: waiting');
      await this.#setRole('standby');
      await this.#pause(CHECK_MS);
      return;
    }
    const { Waiting } = await import('./waiting.ts');
    // An instance that the runtime has just started asks first: the runtime is answered as soon as there is a role.
    let hasSettled = false;
    const waiting: Waiting = new Waiting(socket, () => {
      if (hasSettled) void this.#judge(waiting);
    });
    this.#waiting = { on: waiting, number };
    await inTime(waiting.introduced, INTRODUCTION_MS);
    if (this.#options.launched && !this.#hasAsked) {
      this.#hasAsked = true;
      await this.take();
    }
    hasSettled = true;
    await this.#judge(waiting);
    await waiting.ended;
    this.#waiting = undefined;
  }

  /** Finds out what the holder would do if it were asked. */
  async #judge({ holder }: Waiting): Promise<void> {
    if (this.#holding !== undefined || this.#closing.signal.aborted) return;
    const isCandidate =
      holder !== undefined && (holder.says === 'leaving' || outranks(this.#instance, holder));
    const role = isCandidate ? 'candidate' : 'standby';
    if (role === this.#role) return;
    const version = holder?.version ?? 'unknown';
    this.#say(
      'info',
      isCandidate
        ? `taking over from the active instance, of version ${version}`
        : `another instance is active, of version ${version}: waiting until it ends`,
    );
    await this.#setRole(role);
  }

  async #doWithout(): Promise<void> {
    await this.#setRole('active');
    await this.#pause(CHECK_MS);
  }

  async #setRole(role: Role): Promise<void> {
    if (role === this.#role) return;
    this.#role = role;
    if (role === 'standby') {
      this.#turn?.abort();
      this.#turn = undefined;
    } else if (this.#turn === undefined) {
      this.#turn = new AbortController();
      this.#onTurn();
    }
    this.#decide();
    await this.#options.onRole(role);
  }

  get #instance(): Request {
    const { version, launched } = this.#options;
    return { version, launched };
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => {});
  }

  /** Says it once: what is tried again and again may fail again and again. */
  #sayOnce(level: 'warn' | 'error', text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.#say(level, text);
  }

  #say(level: 'info' | 'warn' | 'error', text: string): void {
    void this.#options.log.then((log) => log[level](text));
  }
}

/**
 * Whether one is to be active rather than the other: the newer, and of the same version the one that the runtime did not start,
 * whose settings can change and which serves probes and commands in a pod.
 */
function outranks(one: Request, other: Request): boolean {
  if (isNewer(one.version, other.version)) return true;
  return !isNewer(other.version, one.version) && !one.launched && other.launched;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
