import type { GivenSetting } from './config.ts';

// What reads YAML takes 5 ms to load, and half a MiB: a plugin that starts does so only where there is some.

/**
 * The settings of a configuration file or folder, see `readConfig`; none without a path.
 *
 * @throws ConfigError
 */
export async function settingsOfFile(path: string | undefined): Promise<readonly GivenSetting[]> {
  if (path === undefined) return [];
  const { readConfig } = await import('./config-file.ts');
  return readConfig(path);
}

/**
 * The settings of a YAML mapping, see `parseSettings`.
 *
 * @throws ConfigError
 */
export async function settingsOfText(text: string, name: string): Promise<readonly GivenSetting[]> {
  if (text.trim() === '') return [];
  const { parseSettings } = await import('./config-file.ts');
  return parseSettings(text, name);
}
