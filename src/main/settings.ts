import type { NumaMemoryPolicy } from '../placement/memory.ts';
import type { IsolatedCpus } from '../placement/pool.ts';
import { mergeSettings } from './origins.ts';

/**
 * What an operator may set (docs/placement.md, "Configuration"). CPU lists are kept as text: they are checked for syntax
 * only, and against the host's CPUs by `configuredCpus`.
 */
export interface Config {
  /** Domain of all pod annotations, without the slash. */
  readonly annotationDomain: string;
  /** Whether the log level is debug. */
  readonly debug: boolean;
  /** How annotated containers get their memory nodes (docs/placement.md, "Memory"). */
  readonly numaMemoryPolicy: NumaMemoryPolicy;
  /** CPUs never given to integer containers; they stay in the shared pool. */
  readonly reservedCpus: string;
  /** CPUs that may not be pinned by annotation either. */
  readonly protectedCpus: string;
  /** What CPUs isolated at boot are used for. */
  readonly isolatedCpus: IsolatedCpus;
  /** CPUs that exclusive containers must leave in the shared pool. */
  readonly minSharedCpus: number;
  /** Namespaces whose pods may pin CPUs: names or patterns for `globMatcher`. */
  readonly pinningNamespaces: readonly string[];
  /** Whether whole cores or few NUMA nodes come first (docs/placement.md, "Choosing exclusive CPUs"). */
  readonly priority: 'siblings' | 'numa';
  /** Budget of container updates that only let the shared pool grow: per second, and at once. */
  readonly poolGrowth: { readonly rate: number; readonly burst: number };
  /** Whether exclusive containers run without a CFS quota. */
  readonly liftCpuQuota: boolean;
  /** Live reassignments that worker threads plan (docs/placement.md, "Live reassignment"). */
  readonly reassignment: {
    /** More containers to move than this are a matter for the workers, ... */
    readonly minContainers: number;
    /** ... or more CPUs of containers to move. */
    readonly minCpus: number;
    /** The workers' time: this part of the runtime's request timeout, ... */
    readonly timeoutShare: number;
    /** ... and not more than this for each container to move, in milliseconds. */
    readonly msPerContainer: number;
    /** Number of worker threads; 0: one less than the CPUs we may use, but 1 to 4. */
    readonly workers: number;
    /** Whether the workers are kept ready; otherwise the first reassignment in a while goes without and starts them. */
    readonly warm: boolean;
  };
  /** How differences between what is wanted and what is are found and put right. Times are in seconds. */
  readonly reconcile: {
    /** How long no event may come until what puts an invariant at risk is repaired without one. */
    readonly after: number;
    /** The same for what only lets the shared pool grow. */
    readonly growthAfter: number;
    /** How often the cpusets of all containers are looked at; 0: never. */
    readonly driftInterval: number;
    /** How often the host's online CPUs are looked at; never 0. */
    readonly hostInterval: number;
  };
  readonly metrics: {
    /** Whether each container with CPUs of its own has a series that names it. */
    readonly containers: boolean;
  };
}

/**
 * A value before it is checked. Every source gives text: there is one way to read a number or a CPU list, and YAML's
 * guesses (is `4` a list of one CPU, is `0x10` one?) have no say.
 */
export type SettingValue = string | readonly SettingValue[] | { readonly [key: string]: SettingValue };

/** What people are told about a setting; `SCHEMAS` has how it is read. */
export interface Setting {
  /** What is allowed, to follow "must be". */
  readonly allowed: string;
  /** Placeholder of the value in help texts; a setting without one is on or off. */
  readonly placeholder?: string;
  readonly help: string;
}

/** Highest CPU id accepted before the host is known: CONFIG_NR_CPUS of the largest distribution kernels is 8192. */
export const MAX_CPU_ID = 8191;
export const MAX_GROWTH = 10_000;

const CPU_LIST_ALLOWED = 'CPU ids in one text such as "0,2-3,8"';

