import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { Configuration } from '../../src/main/configuration.ts';
import { settingsAtStart } from '../../src/main/given-settings.ts';
import type { RuntimeFacts } from '../../src/main/nri/session.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { createTopology } from '../../src/placement/topology.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import { until } from '../e2e/harness/until.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** Longer than a file takes to settle. */
const A_WHILE_MS = 400;
const PARTS = parseTopologySpec('8');
const TOPOLOGY = createTopology(PARTS);
const WITHOUT_CPU_7 = createTopology({
  ...PARTS,
  online: Cpuset.range(0, 6),
  offline: Cpuset.from([7]),
});
const RUNTIME: RuntimeFacts = {
  name: 'containerd',
  version: '2.1.0',
  nri: { major: 0, minor: 12, patch: 1 },
  requestTimeout: 2000,
};
const OLD_RUNTIME: RuntimeFacts = { ...RUNTIME, nri: undefined };

/** A configuration, of this file if it is given one, and what becomes of it. */
async function configured(t: TestContext, file?: string, flags: Readonly<Record<string, string>> = {}) {
  const path = file === undefined ? undefined : join(temporaryFolder(t), 'config.yaml');
  const write = (text: string) => writeFileSync(path!, text);
  if (file !== undefined) write(file);
  const given = Object.entries(flags).map(([key, value]) => ({ key, value, where: `--${key}` }));
  const logged: string[] = [];
  const debug: boolean[] = [];
  /** What `minSharedCpus` was at each change of rules that were in force. */
  const changes: number[] = [];
  const configuration = new Configuration({
    path,
    atStart: await settingsAtStart(path, { flags: given }),
    log: {
      logger: pino(
        { base: null },
        {
          write(line: string) {
            const { level, msg } = JSON.parse(line) as { readonly level: number; readonly msg: string };
            logged.push(`${pino.levels.labels[level]}: ${msg}`);
          },
        },
      ),
      setDebug: (isOn) => debug.push(isOn),
      close: async () => {},
    },
    onChange: () => changes.push(configuration.policy.minSharedCpus),
  });
  t.after(() => configuration.close());
  return { configuration, write, logged, debug, changes };
}

const wrong = (message: RegExp) => ({ name: 'ConfigError', message });

describe('A configuration', () => {
  for (const isHostFirst of [true, false]) {
    it(`is what all say together, ${isHostFirst ? 'host' : 'runtime'} first`, async (t) => {
      const file = '{ minSharedCpus: 1, reservedCpus: 0, priority: numa }';
      const { configuration, changes } = await configured(t, file, { debug: 'true' });
      if (isHostFirst) await configuration.begin(TOPOLOGY);
      assert.equal(configuration.isComplete, false);
      await configuration.setNri('minSharedCpus: 2', RUNTIME);
      assert.equal(configuration.config.minSharedCpus, 2, 'also before the host is known');
      if (!isHostFirst) await configuration.begin(TOPOLOGY);
      assert.equal(configuration.isComplete, true);
      const { debug, minSharedCpus, priority } = configuration.config;
      assert.deepEqual([debug, minSharedCpus, priority], [true, 2, 'numa']);
      assert.equal(configuration.policy.minSharedCpus, 2);
      assert.equal(`${configuration.policy.integerCpus}`, '1-7');
      assert.deepEqual(changes, [], 'nothing was in force before');
    });

    it(`that does not fit the host is refused, ${isHostFirst ? 'host' : 'runtime'} first`, async (t) => {
      const { configuration } = await configured(t);
      const begun = () => configuration.begin(TOPOLOGY);
      const told = () => configuration.setNri('reservedCpus: 4096', RUNTIME);
      const [first, second] = isHostFirst ? [begun, told] : [told, begun];
      await first();
      await assert.rejects(second(), wrong(/^configuration from containerd, line 1: reservedCpus: .*4096/));
      assert.equal(configuration.isComplete, false);
    });
  }

  it('of a file that does not fit the host is refused', async (t) => {
    const { configuration } = await configured(t, 'reservedCpus: 4096');
    await assert.rejects(configuration.begin(TOPOLOGY), wrong(/config\.yaml, line 1: reservedCpus: .*4096/));
  });

  it('that is wrong in itself is refused, and the next one may be right', async (t) => {
    const { configuration } = await configured(t);
    await configuration.begin(TOPOLOGY);
    await assert.rejects(configuration.setNri('minSharedCpus: two', RUNTIME), wrong(/minSharedCpus.*"two"/));
    await configuration.setNri('minSharedCpus: 2', RUNTIME);
    assert.equal(configuration.policy.minSharedCpus, 2);
  });
});

