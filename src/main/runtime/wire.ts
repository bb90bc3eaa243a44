import type {
  Container as NriContainer,
  PodSandbox as NriPod,
  LinuxResources as NriResources,
} from '../../protocol/generated/nri.js';
import { ContainerState } from '../../protocol/nri.ts';
import { type PartialMessage, protobuf, withFields } from '../../protocol/protobuf.ts';
import type { Container, Pod, ResourceChange, Resources } from './host.ts';
import { oomScoreAdjustment, type RequestedResources } from './kubelet.ts';

const STATES = {
  created: ContainerState.CREATED,
  running: ContainerState.RUNNING,
  stopped: ContainerState.STOPPED,
} as const;

/** A pod as containerd shows it to a plugin. */
export function nriPod(pod: Pod): PartialMessage<NriPod> {
  return withFields(podExtras(pod), {
    id: pod.id,
    name: pod.name,
    uid: pod.uid,
    namespace: pod.namespace,
    annotations: {
      'kubernetes.io/config.seen': '2026-01-01T00:00:00.000000000Z',
      'kubernetes.io/config.source': 'api',
      ...pod.annotations,
    },
    linux: withFields(podCgroupPath(pod), { cgroupParent: pod.cgroup }),
  });
}

/** A container as containerd shows it to a plugin: about 4 kB on the wire, most of it in fields the plugin steps over. */
export function nriContainer(container: Container): PartialMessage<NriContainer> {
  const { pod, spec } = container;
  return withFields(containerExtras(container), {
    id: container.id,
    podSandboxId: pod.id,
    name: container.name,
    state: STATES[container.state],
    labels: { 'io.kubernetes.container.name': container.name, ...podLabels(pod) },
    linux: {
      resources: nriResources(container.resources, container.resources),
      oomScoreAdj: { value: oomScoreAdjustment(spec, pod.qos) },
      cgroupsPath: container.cgroup,
    },
    createdAt: container.createdAt,
  });
}

/** Resources as a kubelet asks for them, and with the cpuset that a container has besides. */
export function nriResources(
  resources: RequestedResources,
  cpuset?: Pick<Resources, 'cpus' | 'mems'>,
): PartialMessage<NriResources> {
  return {
    memory: { limit: optional(resources.memoryLimit) },
    cpu: {
      shares: optional(resources.shares),
      quota: optional(resources.quota),
      period: optional(resources.period),
      cpus: cpuset?.cpus.toString(),
      mems: cpuset?.mems,
    },
  };
}

function optional(value: number | undefined): { readonly value: number } | undefined {
  return value === undefined ? undefined : { value };
}

/** What a plugin's adjustment or update changes. */
export function resourceChange(resources: NriResources | null | undefined): ResourceChange {
  const cpu = resources?.cpu;
  return {
    shares: cpu?.shares?.value,
    quota: cpu?.quota?.value,
    period: cpu?.period?.value,
    memoryLimit: resources?.memory?.limit?.value,
    cpus: cpu?.cpus,
    mems: cpu?.mems,
  };
}

function podLabels(pod: Pod): Record<string, string> {
  return {
    'io.kubernetes.pod.name': pod.name,
    'io.kubernetes.pod.namespace': pod.namespace,
    'io.kubernetes.pod.uid': pod.uid,
  };
}

function containerAnnotations({ pod, name, attempt }: Container): Record<string, string> {
  return {
    'io.kubernetes.container.hash': '5d1c7e2a',
    'io.kubernetes.container.restartCount': `${attempt}`,
    'io.kubernetes.container.terminationMessagePath': '/dev/termination-log',
    'io.kubernetes.container.terminationMessagePolicy': 'File',
    'io.kubernetes.pod.terminationGracePeriod': '30',
    'io.kubernetes.cri.container-name': name,
    'io.kubernetes.cri.container-type': 'container',
    'io.kubernetes.cri.image-name': `registry.example.com/${pod.namespace}/${name}:1.0`,
    'io.kubernetes.cri.sandbox-id': pod.id,
    'io.kubernetes.cri.sandbox-name': pod.name,
    'io.kubernetes.cri.sandbox-namespace': pod.namespace,
    'io.kubernetes.cri.sandbox-uid': pod.uid,
  };
}

// Field numbers of the NRI API.
const POD = { labels: 5, runtimeHandler: 7, pid: 9, ips: 10 } as const;
const LINUX_POD = { cgroupsPath: 4 } as const;
const CONTAINER = { annotations: 6, args: 7, env: 8, mounts: 9, pid: 12, rlimits: 13 } as const;
const MAP_ENTRY = { key: 1, value: 2 } as const;
const MOUNT = { destination: 1, type: 2, source: 3, options: 4 } as const;
const RLIMIT = { type: 1, hard: 2, soft: 3 } as const;

const VARINT = 0;
const LENGTH_DELIMITED = 2;

function tag(field: number, wireType: number): number {
  return (field << 3) | wireType;
}

function podExtras(pod: Pod): Uint8Array {
  const writer = protobuf.Writer.create();
  writeMap(writer, POD.labels, { ...pod.labels, ...podLabels(pod) });
  writer.uint32(tag(POD.runtimeHandler, LENGTH_DELIMITED)).string('runc');
  writer.uint32(tag(POD.pid, VARINT)).uint32(Number.parseInt(pod.id.slice(0, 6), 16) + 1000);
  writer.uint32(tag(POD.ips, LENGTH_DELIMITED)).string('10.244.0.17');
  return writer.finish();
}

