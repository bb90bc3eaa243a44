import { readWord } from '../../placement/sysfs-files.ts';
import type { Topology } from '../../placement/topology.ts';
import { counted } from '../cli/paint.ts';
import type { Facts } from './facts.ts';
import { type Check, error, note, type Outcome, ok, skipped, warning } from './finding.ts';

export const CPU_CHECKS: readonly Check<Facts>[] = [
  { id: 'cpus-online', title: 'online CPUs', run: known(checkOnline) },
  { id: 'cpus-isolated', title: 'isolated CPUs', run: known(checkIsolated) },
  { id: 'smt', title: 'SMT', run: known(checkSmt) },
  { id: 'node-memory', title: 'memory nodes', run: known(checkMemory) },
];

/** A check of the topology, for when it is known. */
function known(check: (topology: Topology, facts: Facts) => Outcome): Check<Facts>['run'] {
  return (facts) => {
    const { topology } = facts;
    if (typeof topology !== 'string') return check(topology, facts);
    return facts.node.isLive
      ? error(`${topology}.`, {
          what: "Name the folder where the host's /sys is mounted:",
          lines: ['weka-cpuset doctor --host-root=/host'],
        })
      : skipped(`${topology}.`);
  };
}

function checkOnline({ online, offline }: Topology): Outcome {
  if (offline.isEmpty) return ok(`${counted(online.size, 'CPU')} online, none offline.`);
  return note(`${counted(online.size, 'CPU')} online; offline: ${offline}. The plugin leaves those alone.`, {
    what: 'If that is not meant, bring them back, and the plugin will use them within seconds:',
    lines: [
      `for cpu in ${expanded(offline.toArray())}; do echo 1 > /sys/devices/system/cpu/cpu$cpu/online; done`,
    ],
  });
}

/** For a shell loop; where there are many, all from the first to the last, since those online stay so. */
function expanded(cpus: readonly number[]): string {
  return cpus.length <= 16 ? cpus.join(' ') : `$(seq ${cpus[0]} ${cpus.at(-1)})`;
}

/** On isolated CPUs the scheduler does not balance (kernel parameter `isolcpus`): threads stay on the first of them. */
function checkIsolated({ isolated, online }: Topology, { own }: Facts): Outcome {
  const { isolatedCpus, minSharedCpus } = own.settings;
  if (isolated.isEmpty) {
    if (isolatedCpus !== 'prefer') return ok('None.');
    return note('None, so isolatedCpus: prefer has no effect.', {
      what: 'Drop the setting, or isolate CPUs with the kernel parameter isolcpus=.',
    });
  }
  const cpus = `${isolated} (${counted(isolated.size, 'CPU')} of ${online.size})`;
  const unbalanced =
    'The scheduler does not spread threads over isolated CPUs: a container with several of them runs on the first only,' +
    ' unless its threads pin themselves.';
  const left = online.minus(isolated).size;
  if (isolatedCpus !== 'ignore' && left < Math.max(1, minSharedCpus)) {
    return error(`${cpus} leave ${counted(left, 'CPU')} for all other containers.`, {
      what: 'Isolate fewer CPUs with the kernel parameter isolcpus=, or treat them like any other:',
      lines: ['isolatedCpus: ignore'],
    });
  }
  switch (isolatedCpus) {
    case 'exclude':
      return note(`${cpus}: left to annotated containers. ${unbalanced}`);
    case 'prefer':
      return warning(`${cpus}: given to integer containers first. ${unbalanced}`, {
        what: 'Keep this only if those containers pin their threads (DPDK, SPDK); else leave them to annotated ones:',
        lines: ['isolatedCpus: exclude'],
      });
    case 'ignore':
      return warning(`${cpus}: in the shared pool like any other. ${unbalanced}`, {
        what: 'Take isolcpus= off the kernel command line, or keep them out of the pool:',
        lines: ['isolatedCpus: exclude'],
      });
  }
}

function checkSmt({ cores, online }: Topology, { node }: Facts): Outcome {
  const control = readWord(node, 'sys/devices/system/cpu/smt/control');
  const threads = Math.max(...cores.map(({ size }) => size));
  const single = cores.filter(({ size }) => size === 1);
  if (threads === 1) {
    const why: Readonly<Record<string, string>> = {
      off: 'Switched off: each CPU is a core of its own.',
      forceoff: 'Switched off at boot (nosmt=force): each CPU is a core of its own.',
    };
    return ok(why[control ?? ''] ?? `None: each of the ${counted(online.size, 'CPU')} is a core of its own.`);
  }
  const found = `${threads} threads in a core.`;
  const halves = single.flatMap((core) => core.toArray());
  if (halves.length === 0) return ok(`On, ${found}`);
  // On hybrid processors the small cores have one thread; then nothing is offline.
  if (node.read('sys/devices/system/cpu/offline')?.trim() === '') return ok(`On, up to ${found}`);
  return note(
    `On, up to ${found} ${counted(halves.length, 'core')} with one thread online (CPU ${halves.slice(0, 8).join(', ')}${halves.length > 8 ? ', ...' : ''}) counts as whole.`,
    {
      what: 'If siblings were taken offline without need, bring them back; to do without SMT, switch it off everywhere:',
      lines: ['echo off > /sys/devices/system/cpu/smt/control'],
    },
  );
}

function checkMemory({ nodes }: Topology, { own }: Facts): Outcome {
  const bare = nodes.filter(({ cpus, memoryBytes }) => !cpus.isEmpty && memoryBytes === 0);
  const remote = nodes.filter(({ cpus, memoryBytes }) => cpus.isEmpty && memoryBytes > 0);
  const ids = (list: typeof nodes) => list.map(({ id }) => id).join(', ');
  const memoryOnly =
    remote.length === 0
      ? ''
      : ` Memory without CPUs on node ${ids(remote)}: the plugin binds no container to it.`;
  if (nodes.length > 0 && bare.length === nodes.length) {
    return skipped('The host does not tell how much memory its nodes have.');
  }
  if (bare.length === 0) {
    const found = `${counted(nodes.length - remote.length, 'node')} with CPUs and memory.`;
    return remote.length === 0 ? ok(found) : note(found + memoryOnly);
  }
  const effect =
    own.settings.numaMemoryPolicy === 'strict'
      ? 'Annotated containers there are bound to the nearest nodes that have some.'
      : 'Containers there use memory of other nodes.';
  return warning(`CPUs without memory on node ${ids(bare)}. ${effect}${memoryOnly}`, {
    what: 'Look for missing or disabled memory modules, or a firmware setting that leaves channels empty:',
    lines: ['dmidecode -t memory | grep -E "Locator|Size"'],
  });
}
