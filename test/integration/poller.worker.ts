import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

// Asks for the plugin's health over and over, as a kubelet would now and then, and says how long each answer took
// since it was last asked for that.

const { socketPath } = workerData as { readonly socketPath: string };
const PAUSE_MS = 2;
let latencies: number[] = [];

parentPort!.on('message', () => {
  parentPort!.postMessage(latencies);
  latencies = [];
});

void poll();

async function poll(): Promise<void> {
  for (;;) {
    const started = performance.now();
    await new Promise<void>((resolve, reject) => {
      request({ socketPath, path: '/health', agent: false }, (response) => {
        response.resume().once('end', resolve);
      })
        .once('error', reject)
        .end();
    });
    latencies.push(performance.now() - started);
    await sleep(PAUSE_MS);
  }
}
