import { examine } from '../../../src/main/doctor/doctor.ts';
import type { Finding } from '../../../src/main/doctor/finding.ts';
import type { Node } from '../../../src/main/doctor/node.ts';
import { Cpuset } from '../../../src/placement/cpuset.ts';
import type { TopologyParts } from '../../../src/placement/topology.ts';
import { describeHost, type HostFiles, reading } from '../../placement/made-up-host.ts';

const sets = (...lists: string[]) =>
  lists.map((list) => Cpuset.range(Number(list.split('-')[0]), Number(list.split('-')[1])));

/** Two nodes of two cores with two threads each. */
export const TOPOLOGY: TopologyParts = {
  maxCpuId: 7,
  online: Cpuset.range(0, 7),
  offline: Cpuset.EMPTY,
  isolated: Cpuset.EMPTY,
  cores: sets('0-1', '2-3', '4-5', '6-7'),
  clusters: [],
  llcs: sets('0-3', '4-7'),
  dies: [],
  packages: sets('0-3', '4-7'),
  nodes: [
    { id: 0, cpus: Cpuset.range(0, 3), memoryBytes: 2 ** 34, distances: [10, 20] },
    { id: 1, cpus: Cpuset.range(4, 7), memoryBytes: 2 ** 34, distances: [20, 10] },
  ],
  coreKinds: [],
};

export const CONTAINERD = 'etc/containerd/config.toml';
export const KUBELET = 'var/lib/kubelet/config.yaml';
export const CPU_STATE = 'var/lib/kubelet/cpu_manager_state';
export const PODS = 'sys/fs/cgroup/kubepods.slice';

/** A node on which nothing is wrong: containerd 2, the systemd driver, cgroup v2. */
export function healthyFiles(parts: TopologyParts = TOPOLOGY): HostFiles {
  const files = describeHost(parts);
  const more = {
    [CONTAINERD]: `version = 3
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = true
`,
    [KUBELET]: 'kind: KubeletConfiguration\ncgroupDriver: systemd\ncpuManagerPolicy: none\n',
    [CPU_STATE]: '{"policyName":"none","defaultCpuSet":"","checksum":1353318690}',
    'sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
    'sys/fs/cgroup/cgroup.subtree_control': 'cpuset cpu io memory pids\n',
    [`${PODS}/cgroup.controllers`]: 'cpuset cpu io memory pids\n',
    [`${PODS}/cgroup.subtree_control`]: 'cpuset cpu io memory pids\n',
    [`${PODS}/cpuset.cpus`]: '\n',
    [`${PODS}/cpuset.cpus.effective`]: `${parts.online}\n`,
    'sys/devices/system/cpu/offline': '\n',
    'sys/devices/system/clocksource/clocksource0/current_clocksource': 'tsc\n',
    'run/nri/nri.sock': '',
  };
  for (const [path, text] of Object.entries(more)) files.set(path, text);
  addProcess(files, 100, '/usr/bin/containerd');
  addProcess(files, 200, '/usr/bin/kubelet', '--config=/var/lib/kubelet/config.yaml');
  return files;
}

export function addProcess(files: HostFiles, id: number, ...commandLine: readonly string[]): void {
  files.set(`proc/${id}/cmdline`, `${commandLine.join('\0')}\0`);
}

/** What is not said by the files. */
export type Circumstances = Partial<Pick<Node, 'isLive' | 'userId' | 'wallClock'>> & {
  /** Error code of connecting to the socket. */
  readonly connectError?: string;
  /** Files and folders that may not be read. */
  readonly unreadable?: readonly string[];
  /** What symbolic links say, by their paths. */
  readonly links?: Readonly<Record<string, string>>;
  readonly socketPath?: string;
};

/** The findings on a node, by the ids of the checks. */
export async function findingsOf(
  files: HostFiles,
  circumstances: Circumstances = {},
): Promise<Readonly<Record<string, Finding>>> {
  const { connectError, unreadable = [], links = {}, socketPath, ...given } = circumstances;
  const { read, list } = reading(files);
  const node: Node = {
    root: '/',
    isLive: true,
    userId: 0,
    wallClock: Date.UTC(2026, 5, 1),
    read: (path) => (unreadable.includes(path) ? undefined : read(path)),
    list,
    obstacle(path) {
      if (unreadable.includes(path)) return 'EACCES';
      return files.has(path) || list(path).length > 0 ? undefined : 'ENOENT';
    },
    link: (path) => links[path],
    connect: async () => connectError,
    ...given,
  };
  const findings = await examine(node, { socketPath });
  return Object.fromEntries(findings.map((finding) => [finding.id, finding]));
}

/** All that a finding says, as one text. */
export function textOf(finding: Finding | undefined): string {
  const remedies = (finding?.remedies ?? []).flatMap(({ what, lines = [] }) => [what, ...lines]);
  return [finding?.found, ...remedies].join('\n');
}
