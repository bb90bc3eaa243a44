import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ConfigSources, DEFAULT_CONFIG, type GivenSetting, loadConfig } from '../../src/main/config.ts';
import { ConfigError } from '../../src/main/config-error.ts';
import { configuredCpus } from '../../src/main/configured-cpus.ts';
import type { SettingValue } from '../../src/main/settings.ts';

const given = (key: string, value: SettingValue, where = 'here'): GivenSetting => ({ key, value, where });

const refused = (key: string, value: SettingValue, message: RegExp) =>
  assert.throws(
    () => loadConfig({ flags: [given(key, value)] }),
    (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    },
  );

const refusedAs = (key: string, value: SettingValue, message: string) =>
  assert.throws(() => loadConfig({ flags: [given(key, value)] }), { name: 'ConfigError', message });

describe('defaults', () => {
  test('are those of the documentation', () => {
    assert.deepEqual(loadConfig({}), {
      annotationDomain: 'weka.io',
      debug: false,
      numaMemoryPolicy: 'strict',
      reservedCpus: '',
      protectedCpus: '',
      isolatedCpus: 'exclude',
      minSharedCpus: 1,
      pinningNamespaces: ['*'],
      priority: 'siblings',
      poolGrowth: { rate: 20, burst: 40 },
      liftCpuQuota: false,
      reassignment: {
        minContainers: 16,
        minCpus: 128,
        timeoutShare: 0.05,
        msPerContainer: 1,
        workers: 0,
        warm: false,
      },
      reconcile: { after: 5, growthAfter: 10, driftInterval: 10, hostInterval: 2 },
      metrics: { containers: false },
    });
  });

  test('are not changed by what is loaded', () => {
    loadConfig({ flags: [given('minSharedCpus', '7')] });
    assert.equal(DEFAULT_CONFIG.minSharedCpus, 1);
  });
});

describe('precedence', () => {
  const ORDER = ['file', 'nri', 'environment', 'flags'] as const satisfies (keyof ConfigSources)[];

  test('each source wins over those before it, whatever the spelling', () => {
    for (const [position, source] of ORDER.entries()) {
      const sources = Object.fromEntries(
        ORDER.slice(0, position + 1).map((name, index) => [
          name,
          [given(index % 2 === 0 ? 'minSharedCpus' : 'min-shared-cpus', String(10 + index))],
        ]),
      );
      assert.equal(loadConfig(sources).minSharedCpus, 10 + position, source);
    }
  });

  test('a source that does not mention a setting leaves it alone', () => {
    const config = loadConfig({ file: [given('debug', 'true')], flags: [given('priority', 'numa')] });
    assert.equal(config.debug, true);
    assert.equal(config.priority, 'numa');
  });

  test('an empty value overrides', () => {
    const config = loadConfig({
      file: [given('reservedCpus', '0-3')],
      environment: [given('reservedCpus', '')],
    });
    assert.equal(config.reservedCpus, '');
  });

  test('a bad value is an error also where a later source overrides it', () => {
    assert.throws(
      () => loadConfig({ file: [given('debug', 'maybe', 'file')], flags: [given('debug', 'true')] }),
      { message: 'file: debug must be true or false, not "maybe"' },
    );
  });
});

