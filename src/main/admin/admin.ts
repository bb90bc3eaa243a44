import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.ts';
import type { Metrics } from './metrics.ts';
import { pageAsset } from './page.ts';
import { AdminServer } from './server.ts';
import type { AdminSource } from './source.ts';
import { listenOnSocket, SocketInUseError } from './unix-socket.ts';

export interface AdminOptions {
  readonly source: AdminSource;
  readonly socketPath: string;
  /** Where to listen besides; undefined: nowhere. */
  readonly http: { readonly host: string; readonly port: number } | undefined;
  readonly log: Logger;
  /** How long to wait for a socket that somebody else uses, in milliseconds; 5 s if left out. */
  readonly retryMs?: number;
}

const RETRY_MS = 5000;
/** Prometheus' library takes the main thread some milliseconds to load: not while the runtime waits for us to start. */
const METRICS_AFTER_MS = 2000;

/** The admin server on its sockets. Where one cannot be had, that is said once and the plugin does without. */
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

  async #listenOnSocket(path: string, signal: AbortSignal): Promise<void> {
    const { log, retryMs = RETRY_MS } = this.#options;
    let wasInUse = false;
    while (!signal.aborted) {
      const server = this.#server.create();
      try {
        await listenOnSocket(server, path);
        this.#watch(server, path);
        const end = (): void => {
          server.close();
          server.closeAllConnections();
        };
        if (signal.aborted) end();
        else signal.addEventListener('abort', end);
        log.info({ socket: path }, 'admin server is listening');
        return;
      } catch (error) {
        server.close();
        if (!(error instanceof SocketInUseError)) {
          this.#doWithout(path, error);
          return;
        }
        if (!wasInUse) log.warn({ socket: path }, `${error.message}; waiting until it is free`);
        wasInUse = true;
      }
      await sleep(retryMs, undefined, { signal }).catch(() => {});
    }
  }

  async #listenOnTcp(host: string, port: number): Promise<void> {
    const server = this.#server.create(host);
    server.once('error', (error) => {
      server.close();
      this.#doWithout(`${host}:${port}`, error);
    });
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      const bound = server.address();
      const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
      this.#address = `http://${host.includes(':') ? `[${host}]` : host}:${actual}/`;
      this.#watch(server, this.#address);
      this.#options.log.info({ address: this.#address }, 'admin server is listening');
    });
  }

  #watch(server: Server, where: string): void {
    server.on('error', (error) => this.#options.log.warn({ err: error, where }, 'admin server failed'));
  }

  #doWithout(where: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.log.warn({ where }, `the admin server cannot listen: ${reason}; doing without it`);
  }
}
