import { ConfigError, quote } from './config-error.ts';
import { withOrigins } from './origins.ts';
import { SCHEMAS } from './setting-schemas.ts';
import {
  type Config,
  configOf,
  DEFAULT_CONFIG,
  kebabCase,
  SETTING_NAMES,
  SETTINGS,
  type SettingValue,
} from './settings.ts';
import { didYouMean } from './suggest.ts';

export { type Config, DEFAULT_CONFIG };

/** One setting as a source gives it. */
export interface GivenSetting {
  /** The name in camelCase or kebab-case. */
  readonly key: string;
  readonly value: SettingValue;
  /** Where it was given, to start an error message with: a file and line, an environment variable, a flag. */
  readonly where: string;
}

/** Where settings come from; the later ones win. */
export interface ConfigSources {
  /** `--config`, see `readConfig`. */
  readonly file?: readonly GivenSetting[];
  /** The string in NRI's Configure request, see `parseSettings`. */
  readonly nri?: readonly GivenSetting[];
  readonly environment?: readonly GivenSetting[];
  readonly flags?: readonly GivenSetting[];
}

/** Both spellings of every setting. */
const NAME_OF_KEY: ReadonlyMap<string, keyof Config> = new Map(
  SETTING_NAMES.flatMap((name) => [
    [name, name],
    [kebabCase(name), name],
  ]),
);

/**
 * The settings in force: the built-in defaults, overridden by each source in turn. Every source is checked as a whole,
 * also what a later one overrides.
 *
 * @throws ConfigError for an unknown key, a key given twice in one source, or a bad value
 */
export function loadConfig(sources: ConfigSources): Config {
  const { file = [], nri = [], environment = [], flags = [] } = sources;
  return configOf(...[file, nri, environment, flags].map(readSettings));
}

/**
 * The settings that one source gives, with where (see `originOf`).
 *
 * @throws ConfigError as `loadConfig`
 */
export function readSettings(source: readonly GivenSetting[]): Partial<Config> {
  const read = new Map<keyof Config, { readonly by: GivenSetting; readonly value: unknown }>();
  for (const given of source) {
    const name = settingName(given);
    const earlier = read.get(name)?.by;
    if (earlier !== undefined) {
      throw new ConfigError(
        `${given.where}: ${name} is given twice, the first time as "${earlier.key}" at ${earlier.where}`,
      );
    }
    read.set(name, { by: given, value: readValue(name, given) });
  }
  return withOrigins(
    Object.fromEntries([...read].map(([name, { value }]) => [name, value])) as Partial<Config>,
    Object.fromEntries([...read].map(([name, { by }]) => [name, by.where])),
  );
}

function settingName({ key, where }: GivenSetting): keyof Config {
  const name = NAME_OF_KEY.get(key);
  if (name !== undefined) return name;
  const spelling = key.includes('-') ? SETTING_NAMES.map(kebabCase) : SETTING_NAMES;
  throw new ConfigError(`${where}: unknown setting ${quote(key)}${didYouMean(key, spelling)}`);
}

function readValue(name: keyof Config, { value, where }: GivenSetting): unknown {
  const result = SCHEMAS[name].safeParse(value);
  if (result.success) return result.data;
  // What the setting itself has to say is better than ours: it names the offending item or parts.
  const own = result.error.issues.filter(({ code }) => code === 'custom').map(({ message }) => message);
  const problem =
    own.length === 0 ? ` must be ${SETTINGS[name].allowed}, not ${quote(value)}` : `: ${own.join('; ')}`;
  throw new ConfigError(`${where}: ${name}${problem}`);
}
