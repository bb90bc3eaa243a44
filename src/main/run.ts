import { dirname } from 'node:path';
import type { HostThread } from '../workers/host-thread.ts';
import { Mailbox } from './actor.ts';
import type { RunOptions } from './cli/args.ts';
import type { Daemon } from './daemon.ts';
import { settingsAtStart } from './given-settings.ts';
import { Lease } from './lease/lease.ts';
import { Presence } from './presence.ts';
import { VERSION } from './version.ts';

/**
 * How long an instance that the runtime has started is there after a failure. The runtime asks right after a registration: it
 * is to have the reason for an answer, and ends the instance then.
 */
const FAILED_MS = 1000;

/**
 * Runs the plugin until SIGTERM, SIGINT or SIGHUP, or, launched by the runtime, until its connection ends.
 *
 * The runtime waits for our registration, and not for long: it goes out first, and only then is loaded what answering needs
 * (hence the dynamic imports), and the host is read; a runtime that has started us waits for nothing else, so the configuration
 * comes later then, too.
 *
 * @param hostThread a worker for the host, which may still be starting
 * @param tell writes down why the program ends; called before anything is closed, since a runtime kills what it has started
 *   as soon as the connection ends
 * @returns the exit code
 * @throws ConfigError when the configuration is wrong; TopologyError when the host cannot be read
 */
export async function runPlugin(
  options: RunOptions,
  hostThread: HostThread,
  tell: (reason: unknown) => Promise<void>,
): Promise<number> {
  const launched = options.socketDescriptor !== undefined;
  const readSettings = () => settingsAtStart(options.configPath, options.sources);
  // Without a runtime that waits there is time to find out what is wrong before any hears of us.
  const early = launched ? undefined : await readSettings();
  const stop = new AbortController();
  let failure: unknown;
  let told: Promise<void> | undefined;
  const fail = async (error: unknown): Promise<void> => {
    // What fails because all is being stopped is no failure, and what fails after the first failure follows from it.
    if (told === undefined && !stop.signal.aborted) {
      failure = error;
      told = tell(error);
      // In any case behind the answers that wait for this.
      void told.then(() => setTimeout(() => stop.abort(), launched ? FAILED_MS : 0));
    }
    await told;
  };

  let onAttempt!: () => void;
  const attempted = new Promise<void>((resolve) => {
    onAttempt = resolve;
  });
  const log = attempted.then(async () => (await import('./log.ts')).openLog(options.log));
  const logger = log.then((opened) => opened.logger);
  const mailbox = new Mailbox();
  let daemon: Daemon | undefined;
  const started = log.then(async (opened) => {
    const { Daemon } = await import('./daemon.ts');
    daemon = new Daemon({
      options,
      atStart: early ?? (await readSettings()),
      mailbox,
      log: opened,
      hostThread,
      fail,
      listAgain: () => presence.listAgain(),
    });
    return daemon;
  });
  started.catch(fail);

  const end = (): void => void lease.close().then(() => stop.abort());
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, end);
  const lease = new Lease({
    folder: options.dryRun ? undefined : dirname(options.adminSocket),
    version: VERSION,
    launched,
    log: logger,
    isConnected: () => presence.isConnected,
    onRole: async (role) => {
      // While another instance decides, nothing is attempted before all is loaded.
      if (role !== 'active') onAttempt();
      const ready = await started.catch(() => undefined);
      ready?.setActive(role === 'active');
      if (role === 'standby') await ready?.standBy();
    },
  });
  const presence = new Presence({ options, lease, mailbox, log: logger, daemon: started, onAttempt, fail });
  stop.signal.addEventListener('abort', () => void lease.close());
  await presence.last(stop.signal);
  // It may have been told to end before it knew whether there was anything to attempt.
  onAttempt();
  stop.abort();
  await lease.close();
  await started.catch(fail);
  await daemon?.close();
  if (failure === undefined) (await logger).info('stopped');
  await (await log).close();
  if (failure !== undefined) throw failure;
  return 0;
}
