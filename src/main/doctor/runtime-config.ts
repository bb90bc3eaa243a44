import { DEFAULT_REQUEST_TIMEOUT_MS } from '../nri/request-timeout.ts';
import { parseDuration } from './durations.ts';
import type { Node } from './node.ts';
import { fileOf, flagValue, type Process } from './processes.ts';
import { isTable, lookUp, numberOf, overlay, strings, type Table, textOf } from './tables.ts';
import { expand, readTomlFiles, type TomlFile } from './toml-files.ts';

export type CgroupDriver = 'systemd' | 'cgroupfs';

/** What concerns plugins in a runtime's configuration, with NRI's own defaults filled in. */
export interface NriSettings {
  /** Whether plugins may connect, rather than only be started by the runtime. */
  readonly acceptsConnections: boolean;
  readonly socketPath: string;
  /** Where the runtime looks for plugins to start. */
  readonly pluginFolder: string;
  readonly registrationTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** NRI as a runtime's configuration has it. */
export interface NriConfig extends NriSettings {
  /** Undefined: the configuration does not say, and whether it is on by default depends on the runtime's version. */
  readonly enabled: boolean | undefined;
  /** The file whose section on NRI counts, relative to the host's root; undefined if none has one. */
  readonly path: string | undefined;
  /** The file that has NRI among containerd's `disabled_plugins`, whatever the section says. */
  readonly disabledBy: string | undefined;
}

/** What a container runtime's configuration files say. */
export interface RuntimeConfig {
  readonly kind: 'containerd' | 'CRI-O';
  /** Relative to the host's root; none where the runtime runs with its built-in defaults. */
  readonly paths: readonly string[];
  readonly problems: readonly string[];
  /** Version of containerd's configuration format: 2 for 1.x, 3 and above since 2.0. */
  readonly version: number | undefined;
  readonly nri: NriConfig;
  /** Undefined: left to the runtime. */
  readonly cgroupDriver: CgroupDriver | undefined;
}

/** Defaults of the NRI project, which both runtimes take over. */
export const NRI_DEFAULTS: NriSettings = {
  acceptsConnections: true,
  socketPath: '/var/run/nri/nri.sock',
  pluginFolder: '/opt/nri/plugins',
  registrationTimeoutMs: 5000,
  requestTimeoutMs: DEFAULT_REQUEST_TIMEOUT_MS,
};

/** Where distributions keep containerd's configuration. */
const CONTAINERD_FILES = [
  'etc/containerd/config.toml',
  'var/lib/rancher/k3s/agent/etc/containerd/config.toml',
  'var/lib/rancher/rke2/agent/etc/containerd/config.toml',
  'etc/k0s/containerd.toml',
  'var/snap/microk8s/current/args/containerd.toml',
];
/** What containerd 2.2 and later read when they have no configuration file. */
const CONTAINERD_DROP_INS = '/etc/containerd/conf.d/*.toml';
const CRIO_FILE = 'etc/crio/crio.conf';
const CRIO_DROP_INS = '/etc/crio/crio.conf.d/*';

/**
 * Reads the configuration of the runtime that the kubelet uses; failing that, of the one that runs; failing that, of the one
 * that is configured.
 *
 * @param endpoint the kubelet's `containerRuntimeEndpoint`, if known
 * @returns undefined if there is no sign of containerd or CRI-O
 */
export function readRuntimeConfig(
  node: Node,
  processes: readonly Process[],
  endpoint: string | undefined,
): RuntimeConfig | undefined {
  const containerd = processes.find(({ program }) => program === 'containerd');
  const crio = processes.find(({ program }) => program === 'crio');
  // A file that may not be read is there all the same.
  const exists = (path: string) => !['ENOENT', 'ENOTDIR'].includes(node.obstacle(path) ?? '');
  const given = flagValue(containerd?.args ?? [], 'config', 'c');
  const containerdFile =
    given === undefined ? CONTAINERD_FILES.find(exists) : fileOf(node, containerd, given);
  const containerdFiles =
    containerdFile === undefined ? expand(node, CONTAINERD_DROP_INS, '') : [containerdFile];
  const crioFiles = [...[CRIO_FILE].filter(exists), ...expand(node, CRIO_DROP_INS, '')];

  const usesContainerd = endpoint?.includes('containerd') || containerd !== undefined;
  const usesCrio = endpoint?.includes('crio') || (!usesContainerd && crio !== undefined);
  if (usesCrio) return crioConfig(node, crioFiles);
  if (usesContainerd || containerdFiles.length > 0) return containerdConfig(node, containerdFiles);
  return crioFiles.length > 0 ? crioConfig(node, crioFiles) : undefined;
}

/** What a runtime calls the settings of its NRI section. */
interface NriKeys {
  readonly disableConnections: string;
  readonly socketPath: string;
  readonly pluginFolder: string;
  readonly registrationTimeout: string;
  readonly requestTimeout: string;
}

const CONTAINERD_KEYS: NriKeys = {
  disableConnections: 'disable_connections',
  socketPath: 'socket_path',
  pluginFolder: 'plugin_path',
  registrationTimeout: 'plugin_registration_timeout',
  requestTimeout: 'plugin_request_timeout',
};

/** crio.conf(5), "crio.nri table". */
const CRIO_KEYS: NriKeys = {
  disableConnections: 'nri_disable_connections',
  socketPath: 'nri_listen',
  pluginFolder: 'nri_plugin_dir',
  registrationTimeout: 'nri_plugin_registration_timeout',
  requestTimeout: 'nri_plugin_request_timeout',
};

function nriSettings(section: unknown, keys: NriKeys): NriSettings {
  const text = (key: string) => textOf(lookUp(section, key));
  const duration = (key: string) => parseDuration(lookUp(section, key));
  return {
    acceptsConnections: lookUp(section, keys.disableConnections) !== true,
    socketPath: text(keys.socketPath) ?? NRI_DEFAULTS.socketPath,
    pluginFolder: text(keys.pluginFolder) ?? NRI_DEFAULTS.pluginFolder,
    registrationTimeoutMs: duration(keys.registrationTimeout) ?? NRI_DEFAULTS.registrationTimeoutMs,
    requestTimeoutMs: duration(keys.requestTimeout) ?? NRI_DEFAULTS.requestTimeoutMs,
  };
}

const NRI_PLUGIN = 'io.containerd.nri.v1.nri';

function containerdConfig(node: Node, start: readonly string[]): RuntimeConfig {
  const { files, problems } = readTomlFiles(node, start);
  const [main] = files;
  const version = main === undefined ? undefined : (numberOf(lookUp(main.table, 'version')) ?? 1);
  const plugins = mergePlugins(files, version);
  const nri = lookUp(plugins, NRI_PLUGIN);
  const disabledBy = files.find(({ table }) =>
    strings(lookUp(table, 'disabled_plugins')).includes(NRI_PLUGIN),
  )?.path;
  const disable = lookUp(nri, 'disable');
  const byDefault = version !== undefined && version >= 3 ? true : undefined;
  return {
    kind: 'containerd',
    paths: files.map(({ path }) => path),
    problems,
    version,
    nri: {
      path: files.findLast(({ table }) => isTable(lookUp(table, 'plugins', NRI_PLUGIN)))?.path,
      disabledBy,
      enabled: disabledBy !== undefined ? false : typeof disable === 'boolean' ? !disable : byDefault,
      ...nriSettings(nri, CONTAINERD_KEYS),
    },
    cgroupDriver: containerdCgroupDriver(plugins),
  };
}

/** In a later file, containerd 1.x takes a plugin's section as a whole, and 2.x key by key. */
function mergePlugins(files: readonly TomlFile[], version: number | undefined): Table {
  const sections = files.map(({ table }) => lookUp(table, 'plugins')).filter(isTable);
  return version !== undefined && version < 3 ? Object.assign({}, ...sections) : sections.reduce(overlay, {});
}

function containerdCgroupDriver(plugins: Table): CgroupDriver | undefined {
  for (const name of ['io.containerd.cri.v1.runtime', 'io.containerd.grpc.v1.cri', 'cri']) {
    const containerd = lookUp(plugins, name, 'containerd');
    const runtime = textOf(lookUp(containerd, 'default_runtime_name')) ?? 'runc';
    const systemd = lookUp(containerd, 'runtimes', runtime, 'options', 'SystemdCgroup');
    if (typeof systemd === 'boolean') return systemd ? 'systemd' : 'cgroupfs';
  }
  return undefined;
}

function crioConfig(node: Node, start: readonly string[]): RuntimeConfig {
  const { files, problems } = readTomlFiles(node, start);
  const crio = lookUp(files.map(({ table }) => table).reduce(overlay, {}), 'crio');
  const nri = lookUp(crio, 'nri');
  const enable = lookUp(nri, 'enable_nri');
  return {
    kind: 'CRI-O',
    paths: files.map(({ path }) => path),
    problems,
    version: undefined,
    nri: {
      path: files.findLast(({ table }) => isTable(lookUp(table, 'crio', 'nri')))?.path,
      disabledBy: undefined,
      enabled: typeof enable === 'boolean' ? enable : undefined,
      ...nriSettings(nri, CRIO_KEYS),
    },
    // crio.conf(5): cgroup_manager is systemd unless said otherwise.
    cgroupDriver: lookUp(crio, 'runtime', 'cgroup_manager') === 'cgroupfs' ? 'cgroupfs' : 'systemd',
  };
}
