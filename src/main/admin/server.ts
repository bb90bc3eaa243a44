import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { foreignness, type Rejection, readTarget, type Target } from './access.ts';
import { API, JOURNAL_PAGE } from './api.ts';
import { limitConnections } from './connection-limit.ts';
import { EventStream } from './event-stream.ts';
import { Pulse } from './health.ts';
import type { Metrics } from './metrics.ts';
import type { PageAsset } from './page.ts';
import type { AdminSource } from './source.ts';
import { stateKey, stateView } from './state-view.ts';

export interface AdminServerOptions {
  readonly source: AdminSource;
  /** Files of the page by path, such as `/`. */
  readonly page: (path: string) => PageAsset | undefined;
  readonly metrics: () => Promise<Metrics>;
  /** Connections at the same time on each of the sockets; 32 if left out. */
  readonly maxConnections?: number;
  /** Readers of events among all of them; 16 if left out. */
  readonly maxEventClients?: number;
  /** How long anybody may take to ask, in milliseconds; 5 s if left out. */
  readonly requestTimeoutMs?: number;
  /** How long anybody may take to read an answer, in milliseconds; 30 s if left out. */
  readonly answerTimeoutMs?: number;
}

const MAX_CONNECTIONS = 32;
const MAX_EVENT_CLIENTS = 16;
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_HEADERS = 64;
const REQUEST_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 30_000;
/** How old a state may be that nothing has changed since. */
const STATE_AGE_MS = 1000;

const HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/**
 * Shows what the plugin does and decides nothing: only GET and HEAD, to bounded numbers of clients, each with a bounded time
 * to ask and to read. What it shows is made between turns of the ledger, when somebody asks.
 */
export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #pulse: Pulse;
  readonly #events: EventStream;
  readonly #servers = new Set<Server>();
  #state: { readonly key: readonly unknown[]; readonly at: number; readonly text: string } | undefined;

  constructor(options: AdminServerOptions) {
    const { source, maxEventClients = MAX_EVENT_CLIENTS } = options;
    this.#options = options;
    this.#pulse = new Pulse(source);
    this.#events = new EventStream({
      source,
      state: () => this.#stateText(),
      maxClients: maxEventClients,
      patienceMs: this.#answerTimeoutMs,
    });
  }

  /** How many clients read the stream of events. */
  get eventClients(): number {
    return this.#events.clients;
  }

  /**
   * A server to listen with. All that are made here are closed with this one.
   *
   * @param ownName set for TCP, where browsers can be tricked into asking: the name that is listened on
   */
  create(ownName?: string): Server {
    const { requestTimeoutMs = REQUEST_TIMEOUT_MS, maxConnections = MAX_CONNECTIONS } = this.#options;
    const server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: requestTimeoutMs,
        requestTimeout: requestTimeoutMs,
        keepAliveTimeout: requestTimeoutMs,
        connectionsCheckingInterval: requestTimeoutMs / 4,
      },
      (request, response) => void this.#serve(request, response, ownName),
    );
    server.maxHeadersCount = MAX_HEADERS;
    limitConnections(server, maxConnections);
    // Sockets that say nothing, and those that read nothing.
    server.timeout = this.#answerTimeoutMs;
    this.#servers.add(server);
    server.once('close', () => this.#servers.delete(server));
    return server;
  }

  close(): void {
    this.#events.close();
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  get #answerTimeoutMs(): number {
    return this.#options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    ownName: string | undefined,
  ): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    // A body is nothing that could be asked with: it is not read, and the connection ends with the answer.
    if (hasBody(request)) response.setHeader('Connection', 'close');
    const rejection = ownName === undefined ? undefined : foreignness(request, ownName);
    const target = rejection ?? readTarget(request);
    try {
      if ('status' in target) reject(response, target);
      else await this.#answer(request, response, target);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else reject(response, { status: 500, message: `${error}` });
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, { path, since }: Target): Promise<void> {
    if (path === API.events && request.method === 'GET') {
      const { journal, plugin } = this.#options.source;
      const known = since === undefined ? undefined : `${plugin.instance}:${Math.min(since, journal.last)}`;
      const last = [request.headers['last-event-id']].flat()[0] ?? known;
      if (!this.#events.add(response, last)) reject(response, TOO_MANY);
      return;
    }
    const timer = setTimeout(() => response.destroy(), this.#answerTimeoutMs);
    response.on('close', () => clearTimeout(timer));
    switch (path) {
      case API.health: {
        const health = await this.#pulse.check();
        return json(response, health, health.live ? 200 : 503);
      }
      case API.readiness: {
        const health = await this.#pulse.check();
        return json(response, health, health.ready ? 200 : 503);
      }
      case API.metrics: {
        const metrics = await this.#options.metrics();
        return send(response, { body: await metrics.text(), type: metrics.contentType });
      }
      case API.state:
        return send(response, { body: this.#stateText(), type: 'application/json' });
      case API.journal:
        return json(response, this.#options.source.journal.since(since ?? 0, JOURNAL_PAGE));
      case API.events:
        return send(response, { body: '', type: 'text/event-stream' });
      default: {
        const asset = this.#options.page(path);
        return asset === undefined ? reject(response, NOT_FOUND) : send(response, asset);
      }
    }
  }

  #stateText(): string {
    const { source } = this.#options;
    const now = performance.now();
    const key = [...stateKey(source), this.#pulse.health.live];
    const { key: earlier, at = 0, text } = this.#state ?? {};
    if (text !== undefined && now - at < STATE_AGE_MS && key.every((part, i) => part === earlier?.[i]))
      return text;
    this.#state = { key, at: now, text: JSON.stringify(stateView(source, this.#pulse.health)) };
    return this.#state.text;
  }
}

const TOO_MANY: Rejection = { status: 503, message: 'too many clients read events already' };
const NOT_FOUND: Rejection = { status: 404, message: 'there is nothing here' };

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  send(response, { body: JSON.stringify(value), type: 'application/json' }, status);
}

function reject(response: ServerResponse, { status, message }: Rejection): void {
  if (status === 405) response.setHeader('Allow', 'GET, HEAD');
  response.setHeader('Connection', 'close');
  send(response, { body: `${message}\n`, type: 'text/plain; charset=utf-8' }, status);
}

function send(response: ServerResponse, { body, type }: PageAsset, status = 200): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  // Of a HEAD request's answer, node sends the headers only.
  response.end(body);
}
