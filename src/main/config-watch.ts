import { type FSWatcher, watch } from 'node:fs';
import { readdir, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const POLL_MS = 5000;
/** Files are written in several steps; what is read in the middle of them is not meant. */
const SETTLE_MS = 100;

/**
 * Watches a configuration file or folder, and calls back when it may have changed; again only when that has ended. The
 * kubelet changes a ConfigMap by turning the link `..data` in the folder, which a watch on the file itself would not show;
 * and file systems that send no notifications are looked at every few seconds.
 *
 * @param since what `configVersion` said before the configuration was read
 * @returns ends the watch
 */
export function watchConfig(path: string, since: string, onChange: () => unknown): () => void {
  let version = since;
  let settling: NodeJS.Timeout | undefined;
  let isDue = false;
  let isLooking = false;
  let isEnded = false;
  // One after the other: what is read last is to be what was there last.
  const look = async (): Promise<void> => {
    isDue = true;
    if (isLooking) return;
    isLooking = true;
    while (isDue && !isEnded) {
      isDue = false;
      const now = await configVersion(path);
      if (now === version || isEnded) continue;
      version = now;
      await onChange();
    }
    isLooking = false;
  };
  const soon = (): void => {
    clearTimeout(settling);
    settling = setTimeout(() => void look(), SETTLE_MS);
  };
  void look();
  const poll = setInterval(() => void look(), POLL_MS);
  const watchers = [path, dirname(path)].flatMap((place) => startWatch(place, soon));
  return () => {
    isEnded = true;
    clearInterval(poll);
    clearTimeout(settling);
    for (const watcher of watchers) watcher.close();
  };
}

function startWatch(place: string, onEvent: () => void): FSWatcher[] {
  try {
    const watcher = watch(place, { persistent: false }, onEvent);
    // A place that is gone is found by looking.
    watcher.on('error', () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
}

/** A text that differs when what the path leads to does. */
export async function configVersion(path: string): Promise<string> {
  const data = await readlink(join(path, '..data')).catch(() => undefined);
  // What is written into the files of a folder that is no ConfigMap does not change the folder.
  const names = data === undefined ? await readdir(path).catch(() => []) : [];
  const states = await Promise.all([path, ...names.map((name) => join(path, name))].map(stateOf));
  return [...states, data].join('\n');
}

async function stateOf(place: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(place);
    return `${await realpath(place)} ${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable';
  }
}
