import type { ConfigSources, GivenSetting } from '../config.ts';
import { ConfigError, quote } from '../config-error.ts';
import type { DoctorOptions } from '../doctor/doctor.ts';
import { LOG_FORMATS, LOG_LEVELS, type LogOptions } from '../log.ts';
import type { SimulateOptions } from '../simulate/simulate.ts';
import { didYouMean } from '../suggest.ts';
import { type Environment, type FlagValues, readFlags } from './flags.ts';
import type { InstallOptions } from './install.ts';
import {
  DEFAULTS,
  DOCTOR_FLAGS,
  EXPLAIN_FLAGS,
  INSTALL_FLAGS,
  JOURNAL_FLAGS,
  MAP_FLAGS,
  PREFIX,
  RUN_FLAGS,
  SETTING_FLAGS,
  SIMULATE_FLAGS,
  STATUS_FLAGS,
  TOPOLOGY_FLAGS,
} from './known-flags.ts';

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
  /** Unix socket of the admin server. */
  readonly adminSocket: string;
  /** Where the admin server listens besides; undefined: nowhere. */
  readonly http: { readonly host: string; readonly port: number } | undefined;
  /** Settings of the environment and the flags, for `loadConfig`. */
  readonly sources: ConfigSources;
  readonly log: LogOptions;
}

/** How a command that asks the running plugin finds it and prints what it answers. */
export interface AskOptions {
  readonly adminSocket: string;
  /** Undefined: as the terminal has it. */
  readonly colour: boolean | undefined;
}

export type Command =
  | { readonly name: 'run'; readonly options: RunOptions }
  | { readonly name: 'topology'; readonly json: boolean; readonly hostRoot: string }
  | { readonly name: 'status'; readonly options: AskOptions & { readonly json: boolean } }
  | { readonly name: 'map'; readonly options: AskOptions & { readonly watch: boolean } }
  | { readonly name: 'explain'; readonly options: AskOptions & { readonly subject: string } }
  | {
      readonly name: 'journal';
      readonly options: AskOptions & { readonly follow: boolean; readonly json: boolean };
    }
  | { readonly name: 'simulate'; readonly options: SimulateOptions }
  | { readonly name: 'doctor'; readonly options: DoctorOptions }
  | { readonly name: 'install'; readonly options: InstallOptions }
  | { readonly name: 'demo'; readonly args: readonly string[] }
  | { readonly name: 'version' }
  | { readonly name: 'help' };

const COMMANDS: readonly Command['name'][] = [
  'run',
  'status',
  'map',
  'explain',
  'journal',
  'simulate',
  'doctor',
  'topology',
  'install',
  'demo',
  'version',
  'help',
];

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
  const command = COMMANDS.find((known) => known === name);
  switch (command) {
    case 'run':
      return { name: command, options: runOptions(rest, environment) };
    case 'demo':
      return { name: command, args: rest };
    case 'topology': {
      const values = readFlags(TOPOLOGY_FLAGS, rest, environment);
      return { name: command, json: isOn(values, 'json'), hostRoot: hostRoot(values) };
    }
    case 'doctor': {
      const values = readFlags(DOCTOR_FLAGS, rest, environment);
      return {
        name: command,
        options: {
          json: isOn(values, 'json'),
          hostRoot: hostRoot(values),
          socketPath: path(values, 'socket'),
          configPath: path(values, 'config'),
        },
      };
    }
    case 'install':
      return { name: command, options: installOptions(rest, environment) };
    case 'status': {
      const values = readFlags(STATUS_FLAGS, rest, environment);
      return { name: command, options: { ...askOptions(values), json: isOn(values, 'json') } };
    }
    case 'map': {
      const values = readFlags(MAP_FLAGS, rest, environment);
      return { name: command, options: { ...askOptions(values), watch: isOn(values, 'watch') } };
    }
    case 'explain': {
      const values = readFlags(EXPLAIN_FLAGS, rest, environment, 1);
      const [subject] = values.positionals;
      if (!subject) throw new ConfigError('explain: needs the name of a pod or container (see --help)');
      return { name: command, options: { ...askOptions(values), subject } };
    }
    case 'journal': {
      const values = readFlags(JOURNAL_FLAGS, rest, environment);
      const options = { follow: isOn(values, 'follow'), json: isOn(values, 'json') };
      return { name: command, options: { ...askOptions(values), ...options } };
    }
    case 'simulate':
      return { name: command, options: simulateOptions(rest, environment) };
    default:
      throw new ConfigError(`unknown command ${quote(name)}${didYouMean(name, COMMANDS)} (see --help)`);
  }
}

