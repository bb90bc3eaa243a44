import type { Topology } from '../placement/topology.ts';
import { ConfigError } from './config-error.ts';
import { type StartSettings, settingsOfFile, settingsOfText } from './given-settings.ts';
import type { Policy } from './ledger/policy.ts';
import type { Log } from './log.ts';
import { isAtLeast } from './nri/runtime-version.ts';
import type { RuntimeFacts } from './nri/session.ts';
import { Rules } from './rules.ts';
import { type Config, configOf } from './settings.ts';

export interface ConfigurationOptions {
  /** The file or folder that is watched, if there is one. */
  readonly path: string | undefined;
  readonly atStart: StartSettings;
  readonly log: Log;
  /** Called when rules that were in force have changed. */
  readonly onChange: () => unknown;
}

/**
 * What the command line, the file and the runtime say, and the rules that this makes on the host, kept up to date. What is wrong
 * is thrown until there are rules in force; later it is logged, and the rules before it stay.
 */
export class Configuration {
  readonly #options: ConfigurationOptions;
  /** There are none until the host is known. */
  #rules: Rules | undefined;
  #runtime: RuntimeFacts | undefined;
  /** What the runtime has handed over first. */
  #nri: { readonly text: string; readonly settings: Partial<Config> } | undefined;
  /** Of the rules in force and the runtime that is there. */
  #isMemoryLeftAlone = false;
  /** What is wrong, by what has changed. */
  readonly #refused = new Map<string, string>();
  #endWatch = (): void => {};

  constructor(options: ConfigurationOptions) {
    this.#options = options;
  }

  /** The settings in force; until there are rules, those that are given. */
  get config(): Config {
    const { command, file } = this.#options.atStart;
    return this.#rules?.config ?? configOf(file, this.#nri?.settings ?? {}, command);
  }

  /** The rules in force. There are some once the host is known. */
  get policy(): Policy {
    return this.#rules!.policy;
  }

  /** What is wrong with changes after which the rules before them stayed in force, until it is put right. */
  get refused(): readonly string[] {
    return [...this.#refused.values()];
  }

  /** Whether host and runtime are known. */
  get isComplete(): boolean {
    return this.#rules !== undefined && this.#nri !== undefined;
  }

  /**
   * The host is known: makes the rules for it, and watches the file from now on.
   *
   * @throws ConfigError when a setting does not fit the host
   */
  async begin(topology: Topology): Promise<void> {
    const { path, atStart } = this.#options;
    const rules = new Rules(atStart.command, topology, atStart.file);
    if (this.#nri !== undefined) rules.setNri(this.#nri.text, this.#nri.settings);
    this.#rules = rules;
    this.#noteRules();
    if (path === undefined) return;
    const { watchConfig } = await import('./config-watch.ts');
    this.#endWatch = watchConfig(path, atStart.fileVersion, () =>
      this.#change('the configuration file changed', async () => rules.setFile(await settingsOfFile(path))),
    );
  }

  /**
   * The runtime hands over its part, which it does at every connection.
   *
   * @throws ConfigError when it is wrong, and is the first or comes before the host is known
   */
  async setNri(text: string, runtime: RuntimeFacts): Promise<void> {
    this.#runtime = runtime;
    const read = () => settingsOfText(text, `configuration from ${runtime.name}`);
    const rules = this.#rules;
    if (rules !== undefined && this.isComplete) {
      await this.#change('the runtime handed over its configuration', async () =>
        rules.setNri(text, await read()),
      );
      return;
    }
    const settings = await read();
    // Meanwhile the host may have become known.
    this.#rules?.setNri(text, settings);
    this.#nri = { text, settings };
    if (this.#rules !== undefined) this.#noteRules();
  }

  /** The host has other CPUs than before. */
  async setTopology(topology: Topology): Promise<void> {
    await this.#change('the CPUs of the host changed', () => this.#rules!.setTopology(topology));
  }

  /** Ends the watch. */
  close(): void {
    this.#endWatch();
  }

  /** Puts new rules in force; wrong ones are reported and change nothing. */
  async #change(why: string, change: () => Policy | Promise<Policy>): Promise<void> {
    const { logger } = this.#options.log;
    try {
      const { topology } = await change();
      this.#refused.delete(why);
      this.#noteRules();
      logger.info({ online: topology.online.toString() }, why);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#refused.set(why, error.message);
      logger.error(`${error.message}; the configuration before it stays in force`);
      return;
    }
    await this.#options.onChange();
  }

  /** Does what goes with the rules that are in force now. */
  #noteRules(): void {
    const { log } = this.#options;
    const { debug, numaMemoryPolicy } = this.config;
    log.setDebug(debug);
    const isOld = this.#runtime !== undefined && !isAtLeast(this.#runtime.nri, 0, 12, 0);
    const isLeftAlone = numaMemoryPolicy === 'preferred' && isOld;
    if (isLeftAlone && !this.#isMemoryLeftAlone) {
      log.logger.warn("memory policy 'preferred' needs a runtime with NRI 0.12: memory is left alone");
    }
    this.#isMemoryLeftAlone = isLeftAlone;
  }
}
