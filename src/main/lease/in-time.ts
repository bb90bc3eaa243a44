import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for a promise, but no longer than that. @returns undefined when it was too late */
export async function inTime<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const enough = new AbortController();
  const timeout = sleep(ms, undefined, { signal: enough.signal }).catch(() => undefined);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    enough.abort();
  }
}
