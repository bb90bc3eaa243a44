import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, lstat, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isSea } from 'node:sea';
import { Readable } from 'node:stream';
import { loadConfig } from '../config.ts';
import { ConfigError } from '../config-error.ts';
import { readConfig } from '../config-file.ts';
import { makeFolder } from '../folder.ts';

/** What `install` puts where. */
export interface InstallOptions {
  /** Where the executable goes, such as the runtime's folder for plugins with `99-weka-cpuset`. */
  readonly to: string;
  /** What `readConfig` reads, and the file that gets the same settings for the instance that the runtime starts. */
  readonly config: { readonly from: string; readonly to: string } | undefined;
}

/**
 * Copies this executable, and settings for it, to where the runtime starts plugins from: for an init container, whose image
 * has no program to copy files with.
 *
 * @returns the exit code
 * @throws ConfigError when the settings are wrong, this is no single executable, or what is to be replaced is no file
 */
export async function runInstall(options: InstallOptions): Promise<number> {
  if (!isSea()) throw new ConfigError('install: only the single executable can be copied');
  try {
    await install(process.execPath, options);
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    // What the system says names the file; where in the program it was is no news to whoever installs.
    process.stderr.write(`weka-cpuset: install: ${error.message}\n`);
    return 1;
  }
  process.stdout.write(`installed ${options.to}\n`);
  return 0;
}

/** The same for any executable. Settings come first: an executable that is there may be started at any time. */
export async function install(executable: string, { to, config }: InstallOptions): Promise<void> {
  if (config !== undefined) {
    const settings = await readConfig(config.from);
    loadConfig({ file: settings });
    const text = JSON.stringify(Object.fromEntries(settings.map(({ key, value }) => [key, value])), null, 2);
    await replace(config.to, 0o644, () => Readable.from([`${text}\n`]));
  }
  await replace(to, 0o755, () => createReadStream(executable));
}

/**
 * Makes a file in such a way that at its name is always a whole one, also after a crash. Until it is there it may not be
 * executed: a runtime that is started meanwhile passes over it, but would fail at an executable with a name like that.
 */
async function replace(path: string, mode: number, content: () => Readable): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there !== undefined && !there.isFile() && !there.isSymbolicLink()) {
    throw new ConfigError(`install: ${path} is there and is no file`);
  }
  const unfinished = `${path}.${randomUUID()}`;
  makeFolder(dirname(path));
  try {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      // Not a stream that flushes: such a one never ends when the disk is full.
      await writeFile(file, content());
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await chmod(path, mode);
}