/** The settings in force when no source says anything. */
export const DEFAULT_CONFIG: Config = Object.freeze<Config>({
  annotationDomain: 'weka.io',
  debug: false,
  numaMemoryPolicy: 'strict',
  reservedCpus: '',
  protectedCpus: '',
  isolatedCpus: 'exclude',
  minSharedCpus: 1,
  pinningNamespaces: ['*'],
  priority: 'siblings',
  poolGrowth: { rate: 20, burst: 40 },
  liftCpuQuota: false,
  reassignment: {
    minContainers: 16,
    minCpus: 128,
    timeoutShare: 0.05,
    msPerContainer: 1,
    workers: 0,
    warm: false,
  },
  reconcile: { after: 5, growthAfter: 10, driftInterval: 10, hostInterval: 2 },
  metrics: { containers: false },
});

/** The settings in force: the defaults, overridden by what each source gives, in turn. */
export function configOf(...sources: readonly Partial<Config>[]): Config {
  return Object.freeze(mergeSettings(DEFAULT_CONFIG, ...sources) as Config);
}

/** All settings. Their order is that of the help text. */
export const SETTINGS: { readonly [K in keyof Config]: Setting } = {
  annotationDomain: {
    allowed: 'a domain name such as weka.io',
    placeholder: 'DOMAIN',
    help: 'domain of the pod annotations',
  },
  debug: {
    allowed: 'true or false',
    help: 'log level debug',
  },
  numaMemoryPolicy: {
    allowed: 'strict, preferred or none',
    placeholder: 'POLICY',
    help: 'memory of annotated containers: strict, preferred or none',
  },
  reservedCpus: {
    allowed: CPU_LIST_ALLOWED,
    placeholder: 'CPUS',
    help: 'CPUs never given to integer containers',
  },
  protectedCpus: {
    allowed: CPU_LIST_ALLOWED,
    placeholder: 'CPUS',
    help: 'CPUs that may not be pinned by annotation either',
  },
  isolatedCpus: {
    allowed: 'exclude, prefer or ignore',
    placeholder: 'USE',
    help: 'use of CPUs isolated at boot: exclude, prefer or ignore',
  },
  minSharedCpus: {
    allowed: `a whole number from 0 to ${MAX_CPU_ID}`,
    placeholder: 'COUNT',
    help: 'CPUs that always stay in the shared pool',
  },
  pinningNamespaces: {
    allowed: 'namespaces, or patterns of them with * and ?',
    placeholder: 'LIST',
    help: 'namespaces whose pods may pin CPUs, comma-separated, with * and ?',
  },
  priority: {
    allowed: 'siblings or numa',
    placeholder: 'WHICH',
    help: 'what comes first: whole cores (siblings) or few nodes (numa)',
  },
  poolGrowth: {
    allowed: `a rate and a burst from 0 to ${MAX_GROWTH}, such as "20/s, burst 40"`,
    placeholder: 'BUDGET',
    help: 'updates spent on letting the shared pool grow',
  },
  liftCpuQuota: {
    allowed: 'true or false',
    help: 'no CFS quota for containers with CPUs of their own',
  },
  reassignment: {
    allowed:
      'any of minContainers, minCpus, timeoutShare, msPerContainer, workers, warm, such as "workers=2"',
    placeholder: 'PARTS',
    help: 'planning of large moves in workers, e.g. workers=2,warm=true',
  },
  reconcile: {
    allowed: 'any of after, growthAfter, driftInterval, hostInterval, in seconds, such as "after=5"',
    placeholder: 'PARTS',
    help: 'when to look and repair, in seconds, e.g. drift-interval=30',
  },
  metrics: {
    allowed: 'containers, such as "containers=true"',
    placeholder: 'PARTS',
    help: 'containers=true: a metric for each container with its own CPUs',
  },
};

/** Every setting's name. */
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly (keyof Config)[];

/** The default of a setting as text, of the form in which it is given; empty for one that has parts with names. */
export function defaultText(setting: keyof Config): string {
  const { poolGrowth, pinningNamespaces, ...others } = DEFAULT_CONFIG;
  if (setting === 'poolGrowth') return `${poolGrowth.rate}/s, burst ${poolGrowth.burst}`;
  if (setting === 'pinningNamespaces') return pinningNamespaces.join(',');
  const value = others[setting];
  return typeof value === 'object' ? '' : `${value}`;
}

/** `minSharedCpus` as `min-shared-cpus`: the spelling of flags and of ConfigMap keys. */
export function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The spelling that `kebabCase` makes another of. */
export function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
