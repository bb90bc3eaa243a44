import { parentPort, workerData } from 'node:worker_threads';
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { type HostService, hostService } from '../../src/workers/host-service.ts';
import type { HostWorkerData } from '../../src/workers/host-thread.ts';

// A host worker with the faults that ids of containers ask for.

const service = hostService((workerData as HostWorkerData).hostRoot);
const faults: Readonly<Record<string, () => never>> = {
  exit: () => process.exit(3),
  hang: () => {
    for (;;);
  },
  throw: () => {
    throw new RangeError('on request');
  },
};

const faulty: HostService = {
  ...service,
  readCpusets: async (requests) => {
    for (const { id } of requests) faults[id]?.();
    return service.readCpusets(requests);
  },
};
expose(faulty, nodeEndpoint(parentPort!));
