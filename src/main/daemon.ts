import { createTopology } from '../placement/topology.ts';
import type { PluginConnection } from '../protocol/nri.ts';
import { Host } from '../workers/host.ts';
import { defaultWorkers, Planner } from '../workers/planner.ts';
import { Mailbox } from './actor.ts';
import type { RunOptions } from './cli/args.ts';
import { ConfigError, loadConfig } from './config.ts';
import { readConfig } from './config-file.ts';
import { configVersion, watchConfig } from './config-watch.ts';
import { logDecision } from './decision-log.ts';
import { Journal } from './journal.ts';
import { type ContainerUpdate, Ledger } from './ledger/ledger.ts';
import type { Policy } from './ledger/policy.ts';
import { type Log, openLog } from './log.ts';
import { stayConnected } from './nri/connection.ts';
import { updateMessage } from './nri/messages.ts';
import { isAtLeast } from './nri/runtime-version.ts';
import { type RuntimeFacts, Session } from './nri/session.ts';
import { Reconciler } from './reconciler.ts';
import { Rules } from './rules.ts';
import { VERSION } from './version.ts';

const JOURNAL_RECORDS = 10_000;
/** Unsolicited updates wait for the runtime's lock and take about 10 ms each. */
const UPDATE_TIMEOUT_MS = 60_000;

/**
 * Runs the plugin until SIGTERM or SIGINT, or, launched by the runtime, until its connection ends. The one place that knows
 * all parts.
 *
 * @returns the exit code
 * @throws ConfigError when the configuration is wrong; TopologyError when the host cannot be read
 */
export async function runDaemon(options: RunOptions): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

  // The runtime waits for our registration: it goes out before anything is loaded or read that it does not need.
  let onAttempt!: () => void;
  const attempted = new Promise<void>((resolve) => {
    onAttempt = resolve;
  });
  const log = attempted.then(() => openLog(options.log));
  const daemon = new Daemon(options);
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    stop.abort();
  };
  const started = log.then((opened) => daemon.start(opened));
  started.catch(fail);
  const logger = log.then((opened) => opened.logger);

  await stayConnected({
    socket: options.socketPath,
    fd: options.socketDescriptor,
    pluginName: options.pluginName,
    pluginIndex: options.pluginIndex,
    log: logger,
    signal: stop.signal,
    onAttempt,
    onConnection: (connection) => daemon.setConnection(connection),
    session: () =>
      new Session({
        log: logger,
        mailbox: daemon.mailbox,
        configure: async (text, runtime) => {
          await started;
          return daemon.configure(text, runtime).catch((error) => {
            fail(error);
            throw error;
          });
        },
        onAnswer: (updates) => daemon.noteAnswer(updates),
        dryRun: options.dryRun,
        now: () => performance.now(),
      }),
  });
  await started.catch(fail);
  await daemon.close();
  if (failure === undefined) (await logger).info('stopped');
  await (await log).close();
  if (failure !== undefined) throw failure;
  return 0;
}

/** The parts that outlive connections, and how they are tied together. */
class Daemon {
  /** All that changes the ledger goes through here. */
  readonly mailbox = new Mailbox();

  readonly #options: RunOptions;
  #log!: Log;
  #host: Host | undefined;
  #rules!: Rules;
  #planner: Planner | undefined;
  #ledger: Ledger | undefined;
  #reconciler: Reconciler | undefined;
  #connection: PluginConnection | undefined;
  #runtime: RuntimeFacts | undefined;
  #endConfigWatch = (): void => {};

  constructor(options: RunOptions) {
    this.#options = options;
  }

