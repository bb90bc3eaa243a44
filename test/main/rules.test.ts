import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSettings } from '../../src/main/config.ts';
import { ConfigError } from '../../src/main/config-error.ts';
import { parseSettings } from '../../src/main/config-file.ts';
import type { Policy } from '../../src/main/ledger/policy.ts';
import { Rules } from '../../src/main/rules.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { createTopology } from '../../src/placement/topology.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';

const PARTS = parseTopologySpec('8');
const TOPOLOGY = createTopology(PARTS);
const WITHOUT_CPU_7 = createTopology({
  ...PARTS,
  online: Cpuset.range(0, 6),
  offline: Cpuset.from([7]),
});

const settings = (text: string, name = 'test') => readSettings(parseSettings(text, name));

function rulesOf(file: string, given = ''): Rules {
  return new Rules(settings(given), TOPOLOGY, settings(file));
}

function setNri(rules: Rules, text: string): Policy {
  return rules.setNri(text, settings(text, 'the runtime'));
}

/** Asserts that a change is refused for a reason that names `what`, and leaves everything as it was. */
function refuses(rules: Rules, what: RegExp, change: () => unknown): void {
  const { config, policy } = rules;
  assert.throws(change, (error) => error instanceof ConfigError && what.test(error.message));
  assert.equal(rules.config, config);
  assert.equal(rules.policy, policy);
}

describe('the rules in force', () => {
  it('are what the sources say together: the runtime over the file, flags over both', () => {
    const rules = rulesOf('{ minSharedCpus: 1, reservedCpus: 0, priority: numa }', 'priority: siblings');
    const policy = setNri(rules, '{ minSharedCpus: 2, priority: numa }');
    assert.equal(policy, rules.policy);
    assert.equal(policy.minSharedCpus, 2);
    assert.equal(policy.priority, 'siblings');
    assert.equal(`${policy.integerCpus}`, '1-7');
  });

  it('follow a new file in all that no stronger source says', () => {
    const rules = rulesOf('{ minSharedCpus: 1, reservedCpus: 0 }');
    setNri(rules, 'minSharedCpus: 3');
    const policy = rules.setFile(settings('{ minSharedCpus: 2, reservedCpus: 6-7 }'));
    assert.equal(policy.minSharedCpus, 3);
    assert.equal(`${policy.integerCpus}`, '0-5');
    assert.equal(setNri(rules, '').minSharedCpus, 2);
  });

  it('follow the CPUs of the host, and keep the settings', () => {
    const rules = rulesOf('reservedCpus: 0');
    setNri(rules, 'minSharedCpus: 3');
    const { config } = rules;
    const policy = rules.setTopology(WITHOUT_CPU_7);
    assert.equal(`${policy.integerCpus}`, '1-6');
    assert.equal(policy.minSharedCpus, 3);
    assert.deepEqual(rules.config, config);
    assert.equal(`${rules.setTopology(TOPOLOGY).integerCpus}`, '1-7');
  });

  it('stay as they are when a source is wrong in itself', () => {
    const rules = rulesOf('minSharedCpus: 1');
    refuses(rules, /minSharedCpus/, () => rules.setFile(settings('minSharedCpus: many')));
    refuses(rules, /the runtime.*mapping/, () => setNri(rules, 'no settings'));
  });

  it('stay as they are when a setting names a CPU that the host can never have', () => {
    const rules = rulesOf('reservedCpus: 0');
    refuses(rules, /^test, line 2: protectedCpus: /, () =>
      rules.setFile(settings('debug: true\nprotectedCpus: 4096')),
    );
    refuses(rules, /^the runtime, line 1: reservedCpus: /, () => setNri(rules, 'reservedCpus: 4096'));
  });

  it('forget a refused source: later changes build on the last good ones', () => {
    const rules = rulesOf('minSharedCpus: 2');
    refuses(rules, /minSharedCpus/, () => rules.setFile(settings('minSharedCpus: many')));
    assert.equal(rules.setTopology(WITHOUT_CPU_7).minSharedCpus, 2);
    assert.equal(setNri(rules, 'reservedCpus: 0').minSharedCpus, 2);
  });

  it('cannot be made from wrong settings', () => {
    assert.throws(() => rulesOf('reservedCpus: 4096'), {
      name: 'ConfigError',
      message: /^test, line 1: reservedCpus: CPU list "4096" /,
    });
  });
});