function askOptions(values: FlagValues): AskOptions {
  return { adminSocket: path(values, 'admin-socket') ?? DEFAULTS.adminSocket, colour: colour(values) };
}

function installOptions(argv: readonly string[], environment: Environment): InstallOptions {
  const values = readFlags(INSTALL_FLAGS, argv, environment);
  const to = path(values, 'to');
  const [configFrom, configTo] = [path(values, 'config'), path(values, 'config-to')];
  if (to === undefined) throw new ConfigError('install: needs to know where, --to=FILE (see --help)');
  if (configTo === undefined) return { to, config: undefined };
  if (configFrom === undefined) throw new ConfigError('install: --config-to needs --config (see --help)');
  return { to, config: { from: configFrom, to: configTo } };
}

function simulateOptions(argv: readonly string[], environment: Environment): SimulateOptions {
  refuseUnknownVariables(environment);
  const values = readFlags([...SIMULATE_FLAGS, ...SETTING_FLAGS], argv, environment);
  const pods = path(values, 'pods');
  if (pods === undefined) throw new ConfigError('simulate: needs the pods, --pods=FILE (see --help)');
  const topology = text(values, 'topology', /\S/, 'a host in words, such as "2 packages, 16 cores, SMT 2"');
  const root = path(values, 'host-root');
  const fromLive = isOn(values, 'from-live');
  if ([topology !== undefined, root !== undefined, fromLive].filter(Boolean).length > 1) {
    throw new ConfigError('simulate: takes one of --topology, --host-root and --from-live (see --help)');
  }
  return {
    pods,
    host:
      topology !== undefined
        ? { from: 'specification', text: topology }
        : fromLive
          ? { from: 'live', adminSocket: askOptions(values).adminSocket }
          : { from: 'files', root: root ?? DEFAULTS.hostRoot },
    configPath: path(values, 'config'),
    sources: settingSources(values),
    json: isOn(values, 'json'),
    colour: colour(values),
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
    hostRoot: hostRoot(values),
    configPath: path(values, 'config'),
    adminSocket: path(values, 'admin-socket') ?? DEFAULTS.adminSocket,
    http: address(values, 'http'),
    sources: settingSources(values),
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

function settingSources({ variables, flags }: FlagValues): ConfigSources {
  return { environment: settingsIn(variables), flags: settingsIn(flags) };
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

function hostRoot(values: FlagValues): string {
  return path(values, 'host-root') ?? DEFAULTS.hostRoot;
}

/** Undefined where it was not said. */
function colour(values: FlagValues): boolean | undefined {
  const given = oneOf(values, 'color', ['true', 'false']);
  return given === undefined ? undefined : given === 'true';
}

const ADDRESS = /^(?:\[([\da-f:.]+)\]|([^\s/:[\]]+)):(\d{1,5})$/i;
const MAX_PORT = 65_535;

/** A host name or address and a port; an IPv6 address is in brackets. */
function address(values: FlagValues, name: string): RunOptions['http'] {
  const given = values.flags.get(name) ?? values.variables.get(name);
  if (given === undefined) return undefined;
  const [, inBrackets, plain, digits] = ADDRESS.exec(given.value) ?? [];
  const host = inBrackets ?? plain;
  const port = Number(digits);
  if (host !== undefined && port <= MAX_PORT) return { host, port };
  throw new ConfigError(
    `${given.where}: must be an address and a port, such as 127.0.0.1:9464 or [::]:9464, not ${quote(given.value)}`,
  );
}

function isOn(values: FlagValues, name: string): boolean {
  return oneOf(values, name, ['true', 'false']) === 'true';
}

function oneOf<T extends string>(values: FlagValues, name: string, choices: readonly T[]): T | undefined {
  const value = text(values, name, new RegExp(`^(${choices.join('|')})$`), `one of ${choices.join(', ')}`);
  return choices.find((choice) => choice === value);
}