describe('Rules in force', () => {
  async function inForce(t: TestContext, file?: string, runtime = RUNTIME) {
    const all = await configured(t, file);
    await all.configuration.setNri('', runtime);
    await all.configuration.begin(TOPOLOGY);
    return all;
  }

  it('change with what the runtime says', async (t) => {
    const { configuration, changes, logged } = await inForce(t);
    await configuration.setNri('minSharedCpus: 3', RUNTIME);
    assert.deepEqual(changes, [3]);
    assert.deepEqual(logged, ['info: the runtime handed over its configuration']);
  });

  it('change with the CPUs of the host', async (t) => {
    const { configuration, changes, logged } = await inForce(t);
    await configuration.setTopology(WITHOUT_CPU_7);
    assert.equal(`${configuration.policy.integerCpus}`, '0-6');
    assert.deepEqual(changes, [1]);
    assert.deepEqual(logged, ['info: the CPUs of the host changed']);
  });

  it('change with the file, also when that was changed before they were', async (t) => {
    const { configuration, write, changes, debug } = await configured(t, 'minSharedCpus: 1');
    await configuration.setNri('', RUNTIME);
    write('{ minSharedCpus: 2, debug: true }');
    await configuration.begin(TOPOLOGY);
    await until('the change is noticed', () => changes.length === 1);
    write('{ minSharedCpus: 3, debug: false }');
    await until('the change is noticed', () => changes.length === 2);
    assert.deepEqual(changes, [2, 3]);
    assert.deepEqual(debug, [false, true, false]);
  });

  it('stay where what is said later is wrong, which is logged', async (t) => {
    const { configuration, write, changes, logged } = await inForce(t, 'minSharedCpus: 2');
    const { policy } = configuration;
    await configuration.setNri('minSharedCpus: [', RUNTIME);
    await configuration.setNri('reservedCpus: 4096', RUNTIME);
    write('minSharedCpus: many');
    await until('the file is read', () => logged.length === 3);
    for (const [index, what] of [/not YAML/, /reservedCpus.*4096/, /config\.yaml.*"many"/].entries()) {
      assert.match(logged[index]!, what);
      assert.match(logged[index]!, /^error: .*; the configuration before it stays in force$/);
    }
    assert.equal(configuration.policy, policy);
    assert.deepEqual(changes, []);
    assert.match(configuration.refused.join('\n'), /^configuration from .*4096.*\n.*config\.yaml.*"many"/);
    await configuration.setNri('', RUNTIME);
    assert.match(
      configuration.refused.join('\n'),
      /^.*config\.yaml.*"many"/,
      'the file is as wrong as before',
    );
    write('minSharedCpus: 3');
    await until('the file is read', () => changes.length === 2);
    assert.deepEqual(configuration.refused, []);
  });

  it('no longer follow the file when all is closed', async (t) => {
    const { configuration, write, changes } = await inForce(t, 'minSharedCpus: 2');
    configuration.close();
    write('{ minSharedCpus: 3 }');
    await sleep(A_WHILE_MS);
    assert.deepEqual(changes, []);
  });

  it('that an old runtime cannot follow are warned of, once for each change', async (t) => {
    const file = 'numaMemoryPolicy: preferred';
    const warnings = (logged: readonly string[]) => logged.filter((line) => line.startsWith('warn: memory'));
    const { configuration, logged } = await inForce(t, file, OLD_RUNTIME);
    assert.equal(warnings(logged).length, 1);
    await configuration.setTopology(WITHOUT_CPU_7);
    assert.equal(warnings(logged).length, 1);
    await configuration.setNri('numaMemoryPolicy: strict', OLD_RUNTIME);
    await configuration.setNri('', OLD_RUNTIME);
    assert.equal(warnings(logged).length, 2);
    assert.deepEqual(warnings((await inForce(t, file)).logged), []);
  });
});
