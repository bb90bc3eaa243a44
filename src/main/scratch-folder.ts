import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from './config-error.ts';

/** There in every container, also where the root is read-only, as in the pods of our DaemonSet. */
const SHARED_MEMORY = '/dev/shm';

/**
 * Makes a folder for sockets and other files of this process, which removes it.
 *
 * @param prefix what its name begins with
 * @param places where it may be, the first that works
 * @throws ConfigError when it can be in none of them
 */
export function makeScratchFolder(
  prefix: string,
  places: readonly string[] = [tmpdir(), SHARED_MEMORY],
): string {
  const problems: string[] = [];
  for (const place of places) {
    try {
      return mkdtempSync(join(place, prefix));
    } catch (error) {
      problems.push(`${place} (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  throw new ConfigError(
    `no temporary folder can be made in ${problems.join(' or ')}: name one that can be written to with TMPDIR`,
  );
}
