import { fstatSync } from 'node:fs';
import type { DestinationStream, Logger } from 'pino';
import { type LogSink, NOWHERE, openFileSink, openJournalSink, standardErrorSink } from './log-sinks.ts';

export type { Logger };

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export const LOG_FORMATS = ['json', 'pretty'] as const;

export interface LogOptions {
  /** Undefined: info, or debug while the setting `debug` is on. */
  readonly level?: (typeof LOG_LEVELS)[number] | undefined;
  /** Undefined: pretty on a terminal, else JSON. */
  readonly format?: (typeof LOG_FORMATS)[number] | undefined;
  /** File to append to; undefined, or one that cannot be opened: see `openLog`. */
  readonly file?: string | undefined;
  /** Whether the runtime started us: then nobody reads our standard error stream. */
  readonly preinstalled: boolean;
}

/** The log and what steers it. */
export interface Log {
  /** Make children of it for parts of the program that live as long as the log, not for single events. */
  readonly logger: Logger;
  /** Follows the setting `debug`, unless a level was asked for. Children made before follow too. */
  setDebug(debug: boolean): void;
  /** Writes what is left; the log is not to be used afterwards. */
  close(): Promise<void>;
}

/** Where a pre-installed plugin logs to. */
export interface LogPlaces {
  readonly file: string;
  readonly journal: string;
}

const PLACES: LogPlaces = { file: '/var/log/weka-nri-cpuset.log', journal: '/run/systemd/journal/stdout' };

/**
 * Opens the log: the given file, else the standard error stream. A pre-installed plugin has none; it logs to
 * /var/log/weka-nri-cpuset.log, else to the systemd journal, else nowhere. Nothing that goes wrong with a destination is
 * an error, then or later.
 */
export async function openLog(options: LogOptions, places: LogPlaces = PLACES): Promise<Log> {
  // Loading it takes a good part of the time to start: whoever is in a hurry does other things before opening the log.
  const { default: pino } = await import('pino');
  const file = options.file ?? (options.preinstalled ? places.file : undefined);
  let fileSink: LogSink | undefined;
  let obstacle: string | undefined;
  try {
    fileSink = file === undefined ? undefined : openFileSink(file);
  } catch (error) {
    obstacle = (error as NodeJS.ErrnoException).code;
  }
  const sink = fileSink ?? (options.preinstalled ? await journalSink(places) : standardErrorSink());
  const terminal = fileSink === undefined && !options.preinstalled && (await isTerminal());
  const format =
    (options.format ?? (terminal ? 'pretty' : 'json')) === 'pretty' ? await prettifier(terminal) : asIs;

  const loggers: Logger[] = [];
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      onChild: (child) => loggers.push(child),
    },
    {
      // Makes pino keep the level of the line in `lastLevel`, which the journal has to be told.
      [Symbol.for('pino.metadata')]: true,
      lastLevel: 0,
      write(line: string) {
        sink.write(format(line), this.lastLevel);
      },
    } as DestinationStream & { lastLevel: number },
  );
  loggers.push(logger);
  if (options.file !== undefined && fileSink === undefined) {
    logger.warn({ file }, `the log file cannot be opened (${obstacle}), so the log is here`);
  }
  return {
    logger,
    setDebug(debug) {
      if (options.level !== undefined) return;
      for (const each of loggers) each.level = debug ? 'debug' : 'info';
    },
    close: () => sink.close(),
  };
}

async function journalSink(places: LogPlaces): Promise<LogSink> {
  return (await openJournalSink(places.journal, 'weka-nri-cpuset')) ?? NOWHERE;
}

/** Whether the standard error stream is one. The module that knows takes 2 ms to load, for the few that may be. */
async function isTerminal(): Promise<boolean> {
  return fstatSync(2).isCharacterDevice() && (await import('node:tty')).isatty(2);
}

/** pino-pretty as a plain function: its stream would need a worker thread, or its own way of writing. */
async function prettifier(colorize: boolean): Promise<(line: string) => string> {
  const { default: pretty } = await import('pino-pretty');
  return pretty.prettyFactory({ colorize, singleLine: true, translateTime: 'SYS:HH:MM:ss.l' });
}

function asIs(line: string): string {
  return line;
}
