import { parentPort, workerData } from 'node:worker_threads';
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { hostService } from './host-service.ts';
import type { HostWorkerData } from './host-thread.ts';

const { hostRoot } = workerData as HostWorkerData;
expose(hostService(hostRoot), nodeEndpoint(parentPort!));
