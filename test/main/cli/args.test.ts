import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCommandLine, type RunOptions } from '../../../src/main/cli/args.ts';
import { type Config, loadConfig } from '../../../src/main/config.ts';

const run = (argv: readonly string[], environment: Record<string, string> = {}): RunOptions => {
  const command = parseCommandLine(argv, environment);
  assert.equal(command.name, 'run');
  return (command as { options: RunOptions }).options;
};

const refused = (
  argv: readonly string[],
  message: RegExp | string,
  environment: Record<string, string> = {},
) => assert.throws(() => parseCommandLine(argv, environment), { name: 'ConfigError', message });

/** Every setting as text, and what becomes of it. */
const SETTINGS: { readonly [K in keyof Config]: readonly [kebab: string, text: string, value: Config[K]] } = {
  annotationDomain: ['annotation-domain', 'example.com', 'example.com'],
  debug: ['debug', 'true', true],
  numaMemoryPolicy: ['numa-memory-policy', 'none', 'none'],
  reservedCpus: ['reserved-cpus', '0-3', '0-3'],
  protectedCpus: ['protected-cpus', '0', '0'],
  isolatedCpus: ['isolated-cpus', 'ignore', 'ignore'],
  minSharedCpus: ['min-shared-cpus', '2', 2],
  pinningNamespaces: ['pinning-namespaces', 'a,b-*', ['a', 'b-*']],
  priority: ['priority', 'numa', 'numa'],
  poolGrowth: ['pool-growth', '1/s, burst 2', { rate: 1, burst: 2 }],
  liftCpuQuota: ['lift-cpu-quota', 'true', true],
  reassignment: [
    'reassignment',
    'workers=2, warm=true',
    { minContainers: 16, minCpus: 128, timeoutShare: 0.05, msPerContainer: 1, workers: 2, warm: true },
  ],
  reconcile: [
    'reconcile',
    'drift-interval=30',
    { after: 5, growthAfter: 10, driftInterval: 30, hostInterval: 2 },
  ],
  metrics: ['metrics', 'containers=true', { containers: true }],
};
const EXPECTED = Object.fromEntries(Object.entries(SETTINGS).map(([name, [, , value]]) => [name, value]));

