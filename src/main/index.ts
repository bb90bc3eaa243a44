import { type Command, parseCommandLine } from './cli/args.ts';
import { ConfigError, loadConfig } from './config.ts';
import type { LogOptions } from './log.ts';

const FAILED = 1;
const BAD_USE = 2;

/**
 * The program. What a command needs is loaded by that command: a plugin that the runtime starts holds up the runtime until
 * it has registered.
 *
 * @returns the exit code
 */
async function main(argv: readonly string[]): Promise<number> {
  let log: LogOptions = { preinstalled: 'NRI_PLUGIN_SOCKET' in process.env };
  try {
    const command = parseCommandLine(argv, process.env);
    if (command.name === 'run') log = command.options.log;
    return await execute(command);
  } catch (error) {
    await report(error, log);
    return error instanceof ConfigError ? BAD_USE : FAILED;
  }
}

async function execute(command: Command): Promise<number> {
  switch (command.name) {
    case 'run': {
      // A bad flag or variable is told before anything is connected.
      loadConfig(command.options.sources);
      const { runPlugin } = await import('./run.ts');
      return runPlugin(command.options);
    }
    case 'topology': {
      const { topologyReport } = await import('./cli/topology.ts');
      return print(topologyReport(command.hostRoot, command.json));
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
  const expected = error instanceof ConfigError || error.name === 'TopologyError';
  return (expected ? undefined : error.stack) ?? error.message;
}

main(process.argv.slice(2)).then((code) => process.exit(code));
