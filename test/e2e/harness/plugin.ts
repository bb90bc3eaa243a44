import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackgroundProcess } from './background-process.ts';

/** The product as `make build` leaves it. */
export const EXECUTABLE = join(import.meta.dirname, '../../../bin/weka-cpuset');

/** Settings of the product (docs/placement.md, "Configuration"), by their camelCase names. */
export type PluginConfiguration = Readonly<Record<string, unknown>>;

export interface PluginOptions {
  readonly socket: string;
  /** Where its configuration and log are kept. */
  readonly folder: string;
  readonly configuration: PluginConfiguration;
  /** A folder with `cpu` and `node` that the plugin sees as /sys/devices/system/cpu and /sys/devices/system/node. */
  readonly system: string | undefined;
}

// Mounts are made in a namespace of the process's own, so nobody else sees them and they end with it.
const SEE_SYSTEM =
  'for i in cpu node; do mount --bind "$1/$i" "/sys/devices/system/$i"; done; shift; exec "$@"';

/** The product as a process of its own, connected to the runtime's NRI socket. */
export class Plugin {
  readonly configuration: PluginConfiguration;
  readonly #logFile: string;
  readonly #process: BackgroundProcess;

  constructor(options: PluginOptions) {
    if (!existsSync(EXECUTABLE)) throw new Error(`${EXECUTABLE} is missing: run \`make build\` first.`);
    const { configuration, folder, socket, system } = options;
    this.configuration = configuration;
    this.#logFile = join(folder, 'plugin.log');
    const configurationFile = join(folder, 'weka-cpuset.yaml');
    // JSON is YAML too.
    writeFileSync(configurationFile, JSON.stringify(configuration));
    const adminSocket = join(folder, 'admin.sock');
    const run = [
      EXECUTABLE,
      'run',
      '--socket',
      socket,
      '--config',
      configurationFile,
      '--admin-socket',
      adminSocket,
    ];
    const logging = ['--log-level', 'debug', '--log-format', 'json'];
    const seeing = system === undefined ? [] : ['unshare', '-m', 'sh', '-e', '-c', SEE_SYSTEM, 'sh', system];
    const { PATH = '' } = process.env;
    this.#process = new BackgroundProcess([...seeing, ...run, ...logging], PATH, this.#logFile);
  }

  get isRunning(): boolean {
    return this.#process.isRunning;
  }

  /** How it ended, if nobody told it to. */
  get unexpectedEnd(): string | undefined {
    return this.#process.unexpectedEnd;
  }

  /** The records of its JSON log, and of those that ran on the same host before it; lines that are none are left out. */
  log(): Record<string, unknown>[] {
    return readFileSync(this.#logFile, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Asks it to end, or kills it, and waits until it is gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#process.end(signal);
  }
}
