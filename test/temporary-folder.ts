import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

const MEMORY = '/dev/shm';
const ENOUGH_BYTES = 512 * 1024 * 1024;

/** Calls `use` with a new folder that is gone afterwards: in memory where there is room, for trees of many small files. */
export function inTemporaryFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(hasRoom(MEMORY) ? MEMORY : tmpdir(), 'weka-cpuset-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A new folder that is gone after the test, and after all else that the test has registered for its end. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'weka-cpuset-'));
  // What is registered for the end is done in the order in which it was. A process that goes on writing to the folder can keep
  // it from being removed, and would then never be ended either: one that fails keeps all after it from being done.
  context.after(() => context.after(() => rmSync(folder, { recursive: true })));
  return folder;
}

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= ENOUGH_BYTES;
  } catch {
    return false;
  }
}
