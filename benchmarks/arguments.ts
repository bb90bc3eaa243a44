import { parseArgs } from 'node:util';
import { didYouMean } from '../src/main/suggest.ts';
import { CPU_COUNTS } from './hosts.ts';
import { type PluginCommand, readPluginCommand, readPreinstalled } from './plugin-command.ts';
import { NOOP, NOOP_GO, OURS } from './plugins.ts';

/** What the command line asks for. */
export interface BenchmarkArguments {
  readonly scenarios: readonly string[];
  readonly cpus: readonly number[];
  /** To be measured beside ours. */
  readonly plugins: readonly PluginCommand[];
  readonly isFull: boolean;
  readonly withReferences: boolean;
  readonly runs: number | undefined;
  /** In seconds. */
  readonly limit: number | undefined;
  readonly containers: number | undefined;
  /** Folder for the results. */
  readonly output: string;
  readonly updateDocument: boolean;
}

/** The command line is wrong; the message is one line that says how. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError';
}

const OPTIONS = {
  scenario: { type: 'string', multiple: true, short: 's' },
  cpus: { type: 'string', multiple: true, short: 'c' },
  plugin: { type: 'string', multiple: true, short: 'p' },
  preinstalled: { type: 'string', multiple: true },
  full: { type: 'boolean' },
  runs: { type: 'string' },
  limit: { type: 'string' },
  containers: { type: 'string' },
  'no-reference': { type: 'boolean' },
  output: { type: 'string' },
  'update-docs': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const help = (
  scenarios: readonly string[],
): string => `Measures how long a container runtime waits for NRI plugins.

  --scenario NAME    only this one; again for more: ${scenarios.join(', ')}
  --cpus N           only on a host of so many CPUs; again for more: ${CPU_COUNTS.join(', ')}
  --plugin COMMAND   measure this plugin too, on the same work in turn with ours; again for more. It may be called
                     'NAME: COMMAND'. {socket} in it is the runtime's socket, {host-root} a folder with the host's /sys,
                     {folder} one for files of its own; if it is ours, it needs --admin-socket {folder}/admin.sock.
                     One that reads /sys itself is run by 'benchmarks/on-host.sh {host-root} COMMAND', as root
  --preinstalled COMMAND  the same for a plugin that cannot be told a socket: it is started as runtimes start those in their
                     plugin folder, with a connection as descriptor 3 (NRI_PLUGIN_SOCKET)
  --full             the long form: more of everything, for numbers to publish
  --runs N           repeat each scenario so many times and report medians
  --limit SECONDS    that a plugin may take for one run of a scenario, its own turns only; 60 if not given, 1200 in the
                     long form. Of one that takes longer what was measured until then counts
  --containers N     at least so many containers on the node, where the scenario takes any number
  --no-reference     without the plugins that do nothing
  --output FOLDER    for results.json, results.md and plots; .cache/bench if not given
  --update-docs      put results and plots into docs/performance.md
  --help             this text
`;

/**
 * Reads the command line; undefined if it asks for help.
 *
 * @throws ArgumentError
 */
export function readArguments(
  argv: readonly string[],
  scenarios: readonly string[],
): BenchmarkArguments | undefined {
  const { values } = parse(argv);
  if (values.help) return undefined;
  const chosen = values.scenario ?? scenarios;
  for (const name of chosen) {
    if (scenarios.includes(name)) continue;
    throw new ArgumentError(
      `--scenario: there is no ${JSON.stringify(name)}${didYouMean(name, scenarios)} (known: ${scenarios.join(', ')})`,
    );
  }
  const cpus = (values.cpus ?? CPU_COUNTS.map(String)).map((text) => wholeNumber('--cpus', text));
  for (const count of cpus) {
    if (!CPU_COUNTS.includes(count))
      throw new ArgumentError(`--cpus: must be one of ${CPU_COUNTS.join(', ')}, not ${count}`);
  }
  return {
    scenarios: chosen,
    cpus,
    plugins: plugins(values.plugin ?? [], values.preinstalled ?? []),
    isFull: values.full ?? false,
    withReferences: !values['no-reference'],
    runs: optionalNumber('--runs', values.runs),
    limit: optionalNumber('--limit', values.limit),
    containers: optionalNumber('--containers', values.containers),
    output: values.output ?? '.cache/bench',
    updateDocument: values['update-docs'] ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith('ERR_PARSE_ARGS')) throw error;
    throw new ArgumentError(message);
  }
}

function plugins(texts: readonly string[], preinstalled: readonly string[]): readonly PluginCommand[] {
  const taken = [OURS, NOOP].map(({ name }) => name).concat(NOOP_GO);
  const all = [
    ...texts.map((text) => readPlugin('--plugin', text, readPluginCommand)),
    ...preinstalled.map((text) => readPlugin('--preinstalled', text, readPreinstalled)),
  ];
  for (const { name } of all) {
    if (taken.includes(name)) {
      throw new ArgumentError(
        `--plugin: two plugins are called ${name}; give yours another name, 'NAME: COMMAND'`,
      );
    }
    taken.push(name);
  }
  return all;
}

function readPlugin(flag: string, text: string, read: (text: string) => PluginCommand): PluginCommand {
  try {
    return read(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ArgumentError(`${flag}: ${error.message}`);
  }
}

function optionalNumber(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : wholeNumber(flag, text);
}

function wholeNumber(flag: string, text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new ArgumentError(`${flag}: must be a whole number from 1 on, not ${JSON.stringify(text)}`);
}
