import { ConfigError, type ConfigSources, type GivenSetting, quote } from '../config.ts';
import { LOG_FORMATS, LOG_LEVELS, type LogOptions } from '../log.ts';
import { kebabCase, SETTING_NAMES, SETTINGS } from '../settings.ts';
import { didYouMean } from '../suggest.ts';
import { type Environment, type Flag, type FlagValues, readFlags } from './flags.ts';

/** How to run the plugin. */
export interface RunOptions {
  /** The runtime's NRI socket, for a plugin that dials it itself. */
  readonly socketPath: string;
  /** Descriptor of an already connected socket, for a plugin that the runtime started. */
  readonly socketDescriptor: number | undefined;
  /** The identity sent in RegisterPlugin; the index has two digits. */
  readonly pluginName: string;
  readonly pluginIndex: string;
  /** Whether to decide and log, but leave every container as it is. */
  readonly dryRun: boolean;
  /** Folder under which the host's `/sys` and `/proc` are found. */
  readonly hostRoot: string;
  /** YAML file or folder that `readConfig` reads. */
  readonly configPath: string | undefined;
  /** Settings of the environment and the flags, for `loadConfig`. */
  readonly sources: ConfigSources;
  readonly log: LogOptions;
}

export type Command =
  | { readonly name: 'run'; readonly options: RunOptions }
  | { readonly name: 'topology'; readonly json: boolean; readonly hostRoot: string }
  | { readonly name: 'demo'; readonly args: readonly string[] }
  | { readonly name: 'version' }
  | { readonly name: 'help' };

const COMMANDS = ['run', 'topology', 'demo', 'version', 'help'];
/** What the names of our environment variables begin with; NRI has names of its own for what concerns it. */
export const PREFIX = 'WEKA_CPUSET_';
const DEFAULTS = {
  socket: '/var/run/nri/nri.sock',
  pluginName: 'weka-cpuset',
  pluginIndex: '99',
  hostRoot: '/',
};

const HOST_ROOT: Flag = {
  name: 'host-root',
  variable: variableOf('host-root'),
  placeholder: 'DIR',
  fallback: DEFAULTS.hostRoot,
  help: "folder that holds the host's /sys and /proc",
};

/** Flags of `run` that are no settings. */
export const RUN_FLAGS: readonly Flag[] = [
  {
    name: 'socket',
    variable: 'NRI_SOCKET',
    placeholder: 'PATH',
    fallback: DEFAULTS.socket,
    help: "the runtime's NRI socket",
  },
  {
    name: 'plugin-name',
    variable: 'NRI_PLUGIN_NAME',
    placeholder: 'NAME',
    fallback: DEFAULTS.pluginName,
    help: 'name to register with',
  },
  {
    name: 'plugin-index',
    variable: 'NRI_PLUGIN_IDX',
    placeholder: 'NN',
    fallback: DEFAULTS.pluginIndex,
    help: 'two digits, the place among other plugins',
  },
  {
    name: 'config',
    variable: variableOf('config'),
    placeholder: 'FILE',
    help: 'YAML file, or folder with a file for each setting',
  },
  HOST_ROOT,
  {
    name: 'log-level',
    variable: variableOf('log-level'),
    placeholder: 'LEVEL',
    help: 'trace, debug, info, warn, error, fatal or silent',
  },
  {
    name: 'log-format',
    variable: variableOf('log-format'),
    placeholder: 'FORMAT',
    help: 'json, or pretty (on a terminal the default)',
  },
  {
    name: 'log-file',
    variable: variableOf('log-file'),
    placeholder: 'FILE',
    help: 'append the log to this file',
  },
  { name: 'dry-run', variable: variableOf('dry-run'), help: 'decide and log, but change nothing' },
];

/** Flags of `run` that are settings. */
export const SETTING_FLAGS: readonly Flag[] = SETTING_NAMES.map((setting) => {
  const { schema, allowed, ...shown } = SETTINGS[setting];
  const name = kebabCase(setting);
  return { ...shown, name, variable: variableOf(name) };
});

/** Flags of `topology`. */
export const TOPOLOGY_FLAGS: readonly Flag[] = [{ name: 'json', help: 'print JSON' }, HOST_ROOT];

/**
 * Reads the command line (without node and script) and the environment. Settings are collected, and left to `loadConfig`
 * to check.
 *
 * @throws ConfigError with one line that says which argument or variable is wrong, and what is allowed
 */
