import { CpuListError, parseCpuList } from '../placement/cpulist.ts';
import type { Cpuset } from '../placement/cpuset.ts';
import { ConfigError } from './config-error.ts';
import { originOf } from './origins.ts';
import type { Config } from './settings.ts';

/**
 * A configured CPU list as the set of CPUs of this host, which is not known yet when the settings are read.
 *
 * @param maxCpuId highest id the kernel can ever have (`Topology.maxCpuId`)
 * @throws ConfigError, with where the list was given, when it names a CPU above it
 */
export function configuredCpus(
  config: Config,
  setting: 'reservedCpus' | 'protectedCpus',
  maxCpuId: number,
): Cpuset {
  try {
    return parseCpuList(config[setting], { max: maxCpuId, allowEmpty: true });
  } catch (error) {
    if (!(error instanceof CpuListError)) throw error;
    const where = originOf(config, setting);
    throw new ConfigError(`${where === undefined ? '' : `${where}: `}${setting}: ${error.message}`);
  }
}
