import type { Config } from './settings.ts';

/** Where settings were given, to start an error message with: a file and line, an environment variable, a flag. */
export type Origins = { readonly [K in keyof Config]?: string | undefined };

/**
 * Some settings can be checked only when the host is known, and by then several sources have become one. This is kept beside the
 * settings and not among them: they are compared, frozen, and shown to operators as plain values.
 */
const ORIGINS = new WeakMap<Partial<Config>, Origins>();

/** Notes where each of the settings was given. @returns the settings */
export function withOrigins<T extends Partial<Config>>(settings: T, origins: Origins): T {
  ORIGINS.set(settings, origins);
  return settings;
}

/** Where a setting was given; undefined for a default, and for settings that no source has given. */
export function originOf(settings: Partial<Config>, name: keyof Config): string | undefined {
  return ORIGINS.get(settings)?.[name];
}

/** What several sources say together: of what is given more than once, the last counts. */
export function mergeSettings(...sources: readonly Partial<Config>[]): Partial<Config> {
  const origins = sources.flatMap((source) =>
    (Object.keys(source) as (keyof Config)[]).map((name) => [name, originOf(source, name)] as const),
  );
  return withOrigins(Object.assign({}, ...sources), Object.fromEntries(origins));
}
