import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { SysfsTree } from '../../src/main/runtime/sysfs-tree.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import { RuntimeConnection } from '../../src/protocol/nri.ts';
import { until } from '../e2e/harness/until.ts';
import { annotated } from '../main/ledger/fixtures.ts';
import { CONTAINERD, TIMEOUT_MS, told } from '../main/nri/fixtures.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const PROGRAM = join(import.meta.dirname, '../../src/main/index.ts');
const SLOW_TIMERS = join(import.meta.dirname, 'slow-timers.ts');

interface LaunchOptions {
  /** Its configuration file, if it has one. */
  readonly settings?: string;
  /** Whether there is a host that it can read. */
  readonly host?: boolean;
  /** Whether it waits, after a failure, until the runtime has had the reason, however long that takes. */
  readonly isPatient?: boolean;
}

/** An instance that the runtime, which is the test, has started on a host of 8 CPUs. */
class Launched {
  readonly runtime: RuntimeConnection;
  /** Settles when it has registered. */
  readonly registered: Promise<void>;
  /** Its exit code. */
  readonly ended: Promise<number | null>;
  readonly #logFile: string;

  constructor(context: TestContext, { settings, host = true, isPatient = false }: LaunchOptions = {}) {
    const folder = temporaryFolder(context);
    const hostRoot = join(folder, 'host');
    mkdirSync(hostRoot);
    if (host) new SysfsTree(hostRoot, parseTopologySpec('1 package, 8 cores'));
    this.#logFile = join(folder, 'log');
    const file = join(folder, 'settings.yaml');
    if (settings !== undefined) writeFileSync(file, settings);
    const flags = [
      ...['--socket', join(folder, 'nri.sock'), '--admin-socket', join(folder, 'run/admin.sock')],
      ...['--host-root', hostRoot, '--log-file', this.#logFile],
      ...(settings === undefined ? [] : ['--config', file]),
    ];
    const loaded = ['--import', 'tsx', ...(isPatient ? ['--import', SLOW_TIMERS] : [])];
    const plugin = spawn(process.execPath, [...loaded, PROGRAM, 'run', ...flags], {
      env: { NRI_PLUGIN_SOCKET: '3' },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    this.ended = once(plugin, 'close').then(([code]) => code as number | null);
    context.after(async () => {
      plugin.kill('SIGKILL');
      await this.ended;
    });
    let onRegistration!: () => void;
    this.registered = new Promise((resolve) => {
      onRegistration = resolve;
    });
    this.runtime = new RuntimeConnection(plugin.stdio[3] as Socket, {
      registerPlugin: () => {
        onRegistration();
        return {};
      },
      updateContainers: () => ({}),
    });
  }

  /** What its log says about its end. */
  get reasons(): readonly string[] {
    const text = existsSync(this.#logFile) ? readFileSync(this.#logFile, 'utf8') : '';
    const records = text.split('\n').filter((line) => line.startsWith('{'));
    return records
      .map((line) => JSON.parse(line) as { readonly level: string; readonly msg: string })
      .flatMap(({ level, msg }) => (level === 'fatal' ? [msg] : []));
  }

  /** Configures it, and lists a container to it that is not where it belongs. */
  async start(config = ''): Promise<void> {
    const { pod, container } = told(annotated('io', '1-2'));
    await this.runtime.configure({ ...CONTAINERD, config }, TIMEOUT_MS);
    await this.runtime.synchronize({ pods: [pod], containers: [container] }, TIMEOUT_MS);
  }
}

describe('An instance that dials the runtime', () => {
  for (const [title, text, reason] of [
    [
      'whose file is wrong',
      'minSharedCpus: 1\npriority: both\n',
      /, line 2: priority must be .* not "both"$/,
    ],
    ['whose file is missing', undefined, /: does not exist$/],
  ] as const) {
    it(`${title} says so and ends before it has dialed`, async (t) => {
      const folder = temporaryFolder(t);
      const [socket, file] = [join(folder, 'nri.sock'), join(folder, 'settings.yaml')];
      if (text !== undefined) writeFileSync(file, text);
      let dialed = 0;
      const runtime = createServer((connection) => {
        dialed++;
        connection.destroy();
      });
      runtime.listen(socket);
      await once(runtime, 'listening');
      t.after(() => runtime.close());
      const flags = ['--socket', socket, '--admin-socket', join(folder, 'run/admin.sock'), '--config', file];
      const plugin = spawn(process.execPath, ['--import', 'tsx', PROGRAM, 'run', ...flags], {
        env: {},
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      t.after(() => plugin.kill('SIGKILL'));
      let stderr = '';
      plugin.stderr.on('data', (data) => {
        stderr += data;
      });
      const [code] = await once(plugin, 'close');
      assert.match(stderr, /^weka-cpuset: config file [^\n]+\n$/);
      assert.match(stderr.trimEnd(), reason);
      assert.equal(code, 2);
      assert.equal(dialed, 0);
    });
  }
});

describe('An instance that the runtime has started', () => {
  for (const [config, reason] of [
    ['minSharedCpus: two', /minSharedCpus.*"two"/],
    ['reservedCpus: 0-99', /reservedCpus.*"0-99"/],
    ['protectedCpus: 0-99', /protectedCpus.*"0-99"/],
  ] as const) {
    it(`has written down once that "${config}" is wrong when the runtime is told, and decides nothing`, async (t) => {
      const launched = new Launched(t);
      await launched.registered;
      const configured = launched.runtime.configure({ ...CONTAINERD, config }, TIMEOUT_MS);
      const reasons = configured.then(
        () => [],
        () => launched.reasons,
      );
      await assert.rejects(configured, reason);
      assert.match((await reasons)[0] ?? 'none', reason);
      await assert.rejects(launched.start(config));
      assert.equal(await launched.ended, 2);
      assert.equal(launched.reasons.length, 1);
    });
  }

  for (const [title, options, code] of [
    ['its settings do not fit the host', { settings: 'protectedCpus: 0-99\n' }, 2],
    ['its host cannot be read', { host: false }, 1],
  ] as const) {
    it(`ends by itself where the runtime asks for nothing, when ${title}`, async (t) => {
      const launched = new Launched(t, options);
      await launched.registered;
      assert.equal(await launched.ended, code);
      assert.equal(launched.reasons.length, 1);
    });
  }

  it('tells the runtime what is wrong also when that was found before it was asked for anything', async (t) => {
    const launched = new Launched(t, { settings: 'protectedCpus: 0-99\n', isPatient: true });
    await launched.registered;
    await until('the log has the reason', () => launched.reasons.length === 1);
    await assert.rejects(launched.start(), /protectedCpus.*"0-99"/);
    launched.runtime.close();
    assert.equal(await launched.ended, 2);
    assert.equal(launched.reasons.length, 1);
  });

  it('answers nothing but the reason when its host cannot be read', async (t) => {
    const launched = new Launched(t, { host: false, isPatient: true });
    await launched.registered;
    const started = launched.start();
    const reasons = started.then(
      () => [],
      () => launched.reasons,
    );
    await assert.rejects(started, /cpu\/online/);
    assert.match((await reasons)[0] ?? 'none', /cpu\/online/);
    launched.runtime.close();
    assert.equal(await launched.ended, 1);
    assert.equal(launched.reasons.length, 1);
  });
});
