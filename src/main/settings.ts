import * as z from 'zod/mini';
import { CpuListError, parseCpuList } from '../placement/cpulist.ts';
import type { NumaMemoryPolicy } from '../placement/memory.ts';
import type { IsolatedCpus } from '../placement/pool.ts';

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
  /** Whether whole cores or few NUMA nodes come first (docs/placement.md, "Choosing N exclusive CPUs"). */
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
    /** Whether the workers are kept ready instead of being started when first needed. */
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
    /** How often the host's online CPUs are looked at. */
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

/** How one setting is read, and what people are told about it. */
export interface Setting<T> {
  readonly schema: z.ZodMiniType<T>;
  readonly fallback: string;
  /** What is allowed, to follow "must be". */
  readonly allowed: string;
  /** Placeholder of the value in help texts; a setting without one is on or off. */
  readonly placeholder?: string;
  readonly help: string;
}

/** Highest CPU id accepted before the host is known: CONFIG_NR_CPUS of the largest distribution kernels is 8192. */
export const MAX_CPU_ID = 8191;
const MAX_GROWTH = 10_000;

const text = z.string().check(z.trim());
const boolean = z.pipe(
  text,
  z.pipe(
    z.enum(['true', 'false']),
    z.transform((value) => value === 'true'),
  ),
);
const oneOf = <const T extends string>(...values: T[]) => z.pipe(text, z.enum(values));
const number = (syntax: RegExp, max: number) =>
  z.pipe(z.pipe(text.check(z.regex(syntax)), z.transform(Number)), z.number().check(z.lte(max)));
const wholeNumber = (max: number) => number(/^\d+$/, max);

const cpuList = text.check(({ value, issues }) => {
  try {
    parseCpuList(value, { max: MAX_CPU_ID, allowEmpty: true });
  } catch (error) {
    if (!(error instanceof CpuListError)) throw error;
    issues.push({ code: 'custom', message: error.message, input: value });
  }
});

const domain = text.check(
  z.maxLength(253),
  z.regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/),
);

const namespaces = z.array(text.check(z.regex(/^[-a-z0-9*?]{1,63}$/)));
const commaSeparated = z.transform((list: string) => (list === '' ? [] : list.split(',')));

const growth = z.strictObject({ rate: number(/^\d+(\.\d+)?$/, MAX_GROWTH), burst: wholeNumber(MAX_GROWTH) });
const compactGrowth = z.transform((value: string) => {
  const [, rate = '', burst = ''] = /^([\d.]+) *\/ *s *, *burst +(\d+)$/.exec(value) ?? [];
  return { rate, burst };
});

/** A setting with parts, each with a default: a mapping, or text such as "warm=true, workers=2". */
const group = <T extends Record<string, z.ZodMiniType>>(parts: T) =>
  z.pipe(
    z.union([
      z.pipe(
        z.record(z.string(), z.unknown()),
        z.transform((mapping: Record<string, unknown>) => Object.entries(mapping)),
      ),
      z.pipe(text, namedParts),
    ]),
    z.pipe(partsByName, z.strictObject(parts)),
  );
const namedParts = z.transform((list: string) =>
  (list === '' ? [] : list.split(',')).map((part): [string, unknown] => {
    const [name = '', ...value] = part.split('=');
    return [name.trim(), value.join('=').trim()];
  }),
);
const partsByName = z.transform((parts: [string, unknown][], { issues }) => {
  const byName = new Map(parts.map(([key, value]) => [camelCase(key), value]));
  if (byName.size < parts.length) {
    issues.push({ code: 'custom', message: 'a part is given twice', input: parts });
  }
  return Object.fromEntries(byName);
});
const share = number(/^(0(\.\d+)?|1)$/, 1);
const seconds = number(/^\d+(\.\d+)?$/, 86_400);

const CPU_LIST_ALLOWED = 'a list of CPU ids such as 0,2-3,8';

