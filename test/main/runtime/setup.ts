import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { RuntimeEvent } from '../../../src/main/runtime/events.ts';
import { EmbeddedRuntime, type RuntimeOptions } from '../../../src/main/runtime/runtime.ts';
import { Cpuset } from '../../../src/placement/cpuset.ts';
import { connectPlugin, type FakePlugin, type Script, TIMEOUT_MS } from './fake-plugin.ts';

export interface Setup {
  readonly runtime: EmbeddedRuntime;
  readonly socketPath: string;
  /** Everything that has happened, in order. */
  readonly events: readonly RuntimeEvent[];
  /** Connects a plugin and waits until it is synchronized. */
  connect(script?: Script): Promise<FakePlugin>;
  /** Runs a pod with one container of the same name. */
  run(name: string, options?: Partial<Workload>): Promise<RuntimeEvent>;
}

export interface Workload {
  /** A guaranteed pod with that many CPUs; without it a burstable one. */
  readonly cpus: number;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A runtime with 16 CPUs, which the test's end closes. */
export async function setUp(context: TestContext, options: Partial<RuntimeOptions> = {}): Promise<Setup> {
  const directory = mkdtempSync(join(tmpdir(), 'runtime-test-'));
  const socketPath = join(directory, 'nri.sock');
  const events: RuntimeEvent[] = [];
  const signals = new EventEmitter();
  const runtime = await EmbeddedRuntime.start({
    socketPath,
    online: Cpuset.range(0, 15),
    requestTimeoutMs: TIMEOUT_MS,
    onEvent: (event) => {
      events.push(event);
      signals.emit(event.operation);
    },
    ...options,
  });
  context.after(async () => {
    await runtime.close();
    rmSync(directory, { recursive: true });
  });
  return {
    runtime,
    socketPath,
    events,
    connect: async (script) => {
      const synchronized = once(signals, 'Synchronize');
      const plugin = await connectPlugin(socketPath, script);
      await synchronized;
      return plugin;
    },
    run: async (name, { cpus, annotations = {} } = {}) => {
      const qos = cpus === undefined ? 'burstable' : 'guaranteed';
      const pod = await runtime.runPod({ name, qos, annotations });
      return runtime.createContainer(pod, { name, ...(cpus !== undefined && { cpus: { limit: cpus } }) });
    },
  };
}

/** The container that an event is about. */
export function idOf({ container }: RuntimeEvent): string {
  assert.ok(container);
  return container.id;
}
