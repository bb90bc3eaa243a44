import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { DirectSocket } from '../../protocol/direct-socket.ts';
import { PluginConnection, type PluginHandlers } from '../../protocol/nri.ts';
import { ConfigError } from '../config-error.ts';
import { checkSocketPath } from '../unix-socket.ts';

export interface ConnectionOptions {
  /** Path of the runtime's NRI socket; not used with `fd`. */
  readonly socket: string;
  /** An already connected socket, handed over by the runtime that launched us (`NRI_PLUGIN_SOCKET`). */
  readonly fd: number | undefined;
  readonly pluginName: string;
  /** Two digits; the runtime calls plugins in this order. */
  readonly pluginIndex: string;
  /** Waited for before anything is logged, never before anything is sent. */
  readonly log: Promise<Logger>;
  /** Called with each registered connection, and with undefined when it has ended. */
  readonly onConnection?: (connection: PluginConnection | undefined) => void;
  /** Makes the handlers of one connection. */
  readonly session: () => PluginHandlers;
  /** Called when a registration has been sent, or could not be. */
  readonly onAttempt: () => void;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

/** The version of the NRI API that our messages are from; runtimes only log it. */
export const NRI_VERSION = 'v0.12.0';
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 5000;
/** Longer than any runtime waits for a registration. */
export const REGISTRATION_TIMEOUT_MS = 10_000;

/**
 * Keeps the plugin registered with the runtime: dials, registers, serves, and starts over for ever when the connection ends,
 * since a runtime that restarts does not call us. A connection that was handed over is served once.
 *
 * @returns when the handed-over connection has ended or `signal` has fired
 */
export async function stayConnected(options: ConnectionOptions): Promise<void> {
  const { signal, fd, socket } = options;
  if (fd !== undefined) {
    await serve(handedOver(fd), options);
    return;
  }
  let retryMs = FIRST_RETRY_MS;
  let reported = '';
  while (!signal.aborted) {
    try {
      const dialed = await dial(socket, signal);
      const since = performance.now();
      const served = await serve(dialed, options);
      // A runtime that drops us soon after each registration would otherwise do little else than list to us what it has.
      if (served && performance.now() - since > LAST_RETRY_MS) retryMs = FIRST_RETRY_MS;
      reported = '';
    } catch (error) {
      options.onAttempt();
      const problem = explainDial(socket, error);
      // The same failure is said once: a node may wait for its runtime for a long time.
      if (problem !== reported)
        (await options.log).warn({ socket }, `${problem}; trying again for as long as it takes`);
      reported = problem;
    }
    await sleep(retryMs, undefined, { signal }).catch(() => {});
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
  }
}

/** @throws ConfigError when the descriptor is none of a socket, and was not handed over by a runtime */
function handedOver(fd: number): Socket {
  try {
    return new DirectSocket({ fd, readable: true, writable: true });
  } catch {
    throw new ConfigError(
      `environment variable NRI_PLUGIN_SOCKET: descriptor ${fd} is no socket; only a runtime that starts the plugin sets this`,
    );
  }
}

/** Connects to the runtime's socket. @throws Error with the code of connect(2), or for a path that no socket can have */
export async function dial(path: string, signal: AbortSignal): Promise<Socket> {
  checkSocketPath(path);
  return new Promise((resolve, reject) => {
    const socket = new DirectSocket();
    const abort = (): void => {
      socket.destroy(new Error('stopped'));
    };
    const settle = (settled: () => void): void => {
      signal.removeEventListener('abort', abort);
      settled();
    };
    signal.addEventListener('abort', abort);
    socket.once('error', (error) => settle(() => reject(error)));
    socket.connect(path, () => {
      socket.removeAllListeners('error');
      settle(() => resolve(socket));
    });
  });
}

function explainDial(path: string, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOENT':
      return `no NRI socket at ${path}: is the container runtime running, with NRI enabled?`;
    case 'ECONNREFUSED':
      return `nobody listens on the NRI socket ${path}: is the container runtime running?`;
    case 'EACCES':
    case 'EPERM':
      return `no permission to use the NRI socket ${path}: this needs root, or the socket's owner`;
    default:
      return `cannot connect to the NRI socket ${path}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Serves one connection until it ends. @returns whether the runtime had accepted our registration */
async function serve(socket: Socket, options: ConnectionOptions): Promise<boolean> {
  const { signal, pluginName, pluginIndex } = options;
  const connection = new PluginConnection(socket, options.session());
  const close = (): void => connection.close();
  signal.addEventListener('abort', close);
  const name = `${pluginIndex}-${pluginName}`;
  let registered = false;
  try {
    const registration = connection.registerPlugin(
      { pluginName, pluginIdx: pluginIndex, NRIVersion: NRI_VERSION },
      REGISTRATION_TIMEOUT_MS,
    );
    options.onAttempt();
    await registration;
    registered = true;
    options.onConnection?.(connection);
    (await options.log).info({ plugin: name }, 'registered with the runtime');
  } catch (error) {
    if (!signal.aborted)
      (await options.log).error({ plugin: name, err: error }, 'the runtime did not accept the registration');
    connection.close();
  }
  const reason = await connection.closed;
  options.onConnection?.(undefined);
  signal.removeEventListener('abort', close);
  if (!signal.aborted && registered) {
    (await options.log).warn(
      { reason: reason?.message ?? 'closed by the runtime' },
      'connection to the runtime ended',
    );
  }
  return registered;
}
