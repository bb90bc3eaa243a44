import { readWord } from '../../placement/sysfs-files.ts';
import { configuredCpus } from '../configured-cpus.ts';
import type { Facts } from './facts.ts';
import { type Check, error, note, type Outcome, ok, skipped, warning } from './finding.ts';

export const OWN_CHECKS: readonly Check<Facts>[] = [
  { id: 'own-config', title: 'configuration', run: checkConfig },
  { id: 'own-user', title: 'user', run: checkUser },
  { id: 'own-cgroup-access', title: 'access to cgroups', run: checkCgroupAccess },
  { id: 'clock', title: 'clock', run: checkClock },
];

function checkConfig({ own, topology }: Facts): Outcome {
  if (own.path === undefined) {
    return skipped('None was named with --config: the defaults of all settings are assumed.');
  }
  if (own.problem !== undefined) {
    return error(`${own.problem}.`, {
      what: 'Correct it; a running plugin keeps what it had, and one that starts ends with this message.',
    });
  }
  if (typeof topology === 'string') {
    return skipped(
      `${own.path} is valid; whether it fits this host cannot be told without knowing the CPUs.`,
    );
  }
  const { minSharedCpus } = own.settings;
  const absences = (['reservedCpus', 'protectedCpus'] as const).flatMap((setting) => {
    const absent = configuredCpus(own.settings, setting, topology.maxCpuId).minus(topology.online);
    return absent.isEmpty ? [] : [`${setting} names CPUs that are not online: ${absent}`];
  });
  const allShared = `minSharedCpus is ${minSharedCpus}, which leaves no CPU to be given to one container`;
  const misfits = minSharedCpus < topology.online.size ? absences : [...absences, allShared];
  if (misfits.length === 0) return ok(`${own.path} is valid and fits this host.`);
  return warning(`${misfits.join('; ')}.`, { what: 'Make sure that it was written for this host.' });
}

function checkUser({ node }: Facts): Outcome {
  if (!node.isLive) return skipped('Files do not tell who the plugin runs as.');
  if (node.userId === 0) return ok('root.');
  return warning(`User ${node.userId}: the NRI socket and some files are for root alone.`, {
    what: 'Run this, and the plugin, as root:',
    lines: ['sudo weka-cpuset doctor'],
  });
}

/** Whether a difference between what a container should have and what it has would be seen. */
function checkCgroupAccess({ node, cgroups }: Facts): Outcome {
  if (!node.isLive) return skipped('Files do not tell what the plugin may read.');
  const path = cgroups?.pods ?? cgroups?.folder;
  if (path === undefined) {
    return warning('No cpusets can be read: CPUs that something else changes stay unnoticed.', {
      what: "In a container, mount the host's /sys read-only and name it:",
      lines: ['weka-cpuset run --host-root=/host'],
    });
  }
  const file = cgroups?.pods === undefined ? path : `${path}/cpuset.cpus`;
  const code = node.obstacle(file);
  if (code === undefined) return ok(`/${file} can be read.`);
  return warning(`/${file} cannot be read (${code}): CPUs that something else changes stay unnoticed.`, {
    what: 'Run as root, with /sys/fs/cgroup of the host mounted.',
  });
}

const EARLIEST = Date.UTC(2024, 0, 1);

function checkClock({ node }: Facts): Outcome {
  if (!node.isLive) return skipped('Files do not tell the time.');
  if (node.wallClock < EARLIEST) {
    return warning(
      `It is ${new Date(node.wallClock).toISOString().slice(0, 10)}: logs and the journal will have wrong times. Placement does not depend on it.`,
      { what: 'Set the clock, or start a time service:', lines: ['timedatectl set-ntp true'] },
    );
  }
  const source = readWord(node, 'sys/devices/system/clocksource/clocksource0/current_clocksource');
  if (source === 'hpet' || source === 'acpi_pm') {
    return note(`The kernel measures time with ${source}, which makes every look at the clock slow.`, {
      what: 'Look why it gave up the counter of the processor:',
      lines: ['dmesg | grep -i -E "tsc|clocksource"'],
    });
  }
  return ok(source === undefined ? 'Set.' : `Set; the kernel measures time with ${source}.`);
}
