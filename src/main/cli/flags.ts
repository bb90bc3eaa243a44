import { parseArgs } from 'node:util';
import type { GivenSetting } from '../config.ts';
import { ConfigError, quote } from '../config-error.ts';
import { didYouMean } from '../suggest.ts';

/** A flag, and the environment variable that says the same; the flag wins. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  readonly variable?: string;
  /** Stands for the value in the help text; a flag without one is a switch: `--name`, `--no-name`, `--name=false`. */
  readonly placeholder?: string;
  readonly fallback?: string;
  readonly help: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting or other flag as it was given; a switch is `true` or `false`. */
export type GivenFlag = GivenSetting & { readonly value: string };

/** What was given, by the flag's name. */
export interface FlagValues {
  readonly flags: ReadonlyMap<string, GivenFlag>;
  readonly variables: ReadonlyMap<string, GivenFlag>;
  /** Arguments that are no flags. */
  readonly positionals: readonly string[];
}

/**
 * Reads flags from the command line, where the last of several wins, and from the environment.
 *
 * @param maxPositionals how many arguments may be no flags
 * @throws ConfigError for an unknown flag, a missing value, or an argument too many
 */
export function readFlags(
  known: readonly Flag[],
  argv: readonly string[],
  environment: Environment,
  maxPositionals = 0,
): FlagValues {
  const variables = known.flatMap(({ name, variable }): [string, GivenFlag][] => {
    const value = variable && environment[variable];
    return value === undefined
      ? []
      : [[name, { key: name, value, where: `environment variable ${variable}` }]];
  });
  return { ...readCommandLine(known, argv, maxPositionals), variables: new Map(variables) };
}

function readCommandLine(
  known: readonly Flag[],
  argv: readonly string[],
  maxPositionals: number,
): Pick<FlagValues, 'flags' | 'positionals'> {
  // Not strict: its messages take several lines and know no near misses, so the tokens are checked here.
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      known.map((flag) => [flag.name, { type: isSwitch(flag) ? 'boolean' : 'string' }]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const byName = new Map(known.map((flag) => [flag.name, flag]));
  const given = new Map<string, GivenFlag>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      if (positionals.push(token.value) <= maxPositionals) continue;
      throw new ConfigError(`unexpected argument ${quote(token.value)} (see --help)`);
    }
    const negated = token.name.startsWith('no-') ? byName.get(token.name.slice(3)) : undefined;
    const flag = byName.get(token.name) ?? (negated && isSwitch(negated) ? negated : undefined);
    if (flag === undefined || (flag === negated && token.inlineValue)) {
      const meant = didYouMean(
        token.rawName,
        [...byName.keys()].map((name) => `--${name}`),
      );
      throw new ConfigError(`unknown flag ${quote(token.rawName)}${meant} (see --help)`);
    }
    const value = isSwitch(flag) ? (token.value ?? String(flag !== negated)) : token.value;
    if (value === undefined || (!token.inlineValue && /^-./.test(value))) {
      throw new ConfigError(
        `${token.rawName}: needs a value, ${token.rawName}=${flag.placeholder} (see --help)`,
      );
    }
    given.set(flag.name, { key: flag.name, value, where: token.rawName });
  }
  return { flags: given, positionals };
}

export function isSwitch(flag: Flag): boolean {
  return flag.placeholder === undefined;
}
