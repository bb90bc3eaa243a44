import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readTopology } from '../../src/placement/sysfs.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import { describeHost, type HostFiles, reading, show } from './made-up-host.ts';

const CPU = 'sys/devices/system/cpu';

/** A host with a file of each CPU, for which `value` gives the number. */
function hostWith(spec: string, name: string, value: (cpu: number) => number | undefined): HostFiles {
  const parts = parseTopologySpec(spec);
  const files = describeHost(parts);
  for (const cpu of parts.online) {
    const number = value(cpu);
    if (number !== undefined) files.set(`${CPU}/cpu${cpu}/${name}`, `${number}\n`);
  }
  return files;
}

function kinds(files: HostFiles): string {
  return show(readTopology(reading(files)).coreKinds);
}

describe('the kinds of cores', () => {
  it('are none on an ordinary host', () => {
    assert.equal(kinds(describeHost(parseTopologySpec('8 cores, SMT 2'))), '');
  });

  it('are told by the monitoring units of an x86 hybrid, fastest first', () => {
    const files = describeHost(parseTopologySpec('12 cores'));
    files.set('sys/devices/cpu_lowpower/cpus', '10-11\n');
    files.set('sys/devices/cpu_atom/cpus', '4-9\n');
    files.set('sys/devices/cpu_core/cpus', '0-3\n');
    assert.equal(kinds(files), '0-3 4-9 10-11');
  });

  it('are none when only one kind is online', () => {
    const files = describeHost(parseTopologySpec('8 cores'));
    files.set('sys/devices/cpu_core/cpus', '0-7\n');
    files.set('sys/devices/cpu_atom/cpus', '\n');
    assert.equal(kinds(files), '');
  });

  it('are told by the capacity on ARM: cores a few percent apart are of one kind', () => {
    const capacities = [718, 718, 997, 1024, 731, 1017, 400, 410];
    assert.equal(kinds(hostWith('8 cores', 'cpu_capacity', (cpu) => capacities[cpu])), '2-3,5 0-1,4 6-7');
  });

  it('are none where all capacities are about the same, whatever the frequencies', () => {
    const files = hostWith('4 cores', 'cpu_capacity', (cpu) => 1024 - cpu);
    for (let cpu = 0; cpu < 4; cpu++) {
      files.set(`${CPU}/cpu${cpu}/cpufreq/cpuinfo_max_freq`, `${cpu + 1}000000\n`);
    }
    assert.equal(kinds(files), '');
  });

  it('are told by the highest frequency elsewhere, with both siblings of a core', () => {
    const frequencies = [5_000_000, 5_200_000, 3_900_000, 3_900_000];
    const files = hostWith('4 cores, SMT 2', 'cpufreq/cpuinfo_max_freq', (cpu) => frequencies[cpu % 4]);
    assert.equal(kinds(files), '0-1,4-5 2-3,6-7');
  });

  it('are none where the frequency of a core is not known, or is garbage', () => {
    const unknown = hostWith('4 cores', 'cpufreq/cpuinfo_max_freq', (cpu) => [5e6, 5e6, 3e6][cpu]);
    assert.equal(kinds(unknown), '');
    const garbage = hostWith('4 cores', 'cpufreq/cpuinfo_max_freq', (cpu) => [5e6, 5e6, 3e6, 3e6][cpu]);
    garbage.set(`${CPU}/cpu3/cpufreq/cpuinfo_max_freq`, '<unknown>\n');
    assert.equal(kinds(garbage), '');
  });

  it('come with their clusters: a hybrid has cores with a cache of their own and cores that share one', () => {
    const files = describeHost(parseTopologySpec('6 cores'));
    files.set('sys/devices/cpu_core/cpus', '0-1\n');
    files.set('sys/devices/cpu_atom/cpus', '2-5\n');
    for (let cpu = 2; cpu < 6; cpu++) files.set(`${CPU}/cpu${cpu}/topology/cluster_cpus_list`, '2-5\n');
    assert.equal(show(readTopology(reading(files)).clusters), '0 1 2-5');
  });
});
