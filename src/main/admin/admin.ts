import { once } from 'node:events';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.ts';
import { checkSocketPath } from '../unix-socket.ts';
import type { Metrics } from './metrics.ts';
import { pageAsset } from './page.ts';
import { AdminServer } from './server.ts';
import type { AdminSource } from './source.ts';
import { type ListeningSocket, listenOnSocket, SocketInUseError } from './unix-socket.ts';

export interface AdminOptions {
  readonly source: AdminSource;
  readonly socketPath: string;
  /** Where to listen besides; undefined: nowhere. */
  readonly http: { readonly host: string; readonly port: number } | undefined;
  readonly log: Logger;
  /** How soon a socket that cannot be had is tried again, and how often one is looked for, in milliseconds; 5 s if left out. */
  readonly retryMs?: number;
}

const RETRY_MS = 5000;
const MAX_RETRY_MS = 30_000;
/** Prometheus' library takes the main thread some milliseconds to load: not while the runtime waits for us to start. */
const METRICS_AFTER_MS = 2000;

/** The admin server on its sockets. Where one cannot be had the plugin does without meanwhile, and tries again. */
export class Admin {
  readonly #options: AdminOptions;
  readonly #server: AdminServer;
  readonly #closing = new AbortController();
  readonly #loadLater: NodeJS.Timeout;
  #metrics: Promise<Metrics> | undefined;
  #address: string | undefined;
  /** Ends listening on the socket. */
  #onSocket: AbortController | undefined;

  /** Starts to listen, but not on the socket; nothing waits for that. */
  constructor(options: AdminOptions) {
    this.#options = options;
    this.#server = new AdminServer({
      source: options.source,
      page: pageAsset,
      metrics: () => this.#loadMetrics(),
    });
    this.#loadLater = setTimeout(() => void this.#loadMetrics(), METRICS_AFTER_MS);
    if (options.http !== undefined) void this.#listenOnTcp(options.http.host, options.http.port);
  }

  /** The page's address over TCP, once somebody can open it. */
  get address(): string | undefined {
    return this.#address;
  }

  /** Listens on the socket or not: of all instances on a node, the active one does. */
  setActive(isActive: boolean): void {
    if (isActive === (this.#onSocket !== undefined) || this.#closing.signal.aborted) return;
    this.#onSocket?.abort();
    this.#onSocket = isActive ? new AbortController() : undefined;
    if (this.#onSocket !== undefined) {
      const signal = AbortSignal.any([this.#onSocket.signal, this.#closing.signal]);
      void this.#listenOnSocket(this.#options.socketPath, signal);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#loadLater);
    this.#server.close();
    (await this.#metrics)?.close();
  }

  #loadMetrics(): Promise<Metrics> {
    this.#metrics ??= import('./metrics.ts').then(({ Metrics }) => new Metrics(this.#options.source));
    return this.#metrics;
  }

  /** Listens on the socket for as long as that is wanted, and anew when somebody has removed it. */
  async #listenOnSocket(path: string, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    try {
      checkSocketPath(path);
    } catch (error) {
      log.warn({ where: path }, `the admin server cannot listen: ${messageOf(error)}; doing without it`);
      return;
    }
    while (!signal.aborted) {
      const create = () => this.#server.create();
      const socket = await this.#untilHad(path, signal, create, (server) => listenOnSocket(server, path));
      if (socket === undefined) return;
      log.info({ socket: path }, 'admin server is listening');
      await this.#keep(socket, signal);
      if (!signal.aborted)
        log.warn({ socket: path }, 'the admin socket was removed or replaced: making it anew');
    }
  }

  /** Settles when the socket is not wanted any more, or not found any more, and is closed. */
  #keep(socket: ListeningSocket, signal: AbortSignal): Promise<void> {
    const { retryMs = RETRY_MS } = this.#options;
    return new Promise((resolve) => {
      const end = (): void => {
        clearInterval(looking);
        signal.removeEventListener('abort', end);
        socket.close();
        resolve();
      };
      const looking = setInterval(() => {
        if (!socket.isFound) end();
      }, retryMs);
      signal.addEventListener('abort', end);
      if (signal.aborted) end();
    });
  }

  async #listenOnTcp(host: string, port: number): Promise<void> {
    const { signal } = this.#closing;
    const create = () => this.#server.create(host);
    const server = await this.#untilHad(`${host}:${port}`, signal, create, async (created) => {
      await once(created.listen(port, host), 'listening');
      return created;
    });
    const bound = server?.address();
    if (typeof bound !== 'object' || bound === null) return;
    this.#address = `http://${host.includes(':') ? `[${host}]` : host}:${bound.port}/`;
    this.#options.log.info({ address: this.#address }, 'admin server is listening');
  }

  /**
   * Tries to listen until it does. What keeps it from that is said once.
   *
   * @returns what `listen` does; undefined when it is not wanted any more
   */
  async #untilHad<T>(
    where: string,
    signal: AbortSignal,
    create: () => Server,
    listen: (server: Server) => Promise<T>,
  ): Promise<T | undefined> {
    const { log, retryMs = RETRY_MS } = this.#options;
    let pauseMs = retryMs / 2;
    let said: string | undefined;
    while (!signal.aborted) {
      const server = create();
      try {
        const had = await listen(server);
        server.on('error', (error) => log.warn({ err: error, where }, 'admin server failed'));
        return had;
      } catch (error) {
        server.close();
        const isInUse = error instanceof SocketInUseError;
        const reason = isInUse
          ? `${error.message}; waiting until it is free`
          : `the admin server cannot listen: ${messageOf(error)}; trying again until it can`;
        if (reason !== said) log.warn({ where }, reason);
        said = reason;
        // Whoever uses the socket may end at any time, and probes wait for ours then.
        pauseMs = isInUse ? retryMs : Math.min(2 * pauseMs, MAX_RETRY_MS);
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
      }
    }
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
