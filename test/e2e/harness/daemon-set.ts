import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import type { Mount } from './cri.ts';
import type { Host } from './host.ts';
import type { ContainerOptions, PodOptions } from './pods.ts';

const MANIFESTS = join(import.meta.dirname, '../../../deploy/manifests');
const MIB = 2 ** 20;
// What a kubelet hides of /proc and /sys, or lets nobody write to, in a container that is not privileged.
const MASKED = [
  'acpi',
  'asound',
  'interrupts',
  'kcore',
  'keys',
  'latency_stats',
  'sched_debug',
  'scsi',
  'timer_list',
];
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'];

/** The parts of the manifest that say how the pod is run. */
interface Manifest {
  readonly spec: { readonly template: { readonly spec: PodSpec } };
}
interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly securityContext: {
    readonly runAsUser: number;
    readonly runAsGroup: number;
    readonly seccompProfile: { readonly type: 'RuntimeDefault' };
  };
  readonly containers: readonly [ContainerSpec];
  readonly volumes: readonly Volume[];
}
interface ContainerSpec {
  readonly args: readonly string[];
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly securityContext: {
    readonly privileged: boolean;
    readonly allowPrivilegeEscalation: boolean;
    readonly readOnlyRootFilesystem: boolean;
    readonly capabilities: { readonly drop: readonly string[] };
  };
  readonly volumeMounts: readonly { name: string; mountPath: string; readOnly?: boolean }[];
}
type Volume = { readonly name: string } & (
  | { readonly hostPath: { readonly path: string } }
  | { readonly configMap: object }
);

/**
 * The pod of deploy/manifests/daemonset.yaml, as a kubelet would have the runtime run it: the runtime's socket and the run folder
 * are those of this host.
 *
 * @param image reference of the image, however it was called when it was made
 * @param http address and port in place of the manifest's, since the network is that of the machine
 */
export function daemonSetPod(
  host: Host,
  runFolder: string,
  image: string,
  http: string,
): PodOptions & ContainerOptions {
  const manifest = parse(readFileSync(join(MANIFESTS, 'daemonset.yaml'), 'utf8')) as Manifest;
  const { containers, securityContext, volumes } = manifest.spec.template.spec;
  const [container] = containers;
  const { privileged, allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities } =
    container.securityContext;
  const folders: Readonly<Record<string, string>> = {
    '/var/run/nri': dirname(host.containerd.nriSocket),
    '/run/weka-nri-cpuset': runFolder,
    '/sys/fs/cgroup': '/sys/fs/cgroup',
  };
  // As `DirectoryOrCreate` does.
  mkdirSync(runFolder, { recursive: true, mode: 0o755 });
  const mounts = container.volumeMounts.map(({ name, mountPath, readOnly = false }): Mount => {
    const volume = volumes.find((each) => each.name === name)!;
    const hostPath = 'hostPath' in volume ? folders[volume.hostPath.path] : configMap(host);
    if (hostPath === undefined) throw new Error(`the manifest has a volume that this host has not: ${name}`);
    return { container_path: mountPath, host_path: hostPath, readonly: readOnly };
  });
  return {
    namespace: 'kube-system',
    image,
    args: container.args.map((arg) => arg.replace(/^--http=.*/, `--http=${http}`)),
    mounts,
    resources: {
      cpu_shares: 102,
      memory_limit_in_bytes: Number.parseInt(container.resources.limits.memory, 10) * MIB,
    },
    security: {
      privileged,
      no_new_privs: !allowPrivilegeEscalation,
      readonly_rootfs: readOnlyRootFilesystem,
      capabilities: { drop_capabilities: capabilities.drop },
      run_as_user: { value: securityContext.runAsUser },
      run_as_group: { value: securityContext.runAsGroup },
      seccomp: { profile_type: 0 },
      masked_paths: [
        ...MASKED.map((name) => `/proc/${name}`),
        '/sys/firmware',
        '/sys/devices/virtual/powercap',
      ],
      readonly_paths: READ_ONLY.map((name) => `/proc/${name}`),
    },
  };
}

/** A folder with the ConfigMap of the manifests, a file for each key. */
function configMap(host: Host): string {
  const { data } = parse(readFileSync(join(MANIFESTS, 'configmap.yaml'), 'utf8')) as {
    data: Readonly<Record<string, string>>;
  };
  const folder = join(host.folder, 'config-map');
  mkdirSync(folder, { recursive: true });
  for (const [key, value] of Object.entries(data)) writeFileSync(join(folder, key), value);
  return folder;
}
