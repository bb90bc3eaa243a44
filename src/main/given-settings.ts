import type { ConfigSources } from './config.ts';
import { mergeSettings } from './origins.ts';
import type { Config } from './settings.ts';

// What reads YAML takes 5 ms to load, and half a MiB, and what checks settings another 3 ms: a plugin that starts does so only where
// there are some.

/**
 * The settings of a configuration file or folder, see `readConfig`; none without a path.
 *
 * @throws ConfigError
 */
export async function settingsOfFile(path: string | undefined): Promise<Partial<Config>> {
  if (path === undefined) return {};
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

/**
 * The settings of the command line and the environment.
 *
 * @throws ConfigError
 */
export async function settingsOfCommand({
  environment = [],
  flags = [],
}: ConfigSources): Promise<Partial<Config>> {
  if (environment.length + flags.length === 0) return {};
  const { readSettings } = await import('./config.ts');
  return mergeSettings(readSettings(environment), readSettings(flags));
}
