import * as z from 'zod/mini';
import { CpuListError, parseCpuList } from '../placement/cpulist.ts';
import { quote } from './config-error.ts';
import {
  type Config,
  camelCase,
  DEFAULT_CONFIG,
  MAX_CPU_ID,
  MAX_GROWTH,
  type SettingValue,
} from './settings.ts';

// Apart from the settings' names and defaults: to load zod and make these takes 3 ms, which a plugin that the runtime waits for
// does not have. One without settings never loads them.

/** One day, in seconds; where a time is in milliseconds, so many of them. */
const MAX_TIME = 86_400;
/** In seconds. Each look at the host takes a fraction of a millisecond; without a pause they took an eighth of a CPU. */
const MIN_HOST_INTERVAL = 0.1;

const text = z.string().check(z.trim());
const boolean = z.pipe(
  text,
  z.pipe(
    z.enum(['true', 'false']),
    z.transform((value) => value === 'true'),
  ),
);
const oneOf = <const T extends string>(...values: T[]) => z.pipe(text, z.enum(values));
const number = (syntax: RegExp, max: number, min = 0) =>
  z.pipe(z.pipe(text.check(z.regex(syntax)), z.transform(Number)), z.number().check(z.gte(min), z.lte(max)));
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

/** How one part of a setting is read. */
interface Part<T> {
  readonly schema: z.ZodMiniType<T>;
  /** What is allowed, to follow "must be". */
  readonly allowed: string;
}

/**
 * A setting whose parts have names, and defaults: a mapping, or text such as "warm=true, workers=2". What is wrong is told of each
 * part: nobody would find it by being told what is allowed for all of them.
 */
const group = <K extends 'reassignment' | 'reconcile' | 'metrics'>(
  setting: K,
  parts: { readonly [P in keyof Config[K]]: Part<Config[K][P]> },
) =>
  z.pipe(
    z.union([z.pipe(z.record(z.string(), z.unknown()), mappedParts), z.pipe(text, listedParts)]),
    z.transform((given: GivenPart[], { issues }): Config[K] => {
      const known = new Map<string, Part<unknown>>(Object.entries(parts));
      const read = new Map<string, unknown>();
      for (const [key, value] of given) {
        const refuse = (message: string) => issues.push({ code: 'custom', message, input: value });
        const name = camelCase(key);
        const part = known.get(name);
        const result = part?.schema.safeParse(value);
        if (result === undefined) refuse(`there is no ${quote(key)}, only ${[...known.keys()].join(', ')}`);
        else if (!result.success)
          refuse(`${name} must be ${part?.allowed}, not ${quote(value as SettingValue)}`);
        else if (read.has(name)) refuse(`${name} is given twice`);
        else read.set(name, result.data);
      }
      return { ...DEFAULT_CONFIG[setting], ...Object.fromEntries(read) };
    }),
  );

type GivenPart = readonly [name: string, value: unknown];
const mappedParts = z.transform((mapping: Record<string, unknown>): GivenPart[] => Object.entries(mapping));
const listedParts = z.transform((list: string) =>
  (list === '' ? [] : list.split(',')).map((part): GivenPart => {
    const [name = '', ...value] = part.split('=');
    return [name.trim(), value.join('=').trim()];
  }),
);

const count = (max: number): Part<number> => ({
  schema: wholeNumber(max),
  allowed: `a whole number from 0 to ${max}`,
});
const share: Part<number> = { schema: number(/^(0(\.\d+)?|1)$/, 1), allowed: 'a number from 0 to 1' };
const time = (unit: string, min = 0): Part<number> => ({
  schema: number(/^\d+(\.\d+)?$/, MAX_TIME, min),
  allowed: `a number of ${unit} from ${min} to ${MAX_TIME}`,
});
const yesOrNo: Part<boolean> = { schema: boolean, allowed: 'true or false' };

/** How each setting is read. */
export const SCHEMAS: { readonly [K in keyof Config]: z.ZodMiniType<Config[K]> } = {
  annotationDomain: domain,
  debug: boolean,
  numaMemoryPolicy: oneOf('strict', 'preferred', 'none'),
  reservedCpus: cpuList,
  protectedCpus: cpuList,
  isolatedCpus: oneOf('exclude', 'prefer', 'ignore'),
  minSharedCpus: wholeNumber(MAX_CPU_ID),
  pinningNamespaces: z.union([namespaces, z.pipe(z.pipe(text, commaSeparated), namespaces)]),
  priority: oneOf('siblings', 'numa'),
  poolGrowth: z.union([growth, z.pipe(z.pipe(text, compactGrowth), growth)]),
  liftCpuQuota: boolean,
  reassignment: group('reassignment', {
    minContainers: count(100_000),
    minCpus: count(100_000),
    timeoutShare: share,
    msPerContainer: time('milliseconds'),
    workers: count(64),
    warm: yesOrNo,
  }),
  reconcile: group('reconcile', {
    after: time('seconds'),
    growthAfter: time('seconds'),
    driftInterval: time('seconds'),
    hostInterval: time('seconds', MIN_HOST_INTERVAL),
  }),
  metrics: group('metrics', { containers: yesOrNo }),
};