describe('keys', () => {
  test('a near miss is told what was meant, in the spelling that was used', () => {
    refused('minSharedCpu', '1', /^here: unknown setting "minSharedCpu"; did you mean "minSharedCpus"\?$/);
    refused('min-shared-cpu', '1', /did you mean "min-shared-cpus"\?$/);
  });

  test('something quite different is not given a suggestion', () => {
    refused('colour', 'red', /^here: unknown setting "colour"$/);
    refused('__proto__', 'x', /^here: unknown setting "__proto__"$/);
    refused('x'.repeat(10_000), '1', /^here: unknown setting "x+\.\.\.$/);
  });

  test('the two spellings of one key in one source are an error that names both places', () => {
    const nri = [given('debug', 'true', 'line 1'), given('lift-cpu-quota', 'true', 'line 2')];
    assert.throws(() => loadConfig({ nri: [...nri, given('liftCpuQuota', 'false', 'line 3')] }), {
      name: 'ConfigError',
      message: 'line 3: liftCpuQuota is given twice, the first time as "lift-cpu-quota" at line 2',
    });
  });

  test('a message stays one line whatever the key and the place are', () => {
    refused('a\nb\u2028c', '1', /unknown setting/);
    assert.doesNotMatch(new ConfigError('/tmp/a\nb: bad').message, /\n/);
  });
});

describe('values', () => {
  const accepted = (key: string, value: SettingValue) =>
    (loadConfig({ flags: [given(key, value)] }) as unknown as Record<string, unknown>)[key];

  test('blanks around a value do not matter', () => {
    assert.equal(accepted('priority', ' numa\n'), 'numa');
    assert.equal(accepted('minSharedCpus', ' 3 '), 3);
  });

  test('switches are true or false', () => {
    assert.equal(accepted('liftCpuQuota', 'true'), true);
    for (const value of ['yes', '1', 'TRUE', '']) refused('debug', value, /debug must be true or false, not/);
  });

  test('choices name what can be chosen', () => {
    for (const value of ['strict', 'preferred', 'none'])
      assert.equal(accepted('numaMemoryPolicy', value), value);
    for (const value of ['exclude', 'prefer', 'ignore']) assert.equal(accepted('isolatedCpus', value), value);
    refused('numaMemoryPolicy', 'Strict', /must be strict, preferred or none, not "Strict"$/);
    refused('isolatedCpus', 'include', /must be exclude, prefer or ignore, not "include"$/);
    refused('priority', 'cores', /must be siblings or numa, not "cores"$/);
  });

  test('counts are whole numbers in their range', () => {
    assert.equal(accepted('minSharedCpus', '0'), 0);
    assert.equal(accepted('minSharedCpus', '8191'), 8191);
    for (const value of ['8192', '-1', '1.5', '0x10', '1e3', '', 'one', '9'.repeat(400)]) {
      refused('minSharedCpus', value, /^here: minSharedCpus must be a whole number from 0 to 8191, not "/);
    }
  });

  test('CPU lists are kept as written and checked for syntax', () => {
    assert.equal(accepted('reservedCpus', '0, 2-3'), '0, 2-3');
    assert.equal(accepted('protectedCpus', '8191'), '8191');
    refused('reservedCpus', '0,x', /^here: reservedCpus: CPU list "0,x" has an item .*: "x"$/);
    refused('protectedCpus', '3-1', /^here: protectedCpus: CPU list "3-1" has a reversed range: "3-1"$/);
    refused('reservedCpus', '0-4294967295', /names a CPU above 8191/);
    refused('reservedCpus', `0${',1'.repeat(40_000)}`, /is 80001 characters long/);
  });

  test('the annotation domain is a domain name', () => {
    assert.equal(accepted('annotationDomain', 'cpu.example-1.com'), 'cpu.example-1.com');
    for (const value of ['', 'Weka.io', 'weka.io/', '-a', 'a-', 'a..b', 'a'.repeat(254)]) {
      refused('annotationDomain', value, /must be a domain name such as weka\.io, not/);
    }
  });

  test('namespaces are a list, or text with commas', () => {
    assert.deepEqual(accepted('pinningNamespaces', ['weka-*', 'kube-system']), ['weka-*', 'kube-system']);
    assert.deepEqual(accepted('pinningNamespaces', 'weka-*, kube-system'), ['weka-*', 'kube-system']);
    assert.deepEqual(accepted('pinningNamespaces', ''), []);
    assert.deepEqual(accepted('pinningNamespaces', []), []);
    for (const value of ['a,,b', 'Weka', 'a/b', ['a', ['b']], ['']]) {
      refused('pinningNamespaces', value, /must be namespaces, or patterns of them/);
    }
  });

  test('the growth of the pool is a mapping or compact text', () => {
    assert.deepEqual(accepted('poolGrowth', { rate: '5', burst: '10' }), { rate: 5, burst: 10 });
    assert.deepEqual(accepted('poolGrowth', '0.5/s, burst 1'), { rate: 0.5, burst: 1 });
    assert.deepEqual(accepted('poolGrowth', '100 / s,burst 0'), { rate: 100, burst: 0 });
    const bad: SettingValue[] = [
      '20/s',
      '20',
      'burst 40',
      '20/m, burst 40',
      '1.2.3/s, burst 4',
      '10001/s, burst 1',
      { rate: '1' },
      { rate: '1', burst: '1.5' },
      { rate: '1', burst: '1', more: '1' },
    ];
    for (const value of bad)
      refused('poolGrowth', value, /must be a rate and a burst from 0 to 10000, such as/);
  });

  test('settings with parts take some of them, in either spelling; the others keep their defaults', () => {
    const reconcile = { after: 5, growthAfter: 10, driftInterval: 30, hostInterval: 2 };
    assert.deepEqual(accepted('reconcile', { driftInterval: '30' }), reconcile);
    assert.deepEqual(accepted('reconcile', { 'drift-interval': '30' }), reconcile);
    assert.deepEqual(accepted('reconcile', 'drift-interval=30'), reconcile);
    refused(
      'reconcile',
      ['after=5'],
      /^here: reconcile must be any of after, growthAfter, driftInterval, hostInterval, in seconds, such as "after=5", not \["after=5"\]$/,
    );
  });

  test('what is wrong with a part is told of that part: what it is, what it must be', () => {
    const seconds = 'after must be a number of seconds from 0 to 86400';
    for (const [value, quoted] of [
      ['after', '""'],
      ['after=', '""'],
      ['after=soon', '"soon"'],
      ['after=5=6', '"5=6"'],
      ['after=86401', '"86401"'],
      [{ after: ['5'] }, '["5"]'],
    ] as const) {
      refusedAs('reconcile', value, `here: reconcile: ${seconds}, not ${quoted}`);
    }
    refusedAs(
      'reassignment',
      { workers: '100', warm: 'maybe', minCpus: '4' },
      'here: reassignment: workers must be a whole number from 0 to 64, not "100"; warm must be true or false, not "maybe"',
    );
    refusedAs(
      'reassignment',
      'timeout-share=1.5, ms-per-container=-1',
      'here: reassignment: timeoutShare must be a number from 0 to 1, not "1.5"; msPerContainer must be a number of milliseconds from 0 to 86400, not "-1"',
    );
    refusedAs('metrics', 'containers', 'here: metrics: containers must be true or false, not ""');
  });

  test('parts that there are not, and those given twice, are named', () => {
    for (const key of ['afterwards', '__proto__', 'constructor', '']) {
      refusedAs(
        'reconcile',
        `${key}=5`,
        `here: reconcile: there is no "${key}", only after, growthAfter, driftInterval, hostInterval`,
      );
    }
    refusedAs('reconcile', 'after=5, after=6', 'here: reconcile: after is given twice');
    refusedAs(
      'reconcile',
      { growthAfter: '1', 'growth-after': '1' },
      'here: reconcile: growthAfter is given twice',
    );
  });

  test('the host is looked at ten times a second at most: 0 is not "never", as it is for drift', () => {
    assert.deepEqual(accepted('reconcile', 'hostInterval=0.1, driftInterval=0'), {
      after: 5,
      growthAfter: 10,
      driftInterval: 0,
      hostInterval: 0.1,
    });
    for (const value of ['0', '0.001', '0.099']) {
      refusedAs(
        'reconcile',
        { hostInterval: value },
        `here: reconcile: hostInterval must be a number of seconds from 0.1 to 86400, not "${value}"`,
      );
    }
  });

  test('a list or mapping is refused where text is due, and quoted', () => {
    refused('minSharedCpus', ['1'], /not \["1"\]$/);
    refused('debug', { a: 'true' }, /not \{"a":"true"\}$/);
    refused('reservedCpus', ['0', '1'], /must be CPU ids in one text such as "0,2-3,8", not \["0","1"\]$/);
  });

  test('a long value is shortened in the message', () => {
    refused('priority', 'x'.repeat(10_000), /^.{1,200}$/);
  });
});

describe('CPU lists on a host', () => {
  const config = loadConfig({ flags: [given('reservedCpus', '0-1,63'), given('protectedCpus', '')] });

  test('become sets', () => {
    assert.equal(configuredCpus(config, 'reservedCpus', 63).toString(), '0-1,63');
    assert.equal(configuredCpus(config, 'protectedCpus', 63).toString(), '');
  });

  test('may not name a CPU that the host can never have', () => {
    assert.throws(() => configuredCpus(config, 'reservedCpus', 31), {
      name: 'ConfigError',
      message: /^here: reservedCpus: CPU list .* names a CPU above 31/,
    });
  });

  test('that do not fit are told by the source that gave them last', () => {
    const sources: Required<ConfigSources> = {
      file: [given('reserved-cpus', '0-99', 'file, line 3'), given('protectedCpus', '0-99', 'file, line 7')],
      nri: [],
      environment: [given('reservedCpus', '0-98', 'variable'), given('priority', 'numa', 'another variable')],
      flags: [given('reservedCpus', '0-97', '--reserved-cpus')],
    };
    const misfit = (from: ConfigSources, setting: 'reservedCpus' | 'protectedCpus', message: RegExp) =>
      assert.throws(() => configuredCpus(loadConfig(from), setting, 31), { name: 'ConfigError', message });
    misfit(sources, 'reservedCpus', /^--reserved-cpus: reservedCpus: CPU list "0-97" /);
    misfit({ ...sources, flags: [] }, 'reservedCpus', /^variable: reservedCpus: CPU list "0-98" /);
    misfit(sources, 'protectedCpus', /^file, line 7: protectedCpus: CPU list "0-99" /);
  });
});
