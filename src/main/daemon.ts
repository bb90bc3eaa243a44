import { randomBytes } from 'node:crypto';
import { createTopology } from '../placement/topology.ts';
import type { PluginConnection } from '../protocol/nri.ts';
import { Host } from '../workers/host.ts';
import { defaultWorkers, Planner } from '../workers/planner.ts';
import type { Mailbox } from './actor.ts';
import type { Admin } from './admin/admin.ts';
import { Observations } from './admin/observations.ts';
import type { RunOptions } from './cli/args.ts';
import { ConfigError, loadConfig } from './config.ts';
import { readConfig } from './config-file.ts';
import { configVersion, watchConfig } from './config-watch.ts';
import { logDecision } from './decision-log.ts';
import { Journal } from './journal.ts';
import { type ContainerUpdate, Ledger } from './ledger/ledger.ts';
import type { Policy } from './ledger/policy.ts';
import type { Log } from './log.ts';
import { updateMessage } from './nri/messages.ts';
import { isAtLeast } from './nri/runtime-version.ts';
import type { EventName, EventOutcome, RuntimeFacts } from './nri/session.ts';
import { Reconciler, type ReconcilerCounts } from './reconciler.ts';
import { Rules } from './rules.ts';
import { VERSION } from './version.ts';

const JOURNAL_RECORDS = 10_000;
/** Unsolicited updates wait for the runtime's lock and take about 10 ms each. */
const UPDATE_TIMEOUT_MS = 60_000;
/** In a dry run nothing is looked at and nothing is put right. */
const NO_COUNTS: ReconcilerCounts = { drifted: 0, repaired: 0, repairs: 0, reconnects: 0 };

/** The parts that outlive connections, and how they are tied together: the only place that knows them all. */
export class Daemon {
  readonly #options: RunOptions;
  readonly #mailbox: Mailbox;
  readonly #log: Log;
  readonly #startedAt = Date.now();
  /** Different for every process, also where all have the same id, as those of containers do. */
  readonly #instance = randomBytes(3).toString('hex');
  readonly #journal = new Journal(JOURNAL_RECORDS);
  readonly #observations = new Observations();
  #admin: Promise<Admin> | undefined;
  #host: Host | undefined;
  #rules!: Rules;
  #planner: Planner | undefined;
  #ledger: Ledger | undefined;
  #reconciler: Reconciler | undefined;
  #connection: PluginConnection | undefined;
  #runtime: RuntimeFacts | undefined;
  #endConfigWatch = (): void => {};

  private constructor(options: RunOptions, mailbox: Mailbox, log: Log) {
    this.#options = options;
    this.#mailbox = mailbox;
    this.#log = log;
  }

  /**
   * Reads host and configuration, so that what is wrong with them is known at start.
   *
   * @param mailbox all that changes the ledger goes through it
   * @throws ConfigError, TopologyError
   */
  static async start(options: RunOptions, mailbox: Mailbox, log: Log): Promise<Daemon> {
    const daemon = new Daemon(options, mailbox, log);
    await daemon.#start();
    return daemon;
  }

  async #start(): Promise<void> {
    const log = this.#log;
    const { configPath, dryRun, sources, hostRoot } = this.#options;
    const version = configPath === undefined ? '' : await configVersion(configPath);
    const file = configPath === undefined ? [] : await readConfig(configPath);
    this.#host = new Host({
      hostRoot,
      pollMs: loadConfig({ ...sources, file }).reconcile.hostInterval * 1000,
      onTopology: (changed) =>
        this.#change('the CPUs of the host changed', () => this.#rules.setTopology(createTopology(changed))),
      onIncident: ({ kind, message }) => {
        this.#observations.noteIncident('host', kind);
        log.logger.warn({ worker: 'host', incident: kind }, message);
      },
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
    // Nothing waits for it: the runtime waits for the rest.
    this.#admin = this.#startAdmin();
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
    this.#observations.noteConnection(connection !== undefined);
  }

  noteEvent(event: EventName, outcome: EventOutcome, ms: number): void {
    this.#observations.noteEvent(event, outcome, ms);
  }

  noteAnswer(updates: readonly ContainerUpdate[]): void {
    this.#reconciler?.noteAnswer(updates);
  }

  async close(): Promise<void> {
    this.#endConfigWatch();
    this.#reconciler?.close();
    const admin = await this.#admin;
    await Promise.all([admin?.close(), this.#host?.close(), this.#planner?.close()]);
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
      this.#log.logger.info({ online: policy.topology.online.toString() }, why);
      await this.#mailbox.run(() => this.#ledger?.changePolicy(policy));
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
      onResult: (result) => this.#observations.notePlan(result),
      onIncident: ({ kind, message }) => {
        this.#observations.noteIncident('planner', kind);
        logger.warn({ worker: 'planner', incident: kind }, message);
      },
    });
    const ledger: Ledger = new Ledger({
      policy,
      planner: this.#planner,
      journal: this.#journal,
      instance: this.#instance,
      now: () => performance.now(),
      onDecision: (record) => {
        logDecision(logger, record);
        this.#observations.noteDecision(record, ledger.entries);
      },
    });
    if (!this.#options.dryRun) this.#reconciler = this.#createReconciler(ledger);
    return ledger;
  }

  async #startAdmin(): Promise<Admin> {
    const { Admin } = await import('./admin/admin.ts');
    const { pluginIndex, pluginName, dryRun, adminSocket, http } = this.#options;
    return new Admin({
      socketPath: adminSocket,
      http,
      log: this.#log.logger,
      source: {
        plugin: {
          name: `${pluginIndex}-${pluginName}`,
          version: VERSION,
          instance: this.#instance,
          startedAt: this.#startedAt,
          dryRun,
          pid: process.pid,
        },
        mailbox: this.#mailbox,
        journal: this.#journal,
        observations: this.#observations,
        config: () => this.#rules.config,
        policy: () => this.#rules.policy,
        ledger: () => this.#ledger,
        runtime: () => this.#runtime,
        planner: () => this.#planner?.stats,
        reconcile: () => this.#reconciler?.counts ?? NO_COUNTS,
      },
    });
  }

  #createReconciler(ledger: Ledger): Reconciler {
    return new Reconciler({
      ledger,
      mailbox: this.#mailbox,
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
