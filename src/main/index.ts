import { type Command, parseCommandLine } from './cli/args.ts';
import { ConfigError } from './config-error.ts';
import type { LogOptions } from './log.ts';

const FAILED = 1;
const BAD_USE = 2;
const CLOSE_DEBUGGER_MS = 1000;

/**
 * The program. What a command needs is loaded by that command: a plugin that the runtime starts holds up the runtime until
 * it has registered.
 *
 * @returns the exit code
 */
async function main(argv: readonly string[]): Promise<number> {
  let log: LogOptions = { preinstalled: 'NRI_PLUGIN_SOCKET' in process.env };
  let told: Promise<void> | undefined;
  const tell = (reason: unknown): Promise<void> => {
    told ??= report(reason, log);
    return told;
  };
  try {
    const command = parseCommandLine(argv, process.env);
    if (command.name === 'run') log = command.options.log;
    const code = await execute(command, tell);
    if (command.name !== 'run') await outputIsWritten();
    return code;
  } catch (error) {
    await tell(error);
    return error instanceof ConfigError ? BAD_USE : FAILED;
  }
}

/** @param tell reports why the program ends; what is thrown is reported in any case, once */
async function execute(command: Command, tell: (reason: unknown) => Promise<void>): Promise<number> {
  if (command.name !== 'run') process.stdout.on('error', endWithReader);
  switch (command.name) {
    case 'run': {
      keepDebuggersOut();
      // A bad flag or variable is told before anything is connected. Most plugins have none, and need not load the checks yet.
      const { environment = [], flags = [] } = command.options.sources;
      if (environment.length + flags.length > 0) {
        const { loadConfig } = await import('./config.ts');
        loadConfig(command.options.sources);
      }
      // Its thread takes 25 ms to start and nearly as long to read a host of 1024 CPUs, beside this one. Before the rest is
      // loaded it disturbs that least: the runtime hears of us 2 to 3 ms earlier than when it comes after.
      const { startHostThread } = await import('../workers/host-thread.ts');
      const hostThread = startHostThread(command.options.hostRoot);
      const { runPlugin } = await import('./run.ts');
      return runPlugin(command.options, hostThread, tell);
    }
    case 'topology': {
      const { topologyReport } = await import('./cli/topology.ts');
      return print(topologyReport(command.hostRoot, command.json));
    }
    case 'status': {
      const { runStatus } = await import('./cli/status.ts');
      return runStatus(command.options);
    }
    case 'map': {
      const { runMap } = await import('./cli/map.ts');
      return runMap(command.options);
    }
    case 'explain': {
      const { runExplain } = await import('./cli/explain.ts');
      return runExplain(command.options);
    }
    case 'journal': {
      const { runJournal } = await import('./cli/journal.ts');
      return runJournal(command.options);
    }
    case 'simulate': {
      const { runSimulate } = await import('./simulate/simulate.ts');
      return runSimulate(command.options);
    }
    case 'doctor': {
      const { runDoctor } = await import('./doctor/doctor.ts');
      return runDoctor(command.options);
    }
    case 'install': {
      const { runInstall } = await import('./cli/install.ts');
      return runInstall(command.options);
    }
    case 'demo': {
      const { runDemo } = await import('./cli/demo.ts');
      return runDemo(command.args);
    }
    case 'version': {
      const { VERSION } = await import('./version.ts');
      return print(`weka-cpuset ${VERSION}`);
    }
    case 'help': {
      const { helpText } = await import('./cli/help.ts');
      return print(helpText());
    }
  }
}

/**
 * Node opens a debugger on SIGUSR1, by which whoever reaches the loopback interface can run code as the user that this runs
 * as: root. One that was asked for by a flag of Node's stays.
 */
function keepDebuggersOut(): void {
  process.on('SIGUSR1', () => {});
  const { NODE_OPTIONS } = process.env;
  const isAskedFor = [...process.execArgv, NODE_OPTIONS].join().includes('--inspect');
  if (isAskedFor || !process.features.inspector) return;
  // The signal may have come before. To load what tells takes 2 ms, for which the runtime is not to wait.
  setTimeout(async () => (await import('node:inspector')).close(), CLOSE_DEBUGGER_MS).unref();
}

/** Somebody who has read enough, such as `head`, ends the program, and nothing is wrong. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`weka-cpuset: the output cannot be written: ${error.message}\n`);
  process.exit(FAILED);
}

/** A pipe takes 64 KiB at a time, and what waits for its reader is lost when the program ends. An error ends it at once. */
function outputIsWritten(): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write('', (error) => {
      if (!error) resolve();
    });
  });
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

/** Tells why the program ends: on the standard error stream, and in the log where that is somewhere else. */
async function report(error: unknown, options: LogOptions): Promise<void> {
  const text = describe(error);
  process.stderr.write(`weka-cpuset: ${text}\n`);
  if (!options.preinstalled && options.file === undefined) return;
  const { openLog } = await import('./log.ts');
  const log = await openLog(options);
  log.logger.fatal(text);
  await log.close();
}

/** What people can act on is one line; a fault of the program shows where it happened. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // By name, since what defines it is not loaded for this.
  const expected = error instanceof ConfigError || ['TopologyError', 'AdminError'].includes(error.name);
  return (expected ? undefined : error.stack) ?? error.message;
}

// What comes to no end has not succeeded.
process.exitCode = FAILED;
main(process.argv.slice(2)).then((code) => process.exit(code));
