import { setTimeout as sleep } from 'node:timers/promises';
import { createTopology } from '../placement/topology.ts';
import { FIRST_PLAN_STEPS, warmUpFirstPlan } from '../placement/warm-up.ts';
import type { PluginConnection } from '../protocol/nri.ts';
import { Host } from '../workers/host.ts';
import type { HostThread } from '../workers/host-thread.ts';
import { defaultWorkers, Planner } from '../workers/planner.ts';
import type { Mailbox } from './actor.ts';
import type { Admin } from './admin/admin.ts';
import { Observations } from './admin/observations.ts';
import { Afterwards } from './afterwards.ts';
import type { RunOptions } from './cli/args.ts';
import { Configuration } from './configuration.ts';
import { logDecision } from './decision-log.ts';
import type { StartSettings } from './given-settings.ts';
import { keepHeapSmall } from './heap.ts';
import { JOURNAL_RECORDS, Journal } from './journal.ts';
import { type ContainerUpdate, Ledger } from './ledger/ledger.ts';
import type { Policy } from './ledger/policy.ts';
import type { Log } from './log.ts';
import { updateMessages } from './nri/messages.ts';
import { isAtLeast } from './nri/runtime-version.ts';
import type { EventName, EventOutcome, RuntimeFacts } from './nri/session.ts';
import { optimizeEarly, optimizeNothing } from './optimize-early.ts';
import { Reconciler, type ReconcilerCounts } from './reconciler.ts';
import { VERSION } from './version.ts';

/** The admin server is started when the runtime's first list is answered, or after this. */
const START_ADMIN_MS = 1000;
/** Unsolicited updates wait for the runtime's lock and take about 10 ms each. */
const UPDATE_TIMEOUT_MS = 60_000;
const WARM_UP_PAUSE_MS = 50;
/** In a dry run nothing is looked at and nothing is put right. */
const NO_COUNTS: ReconcilerCounts = { drifted: 0, repaired: 0, repairs: 0, reconnects: 0 };

export interface DaemonOptions {
  readonly options: RunOptions;
  readonly atStart: StartSettings;
  /** All that changes the ledger goes through it. */
  readonly mailbox: Mailbox;
  readonly log: Log;
  /** The host's worker, which may still be starting. */
  readonly hostThread: HostThread;
  /**
   * Told what nothing can be done about: TopologyError, ConfigError for a setting that does not fit the host. Settles when
   * the log has it.
   */
  readonly fail: (error: unknown) => Promise<void>;
  /** Has the runtime list what it has. @returns whether that is possible */
  readonly listAgain: () => boolean;
}

/** The parts that outlive connections, and how they are tied together: the only place that knows them all. */
export class Daemon {
  readonly #parts: DaemonOptions;
  readonly #configuration: Configuration;
  /** The host is read, and the rules for it are made. */
  readonly #ready: Promise<void>;
  /** What nothing can be done about: from then on there is no turn. */
  #failure: unknown;
  readonly #startedAt = Date.now();
  /** Different for every process, also where all have the same id, as those of containers do. */
  readonly #instance = randomDigits(6);
  readonly #journal = new Journal(JOURNAL_RECORDS);
  readonly #observations = new Observations();
  /** The runtime waits for answers: what is told of an event is told when its answer is written. */
  readonly #afterwards = new Afterwards();
  #admin: Promise<Admin> | undefined;
  #host: Host | undefined;
  #planner: Planner | undefined;
  #ledger: Ledger | undefined;
  #reconciler: Reconciler | undefined;
  #connection: PluginConnection | undefined;
  #runtime: RuntimeFacts | undefined;
  #isActive = false;
  #startAdminLater: NodeJS.Timeout | undefined;
  #warmingUp: Promise<void> | undefined;
  #isClosed = false;

