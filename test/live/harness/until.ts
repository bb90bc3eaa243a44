import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 500;
/** A node may have to pull the image first, and a kubelet takes a minute or so until it does what it did not do at once. */
const PATIENCE_SECONDS = 180;

/** Waits until `condition` holds. @throws Error naming `what` after a while */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  seconds = PATIENCE_SECONDS,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited ${seconds} s in vain until ${what}`);
    await sleep(POLL_MS);
  }
}
