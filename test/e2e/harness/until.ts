import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until `condition` holds; for what happens outside of any answer. @throws Error naming `what` after 15 s */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited 15 s in vain until ${what}`);
    await sleep(20);
  }
}
