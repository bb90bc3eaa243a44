import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import type { StateView } from '../../src/main/admin/api.ts';
import { AdminClient } from '../../src/main/admin/client.ts';
import type { RuntimeEvent } from '../../src/main/runtime/events.ts';
import { EmbeddedRuntime } from '../../src/main/runtime/runtime.ts';
import { SysfsTree } from '../../src/main/runtime/sysfs-tree.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import { until } from '../e2e/harness/until.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const PROGRAM = join(import.meta.dirname, '../../src/main/index.ts');

/** An instance as a process of its own, asked over TCP. */
class Instance {
  readonly #process: ChildProcess;
  #address: string | undefined;

  constructor(context: TestContext, folder: string) {
    const flags = [
      ...['--socket', join(folder, 'nri.sock'), '--host-root', join(folder, 'host')],
      ...['--admin-socket', join(folder, 'run/admin.sock'), '--http', '127.0.0.1:0', '--log-format', 'json'],
    ];
    this.#process = spawn(process.execPath, ['--import', 'tsx', PROGRAM, 'run', ...flags], {
      env: {},
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    createInterface({ input: this.#process.stderr! }).on('line', (line) => {
      const { address } = (line.startsWith('{') ? JSON.parse(line) : {}) as { address?: string };
      this.#address ??= address;
    });
    context.after(() => this.kill());
  }

  get pid(): number {
    return this.#process.pid!;
  }

  async ask(path: string): Promise<Response> {
    await until('the instance serves HTTP', () => this.#address !== undefined);
    return fetch(this.#address + path);
  }

  async state(): Promise<StateView> {
    return (await (await this.ask('api/v1/state')).json()) as StateView;
  }

  /** Tells it to end. @returns its exit code */
  async end(): Promise<number | null> {
    this.#process.kill('SIGTERM');
    await until(
      'the instance ends',
      () => this.#process.exitCode !== null || this.#process.signalCode !== null,
    );
    return this.#process.exitCode;
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
  }
}

describe('An instance on a runtime that may let events go by while it adds a plugin', () => {
  for (const [runtimeName, runtimeVersion, nriVersion] of [
    ['containerd', 'v1.7.24', ''],
    ['cri-o', '1.36.3', '0.11.0'],
  ] as const) {
    it(`has it list once more, and again when what was being created is there: ${runtimeName} ${runtimeVersion}`, async (t) => {
      const folder = temporaryFolder(t);
      mkdirSync(join(folder, 'host'));
      const parts = parseTopologySpec('1 package, 2 cores');
      new SysfsTree(join(folder, 'host'), parts);
      let lists = 0;
      const runtime = await EmbeddedRuntime.start({
        socketPath: join(folder, 'nri.sock'),
        online: parts.online,
        onEvent: ({ operation }) => {
          if (operation === 'Synchronize') lists++;
        },
        ...{ runtimeName, runtimeVersion, nriVersion },
      });
      t.after(() => runtime.close());
      new Instance(t, folder);
      await until('it has listed three times', () => lists === 3);
    });
  }
});

describe('An instance beside one that is active', () => {
  it('is ready, says that it waits, leaves the runtime alone, and takes everything over when the other ends', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'host'));
    const parts = parseTopologySpec('1 package, 8 cores, SMT 2, siblings adjacent');
    new SysfsTree(join(folder, 'host'), parts);
    const events: RuntimeEvent[] = [];
    const runtime = await EmbeddedRuntime.start({
      socketPath: join(folder, 'nri.sock'),
      online: parts.online,
      onEvent: (event) => events.push(event),
    });
    t.after(() => runtime.close());
    const synchronized = () => events.filter(({ operation }) => operation === 'Synchronize').length;

    const first = new Instance(t, folder);
    await runtime.whenReady(60_000);
    const pod = await runtime.runPod({ name: 'db', qos: 'guaranteed' });
    const { container } = await runtime.createContainer(pod, { name: 'main', cpus: { limit: 2 } });
    const cpus = () => `${runtime.container(container!.id).resources.cpus}`;
    const given = cpus();

    const second = new Instance(t, folder);
    for (const path of ['healthz', 'readyz']) {
      await until(`${path} is well`, async () => (await second.ask(path)).status === 200);
    }
    assert.match(await (await second.ask('metrics')).text(), /^nri_cpuset_active 0$/m);
    const waiting = await second.state();
    assert.equal(waiting.plugin.standby, true);
    assert.deepEqual(waiting.containers, []);
    assert.equal((await first.state()).plugin.standby, undefined);
    assert.equal(synchronized(), 1);
    const client = new AdminClient(join(folder, 'run/admin.sock'));
    assert.equal((await client.state()).plugin.pid, first.pid);

    await first.kill();
    await until('the other one is synchronized', () => synchronized() === 2);
    await until('it is the one that commands find', async () => {
      const state = await client.state().catch(() => undefined);
      return state?.plugin.pid === second.pid && state.health.ready;
    });
    const state = await second.state();
    assert.deepEqual(
      state.containers.map((each) => each.cpus),
      [given],
    );
    assert.equal(cpus(), given, 'nobody is moved');
    assert.match(await (await second.ask('metrics')).text(), /^nri_cpuset_active 1$/m);
  });

  it('ends when it is told to before it knows what that one is', async (t) => {
    const folder = temporaryFolder(t);
    for (const name of ['host', 'run']) mkdirSync(join(folder, name), { mode: 0o700 });
    new SysfsTree(join(folder, 'host'), parseTopologySpec('1 package, 2 cores'));
    const mute = createServer((socket) => t.after(() => socket.destroy()));
    mute.listen(join(folder, 'run/lease.1'));
    t.after(() => mute.close());
    const instance = new Instance(t, folder);
    await once(mute, 'connection');
    assert.equal(await instance.end(), 0);
  });
});
