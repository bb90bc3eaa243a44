import { join } from 'node:path';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import type { Node } from './node.ts';
import { fileOf, flagValue, type Process } from './processes.ts';
import { isTable, lookUp, numberOf, overlay, strings, type Table, textOf } from './tables.ts';

/** What a node shows of its kubelet. Each value is undefined where nothing says it. */
export interface KubeletConfig {
  readonly isRunning: boolean;
  /** The configuration files that were found, in order; relative to the host's root. */
  readonly paths: readonly string[];
  readonly problems: readonly string[];
  readonly cpuManagerPolicy: string | undefined;
  readonly memoryManagerPolicy: string | undefined;
  readonly cgroupDriver: string | undefined;
  readonly runtimeEndpoint: string | undefined;
  readonly maxPods: number | undefined;
  /** `policyName` in the state files: the policy that the kubelet last ran with. */
  readonly cpuManagerState: string | undefined;
  readonly memoryManagerState: string | undefined;
  /** Where its state is: `--root-dir`, relative to the host's root. */
  readonly stateFolder: string;
}

/** Where distributions keep the kubelet's configuration when no command line tells. */
const CONFIG_FILES = [
  'var/lib/kubelet/config.yaml',
  'etc/kubernetes/kubelet/config.json',
  'etc/kubernetes/kubelet/kubelet-config.json',
  'etc/kubernetes/kubelet.conf',
  'home/kubernetes/kubelet-config.yaml',
];
/** Folders of drop-ins: of K3s and RKE2, which have the kubelet inside of their own process, and of EKS and OpenShift. */
const DROP_IN_FOLDERS = [
  'var/lib/rancher/k3s/agent/etc/kubelet.conf.d',
  'var/lib/rancher/rke2/agent/etc/kubelet.conf.d',
  'etc/kubernetes/kubelet/config.json.d',
];
const RANCHER_FILES = ['etc/rancher/k3s/config.yaml', 'etc/rancher/rke2/config.yaml'];

/** Reads what the kubelet is told, its command line over drop-ins over its file, and what it has noted in its state files. */
export function readKubeletConfig(node: Node, processes: readonly Process[]): KubeletConfig {
  const kubelet = processes.find(({ program }) => program === 'kubelet');
  const problems: string[] = [];
  const args = [...(kubelet?.args ?? []), ...rancherArgs(node, problems)];
  const fileIn = (flag: string) => {
    const path = flagValue(args, flag);
    return path === undefined ? undefined : fileOf(node, kubelet, path);
  };
  const given = fileIn('config');
  const dropIns = fileIn('config-dir');
  const candidates = [
    ...(given === undefined ? CONFIG_FILES : [given]),
    ...(dropIns === undefined ? DROP_IN_FOLDERS : [dropIns]).flatMap((folder) =>
      [...node.list(folder)].sort().map((name) => join(folder, name)),
    ),
  ];
  const files = candidates.flatMap((path) => {
    const table = readYaml(node, path, problems);
    // A kubeconfig may have the same name.
    return isTable(table) && lookUp(table, 'kind') === 'KubeletConfiguration' ? [{ path, table }] : [];
  });
  const config = files.map(({ table }) => table).reduce<Table>(overlay, {});
  const value = (flag: string, key: string) => flagValue(args, flag) ?? textOf(config[key]);
  const stateFolder = fileIn('root-dir') ?? 'var/lib/kubelet';
  const maxPods = Number(flagValue(args, 'max-pods') ?? numberOf(lookUp(config, 'maxPods')));
  return {
    isRunning: kubelet !== undefined,
    paths: files.map(({ path }) => path),
    problems,
    cpuManagerPolicy: value('cpu-manager-policy', 'cpuManagerPolicy'),
    memoryManagerPolicy: value('memory-manager-policy', 'memoryManagerPolicy'),
    cgroupDriver: value('cgroup-driver', 'cgroupDriver'),
    runtimeEndpoint: value('container-runtime-endpoint', 'containerRuntimeEndpoint'),
    maxPods: maxPods > 0 ? maxPods : undefined,
    cpuManagerState: policyName(node, join(stateFolder, 'cpu_manager_state')),
    memoryManagerState: policyName(node, join(stateFolder, 'memory_manager_state')),
    stateFolder,
  };
}

/**
 * The kubelet's flags in the configuration of K3s and RKE2, which hide their command line. Drop-ins follow their file in the
 * order of their names; `kubelet-arg` in a later file replaces what was there, `kubelet-arg+` adds to it.
 */
function rancherArgs(node: Node, problems: string[]): readonly string[] {
  return RANCHER_FILES.flatMap((main) => {
    const dropIns = node.list(`${main}.d`).filter((name) => /\.ya?ml$/i.test(name));
    return [main, ...[...dropIns].sort().map((name) => join(`${main}.d`, name))]
      .map((path) => readYaml(node, path, problems))
      .reduce<readonly string[]>((args, table) => {
        const replaced = textsOf(lookUp(table, 'kubelet-arg')) ?? args;
        return [...replaced, ...(textsOf(lookUp(table, 'kubelet-arg+')) ?? [])];
      }, [])
      .map((arg) => `--${arg.replace(/^-+/, '')}`);
  });
}

/** One text or a list of them; undefined if there is neither. */
function textsOf(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? strings(value) : undefined;
}

function readYaml(node: Node, path: string, problems: string[]): unknown {
  const text = node.read(path);
  if (text === undefined) {
    const code = node.obstacle(path);
    if (code === 'EACCES') problems.push(`/${path} may not be read`);
    if (code === undefined) problems.push(`/${path} cannot be read (no file, or a very long one)`);
    return undefined;
  }
  try {
    // JSON is YAML.
    return parseYaml(text, { logLevel: 'error' });
  } catch (failure) {
    if (!(failure instanceof YAMLParseError || failure instanceof ReferenceError)) throw failure;
    problems.push(`/${path} is not YAML: ${failure.message.split('\n')[0]?.replace(/:$/, '')}`);
    return undefined;
  }
}

function policyName(node: Node, path: string): string | undefined {
  return /"policyName"\s*:\s*"(\w+)"/.exec(node.read(path) ?? '')?.[1];
}