describe('commands', () => {
  test('run is the default', () => {
    assert.equal(parseCommandLine([], {}).name, 'run');
    assert.equal(parseCommandLine(['--debug'], {}).name, 'run');
    assert.equal(parseCommandLine(['run', '--debug'], {}).name, 'run');
  });

  test('version and help can be flags too', () => {
    for (const argv of [['version'], ['--version']])
      assert.deepEqual(parseCommandLine(argv, {}), { name: 'version' });
    for (const argv of [
      ['help'],
      ['--help'],
      ['-h'],
      ['run', '--help'],
      ['topology', '-h'],
      ['demo', '--help'],
    ]) {
      assert.deepEqual(parseCommandLine(argv, {}), { name: 'help' });
    }
  });

  test('topology can print JSON, and be shown another host', () => {
    assert.deepEqual(parseCommandLine(['topology'], {}), { name: 'topology', json: false, hostRoot: '/' });
    assert.deepEqual(parseCommandLine(['topology', '--json', '--host-root', '/host'], {}), {
      name: 'topology',
      json: true,
      hostRoot: '/host',
    });
    refused(['topology', '--jsn'], /^unknown flag "--jsn"; did you mean "--json"\?/);
    refused(['topology', '--debug'], /^unknown flag "--debug"/);
  });

  test('those that ask the running plugin find it by its socket', () => {
    const asked = { adminSocket: '/run/weka-nri-cpuset/admin.sock', colour: undefined };
    assert.deepEqual(parseCommandLine(['status'], {}), {
      name: 'status',
      options: { ...asked, json: false },
    });
    assert.deepEqual(parseCommandLine(['map', '--watch', '--color'], {}), {
      name: 'map',
      options: { ...asked, watch: true, colour: true },
    });
    assert.deepEqual(parseCommandLine(['explain', 'shop/web', '--no-color', '--admin-socket', '/a'], {}), {
      name: 'explain',
      options: { adminSocket: '/a', colour: false, subject: 'shop/web' },
    });
    assert.deepEqual(parseCommandLine(['journal', '--follow'], { WEKA_CPUSET_ADMIN_SOCKET: '/a' }), {
      name: 'journal',
      options: { ...asked, adminSocket: '/a', follow: true, json: false },
    });
    refused(['explain'], 'explain: needs the name of a pod or container (see --help)');
    refused(['explain', 'a', 'b'], 'unexpected argument "b" (see --help)');
    refused(['map', '--json'], /^unknown flag "--json"/);
    refused(['status', '--admin-socket='], '--admin-socket: must be a path, not ""');
  });

  test('simulate takes this host, another, one in words or a live one', () => {
    const host = (...argv: string[]) => {
      const command = parseCommandLine(['simulate', '--pods', '-', ...argv], {});
      return command.name === 'simulate' ? command.options.host : undefined;
    };
    assert.deepEqual(host(), { from: 'files', root: '/' });
    assert.deepEqual(host('--host-root', '/h'), { from: 'files', root: '/h' });
    assert.deepEqual(host('--topology', '8 cores'), { from: 'specification', text: '8 cores' });
    assert.deepEqual(host('--from-live', '--admin-socket', '/a'), { from: 'live', adminSocket: '/a' });
    refused(['simulate'], 'simulate: needs the pods, --pods=FILE (see --help)');
    refused(
      ['simulate', '--pods', '-', '--topology', '4', '--host-root', '/h'],
      /one of --topology, --host-root/,
    );
    refused(
      ['simulate', '--pods', '-', '--topology', ''],
      '--topology: must be a host in words, such as "2 packages, 16 cores, SMT 2", not ""',
    );
  });

  test('doctor can be shown another host, socket and configuration', () => {
    assert.deepEqual(
      parseCommandLine(['doctor', '--json', '--host-root=/h', '--socket=/s', '--config=/c'], {}),
      { name: 'doctor', options: { json: true, hostRoot: '/h', socketPath: '/s', configPath: '/c' } },
    );
  });

  test('demo reads its arguments itself', () => {
    assert.deepEqual(parseCommandLine(['demo', '--any', 'thing'], {}), {
      name: 'demo',
      args: ['--any', 'thing'],
    });
  });

  test('an unknown one is told what was meant', () => {
    refused(['topolgy'], 'unknown command "topolgy"; did you mean "topology"? (see --help)');
    refused(['frobnicate'], 'unknown command "frobnicate" (see --help)');
    refused([''], 'unknown command "" (see --help)');
  });
});

