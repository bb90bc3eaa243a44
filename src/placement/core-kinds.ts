import { Cpuset } from './cpuset.ts';
import { CPU_FOLDER, readList, readWord, type SysfsFiles } from './sysfs-files.ts';

/** The performance monitoring units of x86 hybrids, fastest kind of core first. */
export const HYBRID_UNITS = ['cpu_core', 'cpu_atom', 'cpu_lowpower'];

/**
 * The CPUs of each kind of core of a hybrid host, fastest kind first; none elsewhere. Told by the performance
 * monitoring units (x86), else the capacities (ARM), else the highest frequencies. `cores` and `packages` are the
 * host's.
 */
export function readCoreKinds(
  files: SysfsFiles,
  online: Cpuset,
  cores: readonly Cpuset[],
  packages: readonly Cpuset[],
  max: number,
): readonly Cpuset[] {
  const kinds: Cpuset[] = [];
  let rest = online;
  for (const unit of HYBRID_UNITS) {
    const cpus = readList(files, `sys/devices/${unit}/cpus`, max)?.intersect(rest);
    if (cpus === undefined || cpus.isEmpty) continue;
    kinds.push(cpus);
    rest = rest.minus(cpus);
  }
  if (kinds.length > 0) return onlyIfSeveral(kinds);
  const byCapacity = kindsBySpeed(files, cores, 'cpu_capacity');
  // Hybrid chips come alone; on hosts with several packages the frequencies would be a read per core for nothing.
  if (byCapacity !== undefined || packages.length > 1) return byCapacity ?? [];
  return kindsBySpeed(files, cores, 'cpufreq/cpuinfo_max_freq') ?? [];
}

function onlyIfSeveral(kinds: readonly Cpuset[]): readonly Cpuset[] {
  return kinds.length > 1 ? kinds : [];
}

/**
 * Groups cores by a file that tells their speed. Cores of one kind differ by a few percent (favoured cores boost
 * higher), kinds by more: a kind begins where the next slower core has less than 85 % of the speed of the one before.
 * Undefined if the file is missing for one of them.
 */
function kindsBySpeed(
  files: SysfsFiles,
  cores: readonly Cpuset[],
  name: string,
): readonly Cpuset[] | undefined {
  const speeds: { readonly core: Cpuset; readonly speed: number }[] = [];
  for (const core of cores) {
    const speed = Number(readWord(files, `${CPU_FOLDER}/cpu${core.first}/${name}`));
    if (!(speed > 0)) return undefined;
    speeds.push({ core, speed });
  }
  speeds.sort((a, b) => b.speed - a.speed);
  const kinds: Cpuset[][] = [];
  speeds.forEach(({ core, speed }, position) => {
    if (position === 0 || speed < speeds[position - 1]!.speed * 0.85) kinds.push([]);
    kinds.at(-1)!.push(core);
  });
  return onlyIfSeveral(kinds.map((kind) => Cpuset.union(kind)));
}