export function parseCommandLine(argv: readonly string[], environment: Environment): Command {
  const named = argv[0] !== undefined && !argv[0].startsWith('-');
  const name = named ? argv[0]! : 'run';
  const rest = named ? argv.slice(1) : argv;
  if (name === 'help' || rest.includes('--help') || rest.includes('-h')) return { name: 'help' };
  if (name === 'version' || rest[0] === '--version') return { name: 'version' };
  if (name === 'demo') return { name, args: rest };
  if (name === 'topology') return topologyCommand(rest, environment);
  if (name === 'run') return { name, options: runOptions(rest, environment) };
  throw new ConfigError(`unknown command ${quote(name)}${didYouMean(name, COMMANDS)} (see --help)`);
}

function topologyCommand(argv: readonly string[], environment: Environment): Command {
  const values = readFlags(TOPOLOGY_FLAGS, argv, environment);
  return {
    name: 'topology',
    json: isOn(values, 'json'),
    hostRoot: path(values, 'host-root') ?? DEFAULTS.hostRoot,
  };
}

function runOptions(argv: readonly string[], environment: Environment): RunOptions {
  refuseUnknownVariables(environment);
  const values = readFlags([...RUN_FLAGS, ...SETTING_FLAGS], argv, environment);
  const socketDescriptor = inheritedSocket(environment);
  return {
    socketPath: path(values, 'socket') ?? DEFAULTS.socket,
    socketDescriptor,
    pluginName:
      text(values, 'plugin-name', /^[^\s/]+$/, 'a name without blanks and slashes') ?? DEFAULTS.pluginName,
    pluginIndex: text(values, 'plugin-index', /^\d\d$/, 'two digits, such as 99') ?? DEFAULTS.pluginIndex,
    dryRun: isOn(values, 'dry-run'),
    hostRoot: path(values, 'host-root') ?? DEFAULTS.hostRoot,
    configPath: path(values, 'config'),
    sources: { environment: settingsIn(values.variables), flags: settingsIn(values.flags) },
    log: {
      level: oneOf(values, 'log-level', LOG_LEVELS),
      format: oneOf(values, 'log-format', LOG_FORMATS),
      file: path(values, 'log-file'),
      preinstalled: socketDescriptor !== undefined,
    },
  };
}

/** The socket that the runtime hands to a plugin it starts (NRI, `NRI_PLUGIN_SOCKET`). */
function inheritedSocket(environment: Environment): number | undefined {
  const { NRI_PLUGIN_SOCKET: value } = environment;
  if (value === undefined) return undefined;
  if (/^\d{1,6}$/.test(value)) return Number(value);
  throw new ConfigError(
    `environment variable NRI_PLUGIN_SOCKET: must be the number of a descriptor, not ${quote(value)}`,
  );
}

function refuseUnknownVariables(environment: Environment): void {
  const known = [...RUN_FLAGS, ...SETTING_FLAGS].flatMap(({ variable }) => variable ?? []);
  for (const name of Object.keys(environment)) {
    if (!name.startsWith(PREFIX) || known.includes(name) || SERVICE_VARIABLE.test(name)) continue;
    throw new ConfigError(
      `environment variable ${name}: is not known${didYouMean(name, known)} (see --help)`,
    );
  }
}

/** What Kubernetes puts in the environment of pods for a Service whose name begins with `weka-cpuset`. */
const SERVICE_VARIABLE =
  /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/;

function variableOf(flag: string): string {
  return PREFIX + flag.toUpperCase().replaceAll('-', '_');
}

function settingsIn(given: ReadonlyMap<string, GivenSetting>): readonly GivenSetting[] {
  return SETTING_FLAGS.flatMap(({ name }) => given.get(name) ?? []);
}

function text(values: FlagValues, name: string, syntax: RegExp, allowed: string): string | undefined {
  const given = values.flags.get(name) ?? values.variables.get(name);
  if (given === undefined || syntax.test(given.value)) return given?.value;
  throw new ConfigError(`${given.where}: must be ${allowed}, not ${quote(given.value)}`);
}

function path(values: FlagValues, name: string): string | undefined {
  return text(values, name, /./, 'a path');
}

function isOn(values: FlagValues, name: string): boolean {
  return oneOf(values, name, ['true', 'false']) === 'true';
}

function oneOf<T extends string>(values: FlagValues, name: string, choices: readonly T[]): T | undefined {
  const value = text(values, name, new RegExp(`^(${choices.join('|')})$`), `one of ${choices.join(', ')}`);
  return choices.find((choice) => choice === value);
}
