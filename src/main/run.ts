import { dirname } from 'node:path';
import type { HostThread } from '../workers/host-thread.ts';
import { Mailbox } from './actor.ts';
import type { RunOptions } from './cli/args.ts';
import type { Daemon } from './daemon.ts';
import { Lease } from './lease/lease.ts';
import { Presence } from './presence.ts';
import { VERSION } from './version.ts';

/**
 * Runs the plugin until SIGTERM or SIGINT, or, launched by the runtime, until its connection ends.
 *
 * The runtime waits for our registration, and not for long: it goes out first, and only then is loaded what answering needs
 * (hence the dynamic imports), and host and configuration are read.
 *
 * @param hostThread a worker for the host, which may still be starting
 * @returns the exit code
 * @throws ConfigError when the configuration is wrong; TopologyError when the host cannot be read
 */
export async function runPlugin(options: RunOptions, hostThread: HostThread): Promise<number> {
  const stop = new AbortController();
  let failure: unknown;
  const fail = (error: unknown): void => {
    // What fails because all is being stopped is no failure.
    if (stop.signal.aborted) return;
    failure = error;
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
    daemon = await Daemon.start(options, mailbox, opened, hostThread, {
      fail,
      listAgain: () => presence.listAgain(),
    });
    return daemon;
  });
  started.catch(fail);

  const lease = new Lease({
    folder: options.dryRun ? undefined : dirname(options.adminSocket),
    version: VERSION,
    launched: options.socketDescriptor !== undefined,
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
  const end = (): void => void lease.close().then(() => stop.abort());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);
  stop.signal.addEventListener('abort', () => void lease.close());
  await presence.last(stop.signal);
  stop.abort();
  await lease.close();
  await started.catch(fail);
  await daemon?.close();
  if (failure === undefined) (await logger).info('stopped');
  await (await log).close();
  if (failure !== undefined) throw failure;
  return 0;
}
