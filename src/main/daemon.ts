import { readTopology } from '../placement/sysfs.ts';
import { createTopology, type Topology } from '../placement/topology.ts';
import { hostFiles } from '../workers/host-files.ts';
import { Mailbox } from './actor.ts';
import type { RunOptions } from './cli/args.ts';
import { ConfigError, type GivenSetting, loadConfig } from './config.ts';
import { parseSettings, readConfig } from './config-file.ts';
import { Journal, type JournalRecord } from './journal.ts';
import { Ledger } from './ledger/ledger.ts';
import { createPolicy, type Policy } from './ledger/policy.ts';
import { type Log, type Logger, openLog } from './log.ts';
import { stayConnected } from './nri/connection.ts';
import { Session } from './nri/session.ts';
import { VERSION } from './version.ts';

const JOURNAL_RECORDS = 10_000;

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
  const daemon = log.then((opened) => Daemon.start(options, opened));
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    stop.abort();
  };
  daemon.catch(fail);

  const mailbox = new Mailbox();
  await stayConnected({
    socket: options.socketPath,
    fd: options.socketDescriptor,
    pluginName: options.pluginName,
    pluginIndex: options.pluginIndex,
    log: log.then(({ logger }) => logger),
    signal: stop.signal,
    onAttempt,
    session: () =>
      new Session({
        log: log.then(({ logger }) => logger),
        configure: async (text, source) => {
          try {
            return (await daemon).configure(text, source);
          } catch (error) {
            fail(error);
            throw error;
          }
        },
        mailbox,
        dryRun: options.dryRun,
        now: () => performance.now(),
      }),
  });
  const { logger, close } = await log;
  if (failure !== undefined) logger.fatal({ err: failure }, 'cannot go on');
  else logger.info('stopped');
  await close();
  if (failure !== undefined) throw failure;
  return 0;
}

/** The parts that outlive connections: host, configuration and ledger. */
class Daemon {
  readonly #options: RunOptions;
  readonly #log: Log;
  readonly #topology: Topology;
  readonly #file: readonly GivenSetting[];
  #ledger: Ledger | undefined;

  private constructor(options: RunOptions, log: Log, topology: Topology, file: readonly GivenSetting[]) {
    this.#options = options;
    this.#log = log;
    this.#topology = topology;
    this.#file = file;
  }

  /** Reads host and configuration, so that what is wrong with them is known at start. */
  static async start(options: RunOptions, log: Log): Promise<Daemon> {
    const topology = createTopology(readTopology(hostFiles(options.hostRoot)));
    const file = options.configPath === undefined ? [] : await readConfig(options.configPath);
    const daemon = new Daemon(options, log, topology, file);
    daemon.#policy([]);
    log.logger.info(
      {
        version: VERSION,
        online: topology.online.toString(),
        cores: topology.cores.length,
        nodes: topology.nodes.length,
        dryRun: options.dryRun,
      },
      'started',
    );
    return daemon;
  }

  /**
   * Applies the configuration that the runtime hands over. The first one makes the ledger; a bad one later, after a
   * reconnect, leaves the one in force.
   */
  configure(text: string, source: string): Ledger {
    if (this.#ledger === undefined) {
      this.#ledger = this.#createLedger(this.#policy(parseSettings(text, source)));
      return this.#ledger;
    }
    try {
      this.#ledger.setPolicy(this.#policy(parseSettings(text, source)));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#log.logger.error(`${error.message}; the configuration before it stays in force`);
    }
    return this.#ledger;
  }

  #policy(nri: readonly GivenSetting[]): Policy {
    const config = loadConfig({ ...this.#options.sources, file: this.#file, nri });
    this.#log.setDebug(config.debug);
    return createPolicy(this.#topology, config);
  }

  #createLedger(policy: Policy): Ledger {
    return new Ledger({
      policy,
      journal: new Journal(JOURNAL_RECORDS),
      instance: process.pid.toString(36),
      now: () => performance.now(),
      onDecision: (record) => logDecision(this.#log.logger, record),
    });
  }
}

/** One line per decision: what changed at level info, what did not at debug, what could not be done as a warning. */
function logDecision(logger: Logger, { sequence, time, warnings, ...record }: JournalRecord): void {
  const { event, outcome, container = '', kind = '', cpus } = record;
  const level = outcome === 'refused' ? 'warn' : outcome === 'kept' ? 'debug' : 'info';
  const onCpus = cpus === undefined || cpus === '' ? '' : ` on CPUs ${cpus}`;
  logger[level](record, [event, container, kind && `(${kind})`, outcome].filter(Boolean).join(' ') + onCpus);
  for (const warning of warnings ?? []) logger.warn({ operation: record.operation, container }, warning);
}
