import { setTimeout as sleep } from 'node:timers/promises';
import type { HealthView } from './api.ts';
import type { AdminSource } from './source.ts';

/** The longest turns take a tenth of a second: those in which workers plan. */
const TURN_TIMEOUT_MS = 2000;

/**
 * What keeps the plugin from being ready. That this host is known is a condition for there being a plugin. One that waits for
 * another instance on the node is ready to take over from it.
 */
export function notReady({ observations, ledger, isActive }: AdminSource): readonly string[] {
  if (!isActive()) return [];
  if (!observations.isConnected) return ['not registered with a runtime'];
  if (ledger() === undefined) return ['not configured by the runtime'];
  return observations.isInStep ? [] : ['not synchronized with the runtime'];
}

/** Finds out whether the ledger still takes turns, by asking for one. */
export class Pulse {
  readonly #source: AdminSource;
  #isTurning = true;
  #turn: Promise<void> | undefined;

  constructor(source: AdminSource) {
    this.#source = source;
  }

  /** As far as is known without waiting. */
  get health(): HealthView {
    const missing = notReady(this.#source);
    const live = this.#isTurning;
    return {
      live,
      ready: live && missing.length === 0,
      missing: live ? missing : ['the ledger takes no turns', ...missing],
    };
  }

  /** Waits for the ledger if it is busy, but not for ever. */
  async check(): Promise<HealthView> {
    // One turn for all who ask until it has come: a ledger that hangs must not collect them.
    this.#turn ??= this.#takeTurn();
    const enough = new AbortController();
    const timeout = sleep(TURN_TIMEOUT_MS, undefined, { signal: enough.signal }).then(
      () => {
        this.#isTurning = false;
      },
      () => {},
    );
    await Promise.race([this.#turn, timeout]);
    enough.abort();
    return this.health;
  }

  async #takeTurn(): Promise<void> {
    await this.#source.mailbox.run(() => {});
    this.#isTurning = true;
    this.#turn = undefined;
  }
}
