import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder, and those above it that are missing. Not by Node's `recursive`: below a folder in which the kernel lets nobody
 * make anything, such as `/proc`, that tries for ever.
 *
 * @param mode permissions of folders that are made; what the umask takes away is not given
 * @throws Error with the code that mkdir(2) fails with
 */
export function makeFolder(path: string, mode = 0o777): void {
  const above = dirname(path);
  if (existsSync(path) || path === above) return;
  makeFolder(above, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Another process may have been quicker.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
