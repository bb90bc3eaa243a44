import { Mailbox } from './actor.ts';
import type { RunOptions } from './cli/args.ts';
import type { Daemon } from './daemon.ts';
import { stayConnected } from './nri/connection.ts';
import { Session } from './nri/session.ts';

/**
 * Runs the plugin until SIGTERM or SIGINT, or, launched by the runtime, until its connection ends.
 *
 * The runtime waits for our registration, and not for long: it goes out first, and only then is loaded what answering needs
 * (hence the dynamic imports), and host and configuration are read.
 *
 * @returns the exit code
 * @throws ConfigError when the configuration is wrong; TopologyError when the host cannot be read
 */
export async function runPlugin(options: RunOptions): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    stop.abort();
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
    daemon = await Daemon.start(options, mailbox, opened);
    return daemon;
  });
  started.catch(fail);

  await stayConnected({
    socket: options.socketPath,
    fd: options.socketDescriptor,
    pluginName: options.pluginName,
    pluginIndex: options.pluginIndex,
    log: logger,
    signal: stop.signal,
    onAttempt,
    onConnection: (connection) => void started.then((ready) => ready.setConnection(connection), fail),
    session: () =>
      new Session({
        log: logger,
        mailbox,
        configure: async (text, runtime) => {
          const ready = await started;
          try {
            return await ready.configure(text, runtime);
          } catch (error) {
            fail(error);
            throw error;
          }
        },
        onAnswer: (updates) => daemon?.noteAnswer(updates),
        onEvent: (event, outcome, ms) => daemon?.noteEvent(event, outcome, ms),
        dryRun: options.dryRun,
        now: () => performance.now(),
      }),
  });
  await started.catch(fail);
  await daemon?.close();
  if (failure === undefined) (await logger).info('stopped');
  await (await log).close();
  if (failure !== undefined) throw failure;
  return 0;
}