  /**
   * Reads host and configuration, so that what is wrong with them is known at start.
   *
   * @throws ConfigError, TopologyError
   */
  async start(log: Log): Promise<void> {
    this.#log = log;
    const { configPath, dryRun, sources, hostRoot } = this.#options;
    const version = configPath === undefined ? '' : await configVersion(configPath);
    const file = configPath === undefined ? [] : await readConfig(configPath);
    this.#host = new Host({
      hostRoot,
      pollMs: loadConfig({ ...sources, file }).reconcile.hostInterval * 1000,
      onTopology: (changed) =>
        this.#change('the CPUs of the host changed', () => this.#rules.setTopology(createTopology(changed))),
      onIncident: ({ kind, message }) => log.logger.warn({ worker: 'host', incident: kind }, message),
    });
    const topology = createTopology(await this.#host.start());
    this.#rules = new Rules(sources, topology, file);
    if (configPath !== undefined) {
      this.#endConfigWatch = watchConfig(configPath, version, () => void this.#reload(configPath));
    }
    log.setDebug(this.#rules.config.debug);
    const { online, cores, nodes } = topology;
    log.logger.info(
      { version: VERSION, online: online.toString(), cores: cores.length, nodes: nodes.length, dryRun },
      'started',
    );
  }

  /**
   * Applies the configuration that the runtime hands over, the first time making the ledger. A bad one later, after a
   * reconnect, leaves the one in force.
   *
   * @throws ConfigError when the first one is wrong
   */
  async configure(text: string, runtime: RuntimeFacts): Promise<Ledger> {
    this.#runtime = runtime;
    const change = () => this.#rules.setNri(text, `configuration from ${runtime.name}`);
    if (this.#ledger === undefined) this.#ledger = this.#createLedger(change());
    else await this.#change('the runtime handed over its configuration', change);
    this.#log.setDebug(this.#rules.config.debug);
    return this.#ledger;
  }

  setConnection(connection: PluginConnection | undefined): void {
    this.#connection = connection;
  }

  noteAnswer(updates: readonly ContainerUpdate[]): void {
    this.#reconciler?.noteAnswer(updates);
  }

  async close(): Promise<void> {
    this.#endConfigWatch();
    this.#reconciler?.close();
    await Promise.all([this.#host?.close(), this.#planner?.close()]);
  }

  async #reload(path: string): Promise<void> {
    try {
      const file = await readConfig(path);
      await this.#change('the configuration file changed', () => this.#rules.setFile(file));
      this.#log.setDebug(this.#rules.config.debug);
    } catch (error) {
      this.#keepConfiguration(error);
    }
  }

  /** Puts new rules in force in a turn of the ledger; wrong ones are reported and change nothing. */
  async #change(why: string, makePolicy: () => Policy): Promise<void> {
    try {
      const policy = makePolicy();
      this.#log.logger.info(why);
      await this.mailbox.run(() => this.#ledger?.changePolicy(policy));
    } catch (error) {
      this.#keepConfiguration(error);
    }
  }

  #keepConfiguration(error: unknown): void {
    if (!(error instanceof ConfigError)) throw error;
    this.#log.logger.error(`${error.message}; the configuration before it stays in force`);
  }

  #createLedger(policy: Policy): Ledger {
    const { logger } = this.#log;
    const { workers, warm } = policy.reassignment;
    this.#planner = new Planner({
      workers: workers || defaultWorkers(),
      warm,
      onIncident: ({ kind, message }) => logger.warn({ worker: 'planner', incident: kind }, message),
    });
    const ledger = new Ledger({
      policy,
      planner: this.#planner,
      journal: new Journal(JOURNAL_RECORDS),
      instance: process.pid.toString(36),
      now: () => performance.now(),
      onDecision: (record) => logDecision(logger, record),
    });
    if (!this.#options.dryRun) this.#reconciler = this.#createReconciler(ledger);
    return ledger;
  }

  #createReconciler(ledger: Ledger): Reconciler {
    return new Reconciler({
      ledger,
      mailbox: this.mailbox,
      log: this.#log.logger,
      readCpusets: async (requests) => this.#host?.readCpusets(requests),
      settings: () => this.#rules.config.reconcile,
      now: () => performance.now(),
      link: {
        takesUpdates: () => isAtLeast(this.#runtime?.nri, 0, 12, 1),
        updateContainers: async (updates) => {
          if (this.#connection === undefined) throw new Error('not connected to the runtime');
          await this.#connection.updateContainers({ update: updates.map(updateMessage) }, UPDATE_TIMEOUT_MS);
        },
        reconnect: () => {
          // The connection that a runtime hands over cannot be made anew.
          if (this.#connection === undefined || this.#options.socketDescriptor !== undefined) return false;
          this.#connection.close();
          return true;
        },
      },
    });
  }
}
