import { setTimeout } from 'node:timers/promises';
import type { Steps } from './scenario.ts';

/**
 * Runs all to their end, one step of each in turn; who begins changes from round to round. Resolves to what each failed with,
 * undefined for those that did not: a failure of one does not end the others.
 */
export async function takeTurns(all: readonly Steps[]): Promise<readonly (Error | undefined)[]> {
  const failures: (Error | undefined)[] = all.map(() => undefined);
  const notBefore = all.map(() => 0);
  let waiting = all.map((_, position) => position);
  while (waiting.length > 0) {
    const now = performance.now();
    await setTimeout(Math.max(0, Math.min(...waiting.map((position) => notBefore[position]! - now))));
    const ready = waiting.filter((position) => notBefore[position]! <= performance.now());
    for (const position of ready) {
      try {
        const { done, value } = await all[position]!.next();
        if (done === true) waiting = waiting.filter((other) => other !== position);
        else notBefore[position] = performance.now() + (value ?? 0);
      } catch (error) {
        failures[position] = error as Error;
        waiting = waiting.filter((other) => other !== position);
      }
    }
    waiting = [...waiting.slice(1), ...waiting.slice(0, 1)];
  }
  return failures;
}