/** All settings. Their order is that of the help text. */
export const SETTINGS: { readonly [K in keyof Config]: Setting<Config[K]> } = {
  annotationDomain: {
    schema: domain,
    fallback: 'weka.io',
    allowed: 'a domain name such as weka.io',
    placeholder: 'DOMAIN',
    help: 'domain of the pod annotations',
  },
  debug: {
    schema: boolean,
    fallback: 'false',
    allowed: 'true or false',
    help: 'log level debug',
  },
  numaMemoryPolicy: {
    schema: oneOf('strict', 'preferred', 'none'),
    fallback: 'strict',
    allowed: 'strict, preferred or none',
    placeholder: 'POLICY',
    help: 'memory of annotated containers: strict, preferred or none',
  },
  reservedCpus: {
    schema: cpuList,
    fallback: '',
    allowed: CPU_LIST_ALLOWED,
    placeholder: 'CPUS',
    help: 'CPUs never given to integer containers',
  },
  protectedCpus: {
    schema: cpuList,
    fallback: '',
    allowed: CPU_LIST_ALLOWED,
    placeholder: 'CPUS',
    help: 'CPUs that may not be pinned by annotation either',
  },
  isolatedCpus: {
    schema: oneOf('exclude', 'prefer', 'ignore'),
    fallback: 'exclude',
    allowed: 'exclude, prefer or ignore',
    placeholder: 'USE',
    help: 'use of CPUs isolated at boot: exclude, prefer or ignore',
  },
  minSharedCpus: {
    schema: wholeNumber(MAX_CPU_ID),
    fallback: '1',
    allowed: `a whole number from 0 to ${MAX_CPU_ID}`,
    placeholder: 'COUNT',
    help: 'CPUs that always stay in the shared pool',
  },
  pinningNamespaces: {
    schema: z.union([namespaces, z.pipe(z.pipe(text, commaSeparated), namespaces)]),
    fallback: '*',
    allowed: 'namespaces, or patterns of them with * and ?',
    placeholder: 'LIST',
    help: 'namespaces whose pods may pin CPUs, comma-separated, with * and ?',
  },
  priority: {
    schema: oneOf('siblings', 'numa'),
    fallback: 'siblings',
    allowed: 'siblings or numa',
    placeholder: 'WHICH',
    help: 'what comes first: whole cores (siblings) or few nodes (numa)',
  },
  poolGrowth: {
    schema: z.union([growth, z.pipe(z.pipe(text, compactGrowth), growth)]),
    fallback: '20/s, burst 40',
    allowed: `a rate and a burst from 0 to ${MAX_GROWTH}, such as "20/s, burst 40"`,
    placeholder: 'BUDGET',
    help: 'updates spent on letting the shared pool grow',
  },
  liftCpuQuota: {
    schema: boolean,
    fallback: 'false',
    allowed: 'true or false',
    help: 'no CFS quota for containers with CPUs of their own',
  },
  reassignment: {
    schema: group({
      minContainers: z._default(wholeNumber(100_000), 16),
      minCpus: z._default(wholeNumber(100_000), 128),
      timeoutShare: z._default(share, 0.05),
      msPerContainer: z._default(seconds, 1),
      workers: z._default(wholeNumber(64), 0),
      warm: z._default(boolean, false),
    }),
    fallback: '',
    allowed:
      'any of minContainers, minCpus, timeoutShare, msPerContainer, workers, warm, such as "workers=2"',
    placeholder: 'PARTS',
    help: 'planning of large moves in workers, e.g. workers=2,warm=true',
  },
  reconcile: {
    schema: group({
      after: z._default(seconds, 5),
      growthAfter: z._default(seconds, 10),
      driftInterval: z._default(seconds, 10),
      hostInterval: z._default(seconds, 2),
    }),
    fallback: '',
    allowed: 'any of after, growthAfter, driftInterval, hostInterval, in seconds, such as "after=5"',
    placeholder: 'PARTS',
    help: 'when to look and repair, in seconds, e.g. drift-interval=30',
  },
  metrics: {
    schema: group({ containers: z._default(boolean, false) }),
    fallback: '',
    allowed: 'containers, such as "containers=true"',
    placeholder: 'PARTS',
    help: 'containers=true: a metric for each container with its own CPUs',
  },
};

/** Every setting's name. */
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly (keyof Config)[];

/** `minSharedCpus` as `min-shared-cpus`: the spelling of flags and of ConfigMap keys. */
export function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
