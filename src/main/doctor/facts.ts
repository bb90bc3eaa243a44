import { readTopology, TopologyError } from '../../placement/sysfs.ts';
import { createTopology, type Topology } from '../../placement/topology.ts';
import { type Config, DEFAULT_CONFIG, loadConfig, readSettings } from '../config.ts';
import { ConfigError } from '../config-error.ts';
import { parseSettings, readConfig } from '../config-file.ts';
import { Rules } from '../rules.ts';
import { type Cgroups, readCgroups } from './cgroups.ts';
import { type KubeletConfig, readKubeletConfig } from './kubelet-config.ts';
import { hostPath, type Node } from './node.ts';
import { type Process, readProcesses } from './processes.ts';
import { NRI_DEFAULTS, type RuntimeConfig, readRuntimeConfig } from './runtime-config.ts';

/** Our own configuration. */
export interface OwnConfig {
  /** Undefined: none was named or found. */
  readonly path: string | undefined;
  /** The settings; the built-in defaults where the file cannot be used. */
  readonly settings: Config;
  /** Why the file cannot be used. */
  readonly problem: string | undefined;
}

/** What is known of a node, gathered once for all checks. */
export interface Facts {
  readonly node: Node;
  readonly processes: readonly Process[];
  readonly runtime: RuntimeConfig | undefined;
  readonly kubelet: KubeletConfig;
  readonly cgroups: Cgroups | undefined;
  /** The CPUs, or why they are not known. */
  readonly topology: Topology | string;
  readonly own: OwnConfig;
  /** The NRI socket to try, as a path on this machine. */
  readonly socketPath: string;
  /** Whether the operator named it. */
  readonly isSocketGiven: boolean;
}

/** The NRI socket that the runtime's configuration names, relative to the host's root. */
export function socketFile(runtime: RuntimeConfig | undefined): string {
  const { socketPath } = runtime?.nri ?? NRI_DEFAULTS;
  // /var/run is a link to /run, and below another root than ours an absolute link would lead to our own.
  return socketPath.replace(/^\/var\/run\//, '/run/').slice(1);
}

export async function gatherFacts(
  node: Node,
  options: { readonly socketPath?: string | undefined; readonly configPath?: string | undefined },
): Promise<Facts> {
  const processes = readProcesses(node);
  const kubelet = readKubeletConfig(node, processes);
  const runtime = readRuntimeConfig(node, processes, kubelet.runtimeEndpoint);
  const topology = topologyOf(node);
  return {
    node,
    processes,
    runtime,
    kubelet,
    cgroups: readCgroups(node),
    topology,
    own: await readOwnConfig(node, options.configPath, topology),
    socketPath: options.socketPath ?? hostPath(node, socketFile(runtime)),
    isSocketGiven: options.socketPath !== undefined,
  };
}

function topologyOf(node: Node): Topology | string {
  try {
    return createTopology(readTopology(node));
  } catch (failure) {
    if (failure instanceof TopologyError) return failure.message;
    throw failure;
  }
}

/** Where the runtime takes the configuration from that it hands to a plugin which it starts itself. */
const NRI_CONFIG_FOLDER = 'etc/nri/conf.d';

async function readOwnConfig(
  node: Node,
  given: string | undefined,
  topology: Topology | string,
): Promise<OwnConfig> {
  const handedOver = node.list(NRI_CONFIG_FOLDER).find((name) => /^(\d\d-)?weka-cpuset\.conf$/.test(name));
  const file = handedOver === undefined ? undefined : `${NRI_CONFIG_FOLDER}/${handedOver}`;
  const path = given ?? (file && hostPath(node, file));
  const unused = { path, settings: DEFAULT_CONFIG };
  if (path === undefined) return { ...unused, problem: undefined };
  try {
    const source =
      given === undefined
        ? parseSettings(node.read(file!) ?? '', `config file ${path}`)
        : await readConfig(given);
    // Whether it fits the CPUs is for the rules to find out.
    const settings =
      typeof topology === 'string'
        ? loadConfig({ file: source })
        : new Rules({}, topology, readSettings(source)).config;
    return { path, settings, problem: undefined };
  } catch (failure) {
    if (failure instanceof ConfigError) return { ...unused, problem: failure.message };
    throw failure;
  }
}
