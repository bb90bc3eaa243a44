import { defaultText, kebabCase, SETTING_NAMES, SETTINGS } from '../settings.ts';
import type { Flag } from './flags.ts';

/** What the names of our environment variables begin with; NRI has names of its own for what concerns it. */
export const PREFIX = 'WEKA_CPUSET_';
/** What holds where nothing is given. */
export const DEFAULTS = {
  socket: '/var/run/nri/nri.sock',
  pluginName: 'weka-cpuset',
  pluginIndex: '99',
  hostRoot: '/',
  adminSocket: '/run/weka-nri-cpuset/admin.sock',
};

const HOST_ROOT: Flag = {
  name: 'host-root',
  variable: variableOf('host-root'),
  placeholder: 'DIR',
  fallback: DEFAULTS.hostRoot,
  help: "folder that holds the host's /sys and /proc",
};

const ADMIN_SOCKET: Flag = {
  name: 'admin-socket',
  variable: variableOf('admin-socket'),
  placeholder: 'PATH',
  fallback: DEFAULTS.adminSocket,
  help: 'unix socket over which the running plugin is asked',
};
const CONFIG: Flag = {
  name: 'config',
  variable: variableOf('config'),
  placeholder: 'FILE',
  help: 'YAML file, or folder with a file for each setting',
};
const JSON_OUTPUT: Flag = { name: 'json', help: 'print JSON' };
/** Whether to print colours. */
export const COLOR: Flag = {
  name: 'color',
  help: 'use colours (the default on a terminal, unless NO_COLOR is set)',
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
  CONFIG,
  HOST_ROOT,
  ADMIN_SOCKET,
  {
    name: 'http',
    variable: variableOf('http'),
    placeholder: 'ADDR:PORT',
    help: 'serve health, metrics, API and page here too, read-only',
  },
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
  const { allowed, ...shown } = SETTINGS[setting];
  const name = kebabCase(setting);
  return { ...shown, name, variable: variableOf(name), fallback: defaultText(setting) };
});

/** Flags of `topology`. */
export const TOPOLOGY_FLAGS: readonly Flag[] = [JSON_OUTPUT, HOST_ROOT];

/** Flags of the commands that ask the running plugin. */
export const STATUS_FLAGS: readonly Flag[] = [ADMIN_SOCKET, JSON_OUTPUT, COLOR];
export const MAP_FLAGS: readonly Flag[] = [
  ADMIN_SOCKET,
  { name: 'watch', help: 'draw again whenever something changes' },
  COLOR,
];
export const EXPLAIN_FLAGS: readonly Flag[] = [ADMIN_SOCKET, COLOR];
export const JOURNAL_FLAGS: readonly Flag[] = [
  ADMIN_SOCKET,
  { name: 'follow', help: 'go on with each record as it is written' },
  JSON_OUTPUT,
  COLOR,
];

/** Flags of `doctor`. */
export const DOCTOR_FLAGS: readonly Flag[] = [
  JSON_OUTPUT,
  HOST_ROOT,
  { name: 'socket', placeholder: 'PATH', help: "the runtime's NRI socket (default: as the runtime has it)" },
  CONFIG,
];

/** Flags of `install`. */
export const INSTALL_FLAGS: readonly Flag[] = [
  { name: 'to', placeholder: 'FILE', help: 'copy this executable there' },
  CONFIG,
  { name: 'config-to', placeholder: 'FILE', help: 'copy the settings of --config there, as one file' },
];

/** Flags of `simulate` that are no settings. */
export const SIMULATE_FLAGS: readonly Flag[] = [
  {
    name: 'pods',
    placeholder: 'FILE',
    help: 'Kubernetes YAML or JSON; "-" reads standard input',
  },
  { name: 'topology', placeholder: 'SPEC', help: 'a host in words, such as "2 packages, 16 cores, SMT 2"' },
  { name: 'host-root', placeholder: 'DIR', help: 'the host whose /sys is here (default: this host)' },
  { name: 'from-live', help: 'the node of the running plugin, with its containers' },
  ADMIN_SOCKET,
  CONFIG,
  JSON_OUTPUT,
  COLOR,
];

function variableOf(flag: string): string {
  return PREFIX + flag.toUpperCase().replaceAll('-', '_');
}
