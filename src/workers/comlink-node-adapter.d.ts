/** comlink ships this file without types of its own. */
declare module 'comlink/dist/esm/node-adapter.mjs' {
  import type { MessagePort, Worker } from 'node:worker_threads';
  import type { Endpoint } from 'comlink';

  /** Makes a thread, or what a thread has of its parent, the end of a line that comlink can talk over. */
  // biome-ignore lint/style/noDefaultExport: it is how comlink exports it
  export default function nodeEndpoint(thread: MessagePort | Worker): Endpoint;
}