  /** Begins to read the host. */
  constructor(parts: DaemonOptions) {
    const { options, atStart, mailbox, log } = parts;
    this.#parts = parts;
    this.#configuration = new Configuration({
      path: options.configPath,
      atStart,
      log,
      // By the turn another change may have come, which counts then.
      onChange: () => mailbox.run(() => this.#ledger?.changePolicy(this.#configuration.policy)),
    });
    this.#ready = this.#readHost();
    this.#ready.catch((error) => this.#fail(error));
  }

  async #readHost(): Promise<void> {
    const { log, hostThread, options } = this.#parts;
    const { dryRun, hostRoot } = options;
    this.#host = new Host({
      hostRoot,
      started: hostThread,
      pollMs: this.#configuration.config.reconcile.hostInterval * 1000,
      onTopology: (changed) => void this.#configuration.setTopology(createTopology(changed)),
      onIncident: ({ kind, message }) => {
        this.#observations.noteIncident('host', kind);
        log.logger.warn({ worker: 'host', incident: kind }, message);
      },
    });
    const topology = createTopology(await this.#host.start());
    keepHeapSmall();
    await this.#configuration.begin(topology);
    const { online, cores, nodes } = topology;
    log.logger.info(
      { version: VERSION, online: online.toString(), cores: cores.length, nodes: nodes.length, dryRun },
      'started',
    );
    // Nothing waits for it, and the runtime waits for its list to be answered.
    this.#startAdminLater = setTimeout(() => this.#startAdmin(), START_ADMIN_MS);
  }

  /**
   * Applies the configuration that the runtime hands over. A bad one later, after a reconnect, leaves the one in force.
   *
   * @throws ConfigError when the first one is wrong; what nothing can be done about
   */
  async configure(text: string, runtime: RuntimeFacts): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#runtime = runtime;
    const isFirst = !this.#configuration.isComplete;
    await this.#configuration.setNri(text, runtime);
    if (!isFirst) return;
    // The list comes next.
    optimizeNothing();
    // Whether these are right is known when the host is: what is wrong is to be the answer.
    const { reservedCpus, protectedCpus } = this.#configuration.config;
    if (reservedCpus !== '' || protectedCpus !== '') await this.#ready;
  }

  /**
   * Makes the ledger, if there is none: from now on this instance decides.
   *
   * The first time the host may still be being read. The turn waits for it, and the runtime's first event waits behind that
   * in the mailbox: a listing of 1000 containers is received and decoded meanwhile, 60 ms earlier.
   */
  activate(): void {
    void this.#parts.mailbox.run(async () => {
      try {
        await this.#ready;
        this.#ledger ??= this.#createLedger(this.#configuration.policy);
      } catch (error) {
        // What the runtime asks waits behind this turn. When it has the reason for an answer it ends those that it has started:
        // by then the reason is told.
        await this.#fail(error);
      }
    });
  }

  /**
   * Forgets the ledger: another instance decides now, so what it knows is soon wrong. What turns are under way are finished
   * first.
   */
  async standBy(): Promise<void> {
    await this.#parts.mailbox.run(() => {
      this.#reconciler?.close();
      void this.#planner?.close();
      this.#reconciler = undefined;
      this.#planner = undefined;
      this.#ledger = undefined;
    });
    this.#observations.isInStep = false;
  }

  /** Whether this instance is the one on the node that operators are to find by its admin socket. */
  setActive(isActive: boolean): void {
    this.#isActive = isActive;
    void this.#admin?.then((admin) => admin.setActive(isActive));
  }

  /**
   * Undefined while another instance decides, and until the first configuration is there and the host is read.
   *
   * @throws what nothing can be done about
   */
  get ledger(): Ledger | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#ledger;
  }

  /** Settles when the host is read, and the rules for it are made. */
  get ready(): Promise<void> {
    return this.#ready;
  }

  setConnection(connection: PluginConnection | undefined): void {
    this.#connection = connection;
    this.#observations.noteConnection(connection !== undefined);
  }

  noteEvent(event: EventName, outcome: EventOutcome, ms: number): void {
    if (this.#ledger === undefined) return;
    this.#afterwards.do(() => this.#observations.noteEvent(event, outcome, ms));
    if (event !== 'synchronize') return;
    this.#reconciler?.noteListed();
    setImmediate(() => this.#useIdleTime());
  }

  noteAnswer(updates: readonly ContainerUpdate[]): void {
    this.#reconciler?.noteAnswer(updates);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#startAdminLater);
    this.#configuration.close();
    this.#reconciler?.close();
    const admin = await this.#admin;
    await Promise.all([admin?.close(), this.#host?.close(), this.#planner?.close()]);
  }

  #fail(error: unknown): Promise<void> {
    this.#failure ??= error;
    return this.#parts.fail(error);
  }

  #createLedger(policy: Policy): Ledger {
    const { logger } = this.#parts.log;
    const { workers, warm } = policy.reassignment;
    this.#planner = new Planner({
      workers: workers || defaultWorkers(),
      warm,
      onResult: (result) => {
        this.#observations.notePlan(result);
        keepHeapSmall();
      },
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
      afterwards: this.#afterwards,
      onDecision: (record) => {
        logDecision(logger, record);
        this.#observations.noteDecision(record, ledger.entries);
      },
    });
    if (!this.#parts.options.dryRun) this.#reconciler = this.#createReconciler(ledger);
    return ledger;
  }

  /** The runtime's list is answered: what could wait for that is done now. */
  #useIdleTime(): void {
    this.#startAdmin();
    this.#warmingUp ??= this.#warmUp();
  }

  /** Makes first events and plans nearly as fast as later ones, in steps between which the runtime is served. */
  async #warmUp(): Promise<void> {
    for (let step = 0; step < FIRST_PLAN_STEPS; step++) {
      await sleep(WARM_UP_PAUSE_MS, undefined, { ref: false });
      warmUpFirstPlan(step);
    }
    const { logger } = this.#parts.log;
    try {
      const { rehearse } = await import('./rehearsal.ts');
      await rehearse(this.#configuration.policy, () => this.#isClosed);
      logger.debug('events are rehearsed');
    } catch (error) {
      logger.warn({ err: error }, 'first events will take longer: rehearsing them failed');
    }
  }

  #startAdmin(): void {
    clearTimeout(this.#startAdminLater);
    optimizeEarly();
    if (!this.#isClosed) this.#admin ??= this.#loadAdmin();
  }

  async #loadAdmin(): Promise<Admin> {
    const { Admin } = await import('./admin/admin.ts');
    const { pluginIndex, pluginName, dryRun, adminSocket, http } = this.#parts.options;
    const admin = new Admin({
      socketPath: adminSocket,
      http,
      log: this.#parts.log.logger,
      source: {
        plugin: {
          name: `${pluginIndex}-${pluginName}`,
          version: VERSION,
          instance: this.#instance,
          startedAt: this.#startedAt,
          dryRun,
          pid: process.pid,
        },
        mailbox: this.#parts.mailbox,
        journal: this.#journal,
        observations: this.#observations,
        config: () => this.#configuration.config,
        refusedSettings: () => this.#configuration.refused,
        policy: () => this.#configuration.policy,
        ledger: () => this.#ledger,
        runtime: () => this.#runtime,
        planner: () => this.#planner?.stats,
        reconcile: () => this.#reconciler?.counts ?? NO_COUNTS,
        isActive: () => this.#isActive,
      },
    });
    admin.setActive(this.#isActive);
    return admin;
  }

  #createReconciler(ledger: Ledger): Reconciler {
    return new Reconciler({
      ledger,
      mailbox: this.#parts.mailbox,
      log: this.#parts.log.logger,
      readCpusets: async (requests) => this.#host?.readCpusets(requests),
      settings: () => this.#configuration.config.reconcile,
      now: () => performance.now(),
      link: {
        isConnected: () => this.#connection !== undefined,
        takesUpdates: () => isAtLeast(this.#runtime?.nri, 0, 12, 1),
        updateContainers: async (updates) => {
          if (this.#connection === undefined) throw new Error('not connected to the runtime');
          await this.#connection.updateContainers({ update: updateMessages(updates) }, UPDATE_TIMEOUT_MS);
        },
        reconnect: () => this.#parts.listAgain(),
      },
    });
  }
}

/** Hexadecimal ones. The module for better random numbers takes 3 ms to load. */
function randomDigits(count: number): string {
  return Math.floor(Math.random() * 16 ** count)
    .toString(16)
    .padStart(count, '0');
}
