import { CpuListError, parseCpuList } from '../placement/cpulist.ts';
import type { Cpuset } from '../placement/cpuset.ts';
import { ConfigError, quote } from './config-error.ts';
import { SCHEMAS } from './setting-schemas.ts';
import { type Config, kebabCase, SETTING_NAMES, SETTINGS, type SettingValue } from './settings.ts';
import { didYouMean } from './suggest.ts';

export type { Config };

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
  return Object.freeze({
    ...DEFAULT_CONFIG,
    ...readSource(sources.file ?? []),
    ...readSource(sources.nri ?? []),
    ...readSource(sources.environment ?? []),
    ...readSource(sources.flags ?? []),
  });
}

/** The settings in force when no source says anything. */
export const DEFAULT_CONFIG: Config = Object.freeze(
  readSource(
    SETTING_NAMES.map((key) => ({ key, value: SETTINGS[key].fallback, where: 'built-in default' })),
  ) as Config,
);

/**
 * A configured CPU list as the set of CPUs of this host, which is not known yet when the settings are read.
 *
 * @param maxCpuId highest id the kernel can ever have (`Topology.maxCpuId`)
 * @throws ConfigError when the list names a CPU above it
 */
export function configuredCpus(
  config: Config,
  setting: 'reservedCpus' | 'protectedCpus',
  maxCpuId: number,
): Cpuset {
  try {
    return parseCpuList(config[setting], { max: maxCpuId, allowEmpty: true });
  } catch (error) {
    if (error instanceof CpuListError) throw new ConfigError(`${setting}: ${error.message}`);
    throw error;
  }
}

function readSource(source: readonly GivenSetting[]): Partial<Config> {
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
  return Object.fromEntries([...read].map(([name, { value }]) => [name, value])) as Partial<Config>;
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
  // A CPU list's own message is better than ours: it names the offending item.
  const custom = result.error.issues.find((issue) => issue.code === 'custom');
  const problem =
    custom === undefined ? ` must be ${SETTINGS[name].allowed}, not ${quote(value)}` : `: ${custom.message}`;
  throw new ConfigError(`${where}: ${name}${problem}`);
}
