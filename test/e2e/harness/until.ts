import { setTimeout as sleep } from 'node:timers/promises';
import { PATIENCE } from './patience.ts';

/** Long: whoever waits in vain has failed, and whoever else runs on the machine may take most of it. */
const SECONDS = Math.max(60, 15 * PATIENCE);

/** Waits until `condition` holds; for what happens outside of any answer. @throws Error naming `what` after a while */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + SECONDS * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited ${SECONDS} s in vain until ${what}`);
    await sleep(20 * PATIENCE);
  }
}
