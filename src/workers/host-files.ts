import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SysfsFiles } from '../placement/sysfs-files.ts';

/** The files below `root`: `/`, or where a container has the host's mounted. Reads are synchronous: sysfs never waits. */
export function hostFiles(root: string): SysfsFiles {
  return {
    root,
    read(path) {
      try {
        return readFileSync(join(root, path), 'utf8');
      } catch {
        return undefined;
      }
    },
    list(path) {
      try {
        return readdirSync(join(root, path));
      } catch {
        return [];
      }
    },
  };
}
