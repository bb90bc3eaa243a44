import type { ConfigSources } from './config.ts';
import { mergeSettings } from './origins.ts';
import type { Config } from './settings.ts';

// What reads YAML takes 5 ms to load, and half a MiB, and what checks settings another 3 ms: a plugin that starts does so only where
// there are some.

/** What is said before the runtime says anything. */
export interface StartSettings {
  /** Of the command line and the environment. */
  readonly command: Partial<Config>;
  /** Of the configuration file. */
  readonly file: Partial<Config>;
  /** What `configVersion` said of the file before it was read; empty where there is none. */
  readonly fileVersion: string;
}

/**
 * Reads the settings that a plugin is started with.
 *
 * @param path the configuration file or folder, if there is one
 * @throws ConfigError
 */
export async function settingsAtStart(
  path: string | undefined,
  sources: ConfigSources,
): Promise<StartSettings> {
  const command = await settingsOfCommand(sources);
  if (path === undefined) return { command, file: {}, fileVersion: '' };
  // What watches files takes a millisecond to load, for `node:fs/promises`.
  const { configVersion } = await import('./config-watch.ts');
  const fileVersion = await configVersion(path);
  return { command, file: await settingsOfFile(path), fileVersion };
}

/**
 * The settings of a configuration file or folder, see `readConfig`.
 *
 * @throws ConfigError
 */
export async function settingsOfFile(path: string): Promise<Partial<Config>> {
  const [{ readConfig }, { readSettings }] = await Promise.all([
    import('./config-file.ts'),
    import('./config.ts'),
  ]);
  return readSettings(await readConfig(path));
}

/**
 * The settings of a YAML mapping, see `parseSettings`.
 *
 * @throws ConfigError
 */
export async function settingsOfText(text: string, name: string): Promise<Partial<Config>> {
  if (text.trim() === '') return {};
  const [{ parseSettings }, { readSettings }] = await Promise.all([
    import('./config-file.ts'),
    import('./config.ts'),
  ]);
  return readSettings(parseSettings(text, name));
}

async function settingsOfCommand({ environment = [], flags = [] }: ConfigSources): Promise<Partial<Config>> {
  if (environment.length + flags.length === 0) return {};
  const { readSettings } = await import('./config.ts');
  return mergeSettings(readSettings(environment), readSettings(flags));
}