describe('options of run', () => {
  test('have defaults', () => {
    assert.deepEqual(run([]), {
      socketPath: '/var/run/nri/nri.sock',
      socketDescriptor: undefined,
      pluginName: 'weka-cpuset',
      pluginIndex: '99',
      dryRun: false,
      hostRoot: '/',
      configPath: undefined,
      adminSocket: '/run/weka-nri-cpuset/admin.sock',
      http: undefined,
      sources: { environment: [], flags: [] },
      log: { level: undefined, format: undefined, file: undefined, preinstalled: false },
    });
  });

  test('come from flags', () => {
    const flags = [
      '--socket',
      '/s',
      '--plugin-name=n',
      '--plugin-index',
      '01',
      '--dry-run',
      '--host-root=/h',
      '--admin-socket=/a',
      '--http=127.0.0.1:9464',
    ];
    const more = ['--config', '/c', '--log-level', 'warn', '--log-format', 'pretty', '--log-file', '/l'];
    assert.deepEqual(run([...flags, ...more]), {
      socketPath: '/s',
      socketDescriptor: undefined,
      pluginName: 'n',
      pluginIndex: '01',
      dryRun: true,
      hostRoot: '/h',
      configPath: '/c',
      adminSocket: '/a',
      http: { host: '127.0.0.1', port: 9464 },
      sources: { environment: [], flags: [] },
      log: { level: 'warn', format: 'pretty', file: '/l', preinstalled: false },
    });
  });

  test('come from the environment, where NRI has its own names', () => {
    const environment = {
      NRI_SOCKET: '/s',
      NRI_PLUGIN_NAME: 'n',
      NRI_PLUGIN_IDX: '01',
      NRI_PLUGIN_SOCKET: '3',
      WEKA_CPUSET_DRY_RUN: 'true',
      WEKA_CPUSET_HOST_ROOT: '/h',
      WEKA_CPUSET_CONFIG: '/c',
      WEKA_CPUSET_ADMIN_SOCKET: '/a',
      WEKA_CPUSET_HTTP: '127.0.0.1:9464',
      WEKA_CPUSET_LOG_LEVEL: 'warn',
      WEKA_CPUSET_LOG_FORMAT: 'json',
      WEKA_CPUSET_LOG_FILE: '/l',
    };
    assert.deepEqual(run([], environment), {
      socketPath: '/s',
      socketDescriptor: 3,
      pluginName: 'n',
      pluginIndex: '01',
      dryRun: true,
      hostRoot: '/h',
      configPath: '/c',
      adminSocket: '/a',
      http: { host: '127.0.0.1', port: 9464 },
      sources: { environment: [], flags: [] },
      log: { level: 'warn', format: 'json', file: '/l', preinstalled: true },
    });
  });

  test('flags win over the environment, and the last of several flags', () => {
    const environment = { NRI_SOCKET: '/environment', WEKA_CPUSET_DRY_RUN: 'true' };
    const options = run(['--socket', '/first', '--socket', '/last', '--no-dry-run'], environment);
    assert.equal(options.socketPath, '/last');
    assert.equal(options.dryRun, false);
  });

  test('a bad value names flag or variable and what is allowed', () => {
    refused(['--plugin-index', '7'], '--plugin-index: must be two digits, such as 99, not "7"');
    refused([], 'environment variable NRI_PLUGIN_IDX: must be two digits, such as 99, not "x"', {
      NRI_PLUGIN_IDX: 'x',
    });
    refused(['--plugin-name', 'a/b'], '--plugin-name: must be a name without blanks and slashes, not "a/b"');
    refused(['--log-level', 'loud'], /^--log-level: must be one of trace, debug, .*silent, not "loud"$/);
    refused(['--log-format', 'xml'], '--log-format: must be one of json, pretty, not "xml"');
    refused(['--socket='], '--socket: must be a path, not ""');
    const address = /must be an address and a port, such as 127\.0\.0\.1:9464 or \[::\]:9464, not/;
    for (const bad of ['9464', ':9464', 'host:', 'host:65536', '::1:9464', 'a b:1', '[x]:1']) {
      refused([`--http=${bad}`], address);
    }
    assert.deepEqual(run(['--http', '[::1]:80']).http, { host: '::1', port: 80 });
    refused(['--dry-run=perhaps'], '--dry-run: must be one of true, false, not "perhaps"');
    refused([], 'environment variable NRI_PLUGIN_SOCKET: must be the number of a descriptor, not "/run/x"', {
      NRI_PLUGIN_SOCKET: '/run/x',
    });
  });
});

