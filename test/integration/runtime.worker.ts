import { parentPort, workerData } from 'node:worker_threads';
import { EmbeddedRuntime } from '../../src/main/runtime/runtime.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';

// The embedded runtime in a thread of its own, so that a test can tell the plugin's work from the runtime's.

export interface RuntimeWorkerData {
  readonly socketPath: string;
  readonly cpus: number;
  /** Sizes of the integer containers to run first. */
  readonly sizes: readonly number[];
}

/** What is said of the creation of a pinned pod. */
export interface Created {
  readonly plugin: string;
  readonly ok: boolean;
  readonly error: string | undefined;
  readonly latencyMs: number;
  readonly updates: number;
  readonly violations: readonly string[];
}

/** Of calls to the plugin. It has 2 s as a rule; on a busy machine it may not be run for so long. */
const CALL_MS = 10_000;

void serve(workerData as RuntimeWorkerData);

/** Each message is a CPU list, for a pod that is pinned to it and removed again. */
async function serve({ socketPath, cpus, sizes }: RuntimeWorkerData): Promise<void> {
  const runtime = await EmbeddedRuntime.start({
    socketPath,
    online: Cpuset.range(0, cpus - 1),
    requestTimeoutMs: CALL_MS,
  });
  await runtime.whenReady(60_000);
  for (const [index, limit] of sizes.entries()) {
    const pod = await runtime.runPod({ name: `integer-${index}`, qos: 'guaranteed' });
    await runtime.createContainer(pod, { name: 'main', cpus: { limit } });
  }
  parentPort!.on('message', async (list: string) => {
    const pod = await runtime.runPod({ name: 'pinned', annotations: { 'weka.io/cores-ids': list } });
    const { plugin, ok, error, latencyMs, updates } = await runtime.createContainer(pod, { name: 'main' });
    await runtime.removePod(pod);
    const violations = runtime.violations.map(({ message }) => message);
    const created: Created = { plugin, ok, error, latencyMs, updates: updates.length, violations };
    parentPort!.postMessage(created);
  });
  parentPort!.postMessage('ready');
}
