import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Mailbox } from '../../../src/main/actor.ts';
import type { ReconcileView, StateView } from '../../../src/main/admin/api.ts';
import { Metrics } from '../../../src/main/admin/metrics.ts';
import { Observations } from '../../../src/main/admin/observations.ts';
import { AdminServer, type AdminServerOptions } from '../../../src/main/admin/server.ts';
import type { AdminSource } from '../../../src/main/admin/source.ts';
import { listenOnSocket } from '../../../src/main/admin/unix-socket.ts';
import { type Config, DEFAULT_CONFIG } from '../../../src/main/config.ts';
import { Journal } from '../../../src/main/journal.ts';
import { Ledger } from '../../../src/main/ledger/ledger.ts';
import type { Policy } from '../../../src/main/ledger/policy.ts';
import type { RuntimeFacts } from '../../../src/main/nri/session.ts';
import type { TopologyParts } from '../../../src/placement/topology.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { policyOf } from '../ledger/fixtures.ts';

export const INSTANCE = 'abc123';

export interface PluginOptions {
  readonly spec?: string;
  readonly config?: Partial<Config>;
  readonly parts?: Partial<TopologyParts>;
  /** No runtime has introduced itself yet, so there is no ledger. */
  readonly isAlone?: boolean;
}

/** All that the admin server shows of a plugin: a ledger, and around it what the daemon would keep. */
export class Plugin implements AdminSource {
  readonly plugin = {
    name: '99-weka-cpuset',
    version: '1.2.3',
    instance: INSTANCE,
    startedAt: 1_700_000_000_000,
    dryRun: false,
    pid: 42,
  };
  readonly mailbox = new Mailbox();
  readonly journal = new Journal(5000);
  readonly observations = new Observations();
  readonly counts: { -readonly [K in keyof ReconcileView]: number } = {
    drifted: 0,
    repaired: 0,
    repairs: 0,
    reconnects: 0,
  };
  /** The ledger, which is there even if the plugin does not know it yet. */
  readonly placing: Ledger;
  runtimeFacts: RuntimeFacts | undefined;
  /** Whether no other instance on the node is. */
  active = true;
  /** What is wrong with settings that were refused. */
  readonly refused: string[] = [];
  readonly #config: Config;
  readonly #policy: Policy;

  constructor({
    spec = '2 nodes, 4 cpus each',
    config = {},
    parts = {},
    isAlone = false,
  }: PluginOptions = {}) {
    this.#config = { ...DEFAULT_CONFIG, ...config };
    this.#policy = policyOf(spec, config, parts);
    const placing: Ledger = new Ledger({
      policy: this.#policy,
      journal: this.journal,
      instance: INSTANCE,
      now: () => performance.now(),
      onDecision: (record) => this.observations.noteDecision(record, placing.entries),
    });
    this.placing = placing;
    if (isAlone) return;
    const nri = { major: 0, minor: 12, patch: 1 };
    this.runtimeFacts = { name: 'containerd', version: 'v2.3.0', nri, requestTimeout: 2000 };
    this.observations.noteConnection(true);
    this.observations.noteEvent('synchronize', 'answered', 3);
  }

  config = (): Config => this.#config;
  refusedSettings = (): readonly string[] => this.refused;
  policy = (): Policy => this.#policy;
  ledger = (): Ledger | undefined => (this.runtimeFacts === undefined ? undefined : this.placing);
  runtime = (): RuntimeFacts | undefined => this.runtimeFacts;
  planner = () => ({ calls: 2, improved: 1, tasks: 6, answers: 5, incidents: 1 });
  reconcile = (): ReconcileView => this.counts;
  isActive = (): boolean => this.active;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A listening admin server, and ways to ask it. */
export class Scene {
  readonly plugin: Plugin;
  readonly server: AdminServer;
  readonly socketPath: string;
  /** What listens there. */
  readonly onSocket: Server;
  readonly port: number;

  private constructor(
    plugin: Plugin,
    server: AdminServer,
    socketPath: string,
    onSocket: Server,
    port: number,
  ) {
    this.plugin = plugin;
    this.server = server;
    this.socketPath = socketPath;
    this.onSocket = onSocket;
    this.port = port;
  }

  /** Listens on a unix socket, and on TCP by the name `node.example`. */
  static async start(
    context: TestContext,
    options: PluginOptions & Partial<AdminServerOptions> = {},
  ): Promise<Scene> {
    const plugin = new Plugin(options);
    let metrics: Metrics | undefined;
    const server = new AdminServer({
      source: plugin,
      page: (path) => (path === '/' ? { body: '<!doctype html>', type: 'text/html' } : undefined),
      metrics: async () => {
        metrics ??= new Metrics(plugin);
        return metrics;
      },
      ...options,
    });
    context.after(() => {
      server.close();
      metrics?.close();
    });
    const socketPath = join(temporaryFolder(context), 'admin.sock');
    const onSocket = server.create();
    await listenOnSocket(onSocket, socketPath);
    const tcp = server.create('node.example').listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    return new Scene(plugin, server, socketPath, onSocket, (tcp.address() as AddressInfo).port);
  }

  /** Asks over the unix socket. */
  ask(path: string, ask: Ask = {}): Promise<Answer> {
    return send({ socketPath: this.socketPath, path }, ask);
  }

  /** Asks over TCP. */
  askTcp(path: string, ask: Ask = {}): Promise<Answer> {
    return send({ host: '127.0.0.1', port: this.port, path }, ask);
  }

  async json<T>(path: string): Promise<T> {
    return JSON.parse((await this.ask(path)).body) as T;
  }

  state(): Promise<StateView> {
    return this.json<StateView>('/api/v1/state');
  }
}

async function send(where: object, { method = 'GET', headers = {}, body }: Ask): Promise<Answer> {
  const sent = request({ ...where, method, headers, agent: false });
  sent.end(body);
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { status: response.statusCode, headers: response.headers, body: text };
}