function podCgroupPath(pod: Pod): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(tag(LINUX_POD.cgroupsPath, LENGTH_DELIMITED)).string(`${pod.cgroup}/${pod.id}`);
  return writer.finish();
}

function containerExtras(container: Container): Uint8Array {
  const writer = protobuf.Writer.create();
  writeMap(writer, CONTAINER.annotations, containerAnnotations(container));
  if (container.state === 'running') {
    writer.uint32(tag(CONTAINER.pid, VARINT)).uint32(Number.parseInt(container.id.slice(0, 6), 16) + 1000);
  }
  for (const arg of [
    `/usr/local/bin/${container.name}`,
    '--config=/etc/app/config.yaml',
    '--log-level=info',
  ]) {
    writer.uint32(tag(CONTAINER.args, LENGTH_DELIMITED)).string(arg);
  }
  for (const variable of ENVIRONMENT) writer.uint32(tag(CONTAINER.env, LENGTH_DELIMITED)).string(variable);
  for (const [destination, type, source, options] of mountsOf(container)) {
    writer.uint32(tag(CONTAINER.mounts, LENGTH_DELIMITED)).fork();
    writer.uint32(tag(MOUNT.destination, LENGTH_DELIMITED)).string(destination);
    writer.uint32(tag(MOUNT.type, LENGTH_DELIMITED)).string(type);
    writer.uint32(tag(MOUNT.source, LENGTH_DELIMITED)).string(source);
    for (const option of options.split(' '))
      writer.uint32(tag(MOUNT.options, LENGTH_DELIMITED)).string(option);
    writer.ldelim();
  }
  writer.uint32(tag(CONTAINER.rlimits, LENGTH_DELIMITED)).fork();
  writer.uint32(tag(RLIMIT.type, LENGTH_DELIMITED)).string('RLIMIT_NOFILE');
  writer.uint32(tag(RLIMIT.hard, VARINT)).uint32(1_048_576);
  writer.uint32(tag(RLIMIT.soft, VARINT)).uint32(1_048_576);
  writer.ldelim();
  return writer.finish();
}

function writeMap(writer: protobuf.Writer, field: number, map: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(map)) {
    writer.uint32(tag(field, LENGTH_DELIMITED)).fork();
    writer.uint32(tag(MAP_ENTRY.key, LENGTH_DELIMITED)).string(key);
    writer.uint32(tag(MAP_ENTRY.value, LENGTH_DELIMITED)).string(value).ldelim();
  }
}

/** Kubernetes tells every container the addresses of its namespace's services. */
const ENVIRONMENT: readonly string[] = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'HOSTNAME=node-1',
  ...['KUBERNETES', 'ORDERS_API', 'METRICS_GATEWAY', 'PAYMENTS', 'SEARCH_FRONTEND'].flatMap(
    (service, index) => {
      const host = `10.96.0.${index + 1}`;
      return [
        `${service}_SERVICE_HOST=${host}`,
        `${service}_SERVICE_PORT=443`,
        `${service}_PORT=tcp://${host}:443`,
        `${service}_PORT_443_TCP=tcp://${host}:443`,
        `${service}_PORT_443_TCP_PROTO=tcp`,
        `${service}_PORT_443_TCP_PORT=443`,
        `${service}_PORT_443_TCP_ADDR=${host}`,
      ];
    },
  ),
];

function mountsOf({ pod, name }: Container): readonly (readonly [string, string, string, string])[] {
  const volumes = `/var/lib/kubelet/pods/${pod.uid}`;
  const sandbox = `/run/containerd/io.containerd.grpc.v1.cri/sandboxes/${pod.id}`;
  return [
    ['/proc', 'proc', 'proc', 'nosuid noexec nodev'],
    ['/dev', 'tmpfs', 'tmpfs', 'nosuid strictatime mode=755 size=65536k'],
    ['/dev/pts', 'devpts', 'devpts', 'nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5'],
    ['/dev/mqueue', 'mqueue', 'mqueue', 'nosuid noexec nodev'],
    ['/sys', 'sysfs', 'sysfs', 'nosuid noexec nodev ro'],
    ['/sys/fs/cgroup', 'cgroup', 'cgroup', 'nosuid noexec nodev relatime ro'],
    ['/dev/shm', 'bind', `${sandbox}/shm`, 'rbind rprivate rw'],
    ['/etc/hostname', 'bind', `${sandbox}/hostname`, 'rbind rprivate rw'],
    ['/etc/resolv.conf', 'bind', `${sandbox}/resolv.conf`, 'rbind rprivate rw'],
    ['/etc/hosts', 'bind', `${volumes}/etc-hosts`, 'rbind rprivate rw'],
    ['/dev/termination-log', 'bind', `${volumes}/containers/${name}/9d3a51c2`, 'rbind rprivate rw'],
    ['/etc/app', 'bind', `${volumes}/volumes/kubernetes.io~configmap/config`, 'rbind rprivate ro'],
    [
      '/var/run/secrets/kubernetes.io/serviceaccount',
      'bind',
      `${volumes}/volumes/kubernetes.io~projected/kube-api-access-x7k2p`,
      'rbind rprivate ro',
    ],
  ];
}
