import type { Topology } from '../placement/topology.ts';
import { createPolicy, type Policy } from './ledger/policy.ts';
import { type Config, configOf } from './settings.ts';

/** What a policy is made from. Each part changes on its own; together they are checked before any of it counts. */
interface Sources {
  readonly topology: Topology;
  readonly file: Partial<Config>;
  readonly nri: Partial<Config>;
}

/** The rules in force: the settings of all sources, and the policy they make on this host. */
export class Rules {
  readonly #given: Partial<Config>;
  #sources: Sources;
  #config: Config;
  #policy: Policy;
  #nriText = '';

  /**
   * @param given settings of the command line and the environment
   * @param file settings of the configuration file
   * @throws ConfigError when they are wrong for this host
   */
  constructor(given: Partial<Config>, topology: Topology, file: Partial<Config>) {
    this.#given = given;
    this.#sources = { topology, file, nri: {} };
    [this.#config, this.#policy] = this.#make(this.#sources);
  }

  get config(): Config {
    return this.#config;
  }

  get policy(): Policy {
    return this.#policy;
  }

  /** The host has changed. @throws ConfigError when a setting does not fit it, leaving all as it was */
  setTopology(topology: Topology): Policy {
    return this.#change({ topology });
  }

  /** The configuration file has changed. @throws ConfigError when it is wrong for this host, leaving all as it was */
  setFile(file: Partial<Config>): Policy {
    return this.#change({ file });
  }

  /**
   * The runtime handed over this configuration, which it does at every connection: the same one changes nothing.
   *
   * @param settings what is in it
   * @throws ConfigError when it is wrong for this host, leaving all as it was
   */
  setNri(text: string, settings: Partial<Config>): Policy {
    if (text === this.#nriText) return this.#policy;
    const policy = this.#change({ nri: settings });
    this.#nriText = text;
    return policy;
  }

  #change(changed: Partial<Sources>): Policy {
    const sources = { ...this.#sources, ...changed };
    [this.#config, this.#policy] = this.#make(sources);
    this.#sources = sources;
    return this.#policy;
  }

  #make({ topology, file, nri }: Sources): [Config, Policy] {
    const config = configOf(file, nri, this.#given);
    return [config, createPolicy(topology, config)];
  }
}
