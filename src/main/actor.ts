/** A turn was given up because its deadline passed before it could start or finish. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/**
 * An actor's mailbox: turns run one at a time, in the order they came. A turn that finds the mailbox empty and needs to wait
 * for nothing runs at once, without a trip through the event loop.
 */
export class Mailbox {
  #last: Promise<unknown> | undefined;
  /** A turn is running on the stack below. */
  #isRunning = false;

  /** Whether a turn is waiting or under way. */
  get isBusy(): boolean {
    return this.#isRunning || this.#last !== undefined;
  }

  /**
   * Runs a turn when all earlier ones have ended.
   *
   * @returns what the turn returns: a plain value when it ran at once and did not wait
   */
  run<T>(turn: () => T | Promise<T>): T | Promise<T> {
    if (this.isBusy) return this.#enqueue((this.#last ?? Promise.resolve()).then(turn));
    this.#isRunning = true;
    try {
      const result = turn();
      return result instanceof Promise ? this.#enqueue(result) : result;
    } finally {
      this.#isRunning = false;
    }
  }

  #enqueue<T>(result: Promise<T>): Promise<T> {
    const last: Promise<unknown> = result
      .catch(() => {})
      .then(() => {
        if (this.#last === last) this.#last = undefined;
      });
    this.#last = last;
    return result;
  }
}
