import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { PATIENCE } from './patience.ts';

/** More than the kernel needs to go from a cgroup to the processes in it. */
const CHANGE_MS = 200 * PATIENCE;

/**
 * What two places say of the same thing, a cgroup and a process in it for one. They are read one after the other, and changed
 * one after the other, so that they may disagree while they change; not for longer.
 *
 * @throws AssertionError if they go on to disagree in the same way
 */
export async function agreed<T>(read: () => readonly [one: T, other: T]): Promise<T> {
  for (let before: readonly [T, T] | undefined; ; ) {
    const said = read();
    const [one, other] = said;
    if (isDeepStrictEqual(one, other)) return one;
    if (isDeepStrictEqual(said, before)) assert.deepEqual(one, other);
    before = said;
    await sleep(CHANGE_MS);
  }
}
