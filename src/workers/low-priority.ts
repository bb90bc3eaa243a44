import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/** As niceness (nice(2)): where CPUs are short, a thread with it gets a tenth of what one without gets. */
const LOW_PRIORITY = 10;

/**
 * Lowers the priority of the thread that calls it. In Linux it is one of threads, and no privilege is needed to lower it.
 * Does nothing where `/proc`, which says which thread this is, is missing.
 */
export function lowerPriority(): void {
  try {
    // "PID/task/TID" (proc(5))
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, LOW_PRIORITY);
  } catch {}
}