describe('settings', () => {
  test('each has a flag', () => {
    const argv = Object.values(SETTINGS).map(([kebab, text]) => `--${kebab}=${text}`);
    assert.deepEqual(loadConfig(run(argv).sources), EXPECTED);
  });

  test('each has a variable', () => {
    const environment = Object.values(SETTINGS).map(([kebab, text]) => [
      `WEKA_CPUSET_${kebab.toUpperCase().replaceAll('-', '_')}`,
      text,
    ]);
    assert.deepEqual(loadConfig(run([], Object.fromEntries(environment)).sources), EXPECTED);
  });

  test('flags win over the environment', () => {
    const { sources } = run(['--min-shared-cpus', '3'], { WEKA_CPUSET_MIN_SHARED_CPUS: '2' });
    assert.equal(loadConfig(sources).minSharedCpus, 3);
  });

  test('those that are on or off are switches', () => {
    const debug = (...argv: string[]) => loadConfig(run(argv, { WEKA_CPUSET_DEBUG: 'true' }).sources).debug;
    assert.equal(debug('--debug'), true);
    assert.equal(debug('--no-debug'), false);
    assert.equal(debug('--debug=false'), false);
  });

  test('a bad value names flag or variable', () => {
    const load = (argv: string[], environment: Record<string, string>) =>
      loadConfig(run(argv, environment).sources);
    assert.throws(() => load(['--numa-memory-policy', 'x'], {}), {
      message: '--numa-memory-policy: numaMemoryPolicy must be strict, preferred or none, not "x"',
    });
    assert.throws(() => load([], { WEKA_CPUSET_RESERVED_CPUS: '1-x' }), {
      message: /^environment variable WEKA_CPUSET_RESERVED_CPUS: reservedCpus: CPU list "1-x" .*"1-x"$/,
    });
  });
});

describe('mistakes', () => {
  test('an unknown flag is told what was meant', () => {
    refused(
      ['--reserved-cpu', '0'],
      'unknown flag "--reserved-cpu"; did you mean "--reserved-cpus"? (see --help)',
    );
    refused(['--minSharedCpus=1'], /^unknown flag "--minSharedCpus"; did you mean "--min-shared-cpus"\?/);
    refused(['-x'], 'unknown flag "-x" (see --help)');
    refused(['--__proto__'], 'unknown flag "--__proto__" (see --help)');
    refused(['--no-socket'], /^unknown flag "--no-socket"/);
    refused(['--no-debug=true'], /^unknown flag "--no-debug"/);
  });

  test('a missing value is told, instead of taking the next flag for it', () => {
    refused(['--socket'], '--socket: needs a value, --socket=PATH (see --help)');
    refused(['--socket', '--debug'], /^--socket: needs a value/);
    assert.equal(run(['--socket=--odd']).socketPath, '--odd');
  });

  test('arguments that are no flags are refused', () => {
    refused(['run', 'fast'], 'unexpected argument "fast" (see --help)');
    refused(['--debug', 'true'], 'unexpected argument "true" (see --help)');
    refused(['--', '--debug'], 'unexpected argument "--debug" (see --help)');
  });

  test('an unknown variable of ours is told what was meant', () => {
    refused(
      [],
      'environment variable WEKA_CPUSET_RESERVED_CPU: is not known; did you mean "WEKA_CPUSET_RESERVED_CPUS"? (see --help)',
      { WEKA_CPUSET_RESERVED_CPU: '0' },
    );
  });

  test('what Kubernetes puts there for a Service of our name is none', () => {
    const environment = {
      WEKA_CPUSET_SERVICE_HOST: '10.0.0.1',
      WEKA_CPUSET_SERVICE_PORT: '9090',
      WEKA_CPUSET_SERVICE_PORT_METRICS: '9090',
      WEKA_CPUSET_PORT: 'tcp://10.0.0.1:9090',
      WEKA_CPUSET_PORT_9090_TCP: 'tcp://10.0.0.1:9090',
      WEKA_CPUSET_PORT_9090_TCP_PROTO: 'tcp',
      WEKA_CPUSET_METRICS_PORT_9090_TCP_ADDR: '10.0.0.1',
      PATH: '/bin',
    };
    assert.deepEqual(run([], environment).sources.environment, []);
  });
});
