import { Cpuset } from '../../placement/cpuset.ts';
import { MAX_CPU_ID, readList } from '../../placement/sysfs-files.ts';
import { readControllers } from './cgroups.ts';
import type { Facts } from './facts.ts';
import { type Check, error, note, type Outcome, ok, skipped, warning } from './finding.ts';

export const CGROUP_CHECKS: readonly Check<Facts>[] = [
  { id: 'cgroup-version', title: 'version', run: checkVersion },
  { id: 'cgroup-driver', title: 'driver', run: checkDriver },
  { id: 'cpuset-controller', title: 'cpuset controller', run: checkController },
  { id: 'cpuset-pods', title: 'CPUs of all pods', run: checkPods },
];

const NO_CGROUPS = 'No /sys/fs/cgroup is found.';

function checkVersion({ cgroups }: Facts): Outcome {
  if (cgroups === undefined) return skipped(NO_CGROUPS);
  if (cgroups.version === 2) return ok('cgroup v2.');
  return note(
    `cgroup v1${cgroups.isHybrid ? ' (hybrid)' : ''}: a CPU that goes offline is lost to every container for good, also when it comes back.`,
    {
      what: 'Where CPUs are taken offline, move to v2 with a kernel parameter, and reboot:',
      lines: ['systemd.unified_cgroup_hierarchy=1'],
    },
  );
}

/** The kubelet names cgroups in the driver's way: what is there tells more than a setting that may be taken from the runtime. */
function checkDriver({ cgroups, kubelet, runtime }: Facts): Outcome {
  const seen =
    cgroups?.pods === undefined ? undefined : cgroups.pods.endsWith('.slice') ? 'systemd' : 'cgroupfs';
  const ofKubelet = seen ?? kubelet.cgroupDriver;
  const ofRuntime = runtime?.cgroupDriver;
  if (ofKubelet === undefined && ofRuntime === undefined) {
    return skipped('Neither the kubelet nor the runtime shows which one it uses.');
  }
  const { kind = 'the runtime' } = runtime ?? {};
  if (ofKubelet === undefined) return ok(`${ofRuntime} in ${kind}; the kubelet does not show its own.`);
  if (ofRuntime === undefined) return ok(`${ofKubelet} in the kubelet; ${kind} does not say.`);
  if (ofKubelet === ofRuntime) return ok(`${ofKubelet}, in the kubelet and in ${kind}.`);
  return error(
    `${ofKubelet} in the kubelet, but ${ofRuntime} in ${kind}: containers are in other cgroups than the kubelet thinks.`,
    runtime?.kind === 'CRI-O'
      ? {
          what: 'Set in /etc/crio/crio.conf.d/20-cgroups.conf, and restart both:',
          lines: ['[crio.runtime]', `  cgroup_manager = "${ofKubelet}"`],
        }
      : {
          what: `Set in /${runtime?.paths[0]}, and restart both:`,
          lines: [
            `[plugins."${(runtime?.version ?? 2) >= 3 ? 'io.containerd.cri.v1.runtime' : 'io.containerd.grpc.v1.cri'}".containerd.runtimes.runc.options]`,
            `  SystemdCgroup = ${ofKubelet === 'systemd'}`,
          ],
        },
  );
}

function checkController({ node, cgroups }: Facts): Outcome {
  if (cgroups === undefined) return skipped(NO_CGROUPS);
  const { folder, pods } = cgroups;
  if (folder === undefined) {
    const disabled = /\bcgroup_disable=\S*cpuset/.test(node.read('proc/cmdline') ?? '');
    return error(
      `The kernel offers no cpusets${disabled ? ', since it was started with cgroup_disable=cpuset' : ''}.`,
      disabled
        ? { what: 'Take cgroup_disable=cpuset off the kernel command line, and reboot.' }
        : {
            what: 'Use a kernel with CONFIG_CPUSETS, or on cgroup v1 mount them:',
            lines: [
              'mkdir -p /sys/fs/cgroup/cpuset',
              'mount -t cgroup -o cpuset cpuset /sys/fs/cgroup/cpuset',
            ],
          },
    );
  }
  const hasController = readControllers(node, folder)?.includes('cpuset');
  if (hasController === undefined) return ok(`Mounted at /${folder}.`);
  const cut = [folder, ...(pods === undefined ? [] : [pods])].find(
    (cgroup) => !(node.read(`${cgroup}/cgroup.subtree_control`) ?? '').split(/\s+/).includes('cpuset'),
  );
  if (cut === undefined)
    return ok(`There, and handed down ${pods ? `to the pods in /${pods}` : 'by the root'}.`);
  const found = `There, but /${cut} does not hand it down, so containers below have no cpuset of their own.`;
  const remedy = {
    what: 'Hand it down; the kubelet does this itself when it starts with the controller available:',
    lines: [`echo +cpuset > /${cut}/cgroup.subtree_control`, 'systemctl restart kubelet'],
  };
  // Without pods nobody may have needed it yet.
  return pods === undefined ? warning(found, remedy) : error(found, remedy);
}

/** No container can have a CPU that the cgroup of all pods lacks. */
function checkPods({ node, cgroups, topology }: Facts): Outcome {
  if (cgroups?.pods === undefined) {
    return skipped('The kubelet has made no cgroup for pods here.');
  }
  if (typeof topology === 'string') return skipped(topology);
  const { pods } = cgroups;
  const read = (name: string) => readList(node, `${pods}/${name}`, MAX_CPU_ID);
  // v1 knows the effective set under another name, and under none in old kernels.
  const effective =
    read('cpuset.cpus.effective') ?? read('cpuset.effective_cpus') ?? read('cpuset.cpus') ?? Cpuset.EMPTY;
  if (effective.isEmpty) return skipped(`/${pods} does not tell its CPUs.`);
  const lacking = topology.online.minus(effective);
  if (lacking.isEmpty) return ok(`/${pods} has every online CPU.`);
  const file = `/${pods}/cpuset.cpus`;
  return error(
    `/${pods} lacks CPUs that are online (${lacking}): no container can run on them, whatever the plugin says.`,
    cgroups.version === 1
      ? {
          what: 'They were offline once, and cgroup v1 forgot them. Put them back, from the top down:',
          lines: [`echo ${topology.online} > ${file}`],
        }
      : {
          what: 'Look who restricts it (AllowedCPUs= of a slice, a cpuset partition), and end that:',
          lines: [`cat ${file}`, 'systemctl show -p AllowedCPUs kubepods.slice'],
        },
  );
}
