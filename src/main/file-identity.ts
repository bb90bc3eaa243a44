import { statSync } from 'node:fs';

/** What no other file on the machine has as long as this one is there, which a socket is while somebody listens on it. */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/** @throws Error with the code that stat(2) fails with, such as ENOENT */
export function identify(path: string): FileIdentity {
  const { dev, ino } = statSync(path);
  return { dev, ino };
}

/** Whether the file is still what is found by its name. @throws Error when that cannot be told */
export function isStillAt(path: string, file: FileIdentity): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.ino === file.ino && found.dev === file.dev;
}
