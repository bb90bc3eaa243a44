import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cpuset } from '../../src/placement/cpuset.ts';
import { cpuset } from '../e2e/harness/cpus.ts';
import { lastCpu } from '../e2e/harness/kernel.ts';
import { allowed } from './whereabouts.ts';

/** What was seen of some processes at one time. */
interface Sample {
  /** Where each may run. */
  readonly allowed: readonly Cpuset[];
  /** The CPU on which each ran last. */
  readonly last: readonly number[];
}

const INTERVAL_MS = 20;

/** Watches where processes may run and do run. A process that ends meanwhile is an error. */
export class Sampler {
  readonly #pids: readonly number[];
  readonly #samples: Sample[] = [];
  #isEnding = false;
  readonly #end: Promise<void>;

  /** Watches until `end` is called, or the test ends. */
  constructor(context: TestContext, pids: readonly number[]) {
    this.#pids = pids;
    this.#end = this.#run();
    context.after(() => {
      this.#isEnding = true;
    });
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      this.#samples.push({
        allowed: this.#pids.map((pid) => cpuset(allowed(pid, 'Cpus'))),
        last: this.#pids.map(lastCpu),
      });
      await sleep(INTERVAL_MS);
    }
  }

  /** Stops watching. @throws Error if a process was gone */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#end;
  }

  /** How many different placements were seen. */
  get placements(): number {
    return new Set(this.#samples.map(placement)).size;
  }

  /**
   * The samples of quiet points, when nothing had changed from the sample before to the one after: reading several
   * processes takes a while, in which one may move to where another one was, and the kernel needs a moment to move a process.
   */
  quiet(): readonly Sample[] {
    const texts = this.#samples.map(placement);
    return this.#samples.filter((_, i) => texts[i - 1] === texts[i] && texts[i] === texts[i + 1]);
  }
}

function placement(sample: Sample): string {
  return sample.allowed.join(' | ');
}
