import * as z from 'zod/mini';
import { CpuListError, parseCpuList } from '../placement/cpulist.ts';
import { type Config, camelCase, DEFAULT_CONFIG, MAX_CPU_ID, MAX_GROWTH } from './settings.ts';

// Apart from the settings' names and defaults: to load zod and make these takes 3 ms, which a plugin that the runtime waits for
// does not have. One without settings never loads them.

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

const { reassignment, reconcile, metrics } = DEFAULT_CONFIG;

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
  reassignment: group({
    minContainers: z._default(wholeNumber(100_000), reassignment.minContainers),
    minCpus: z._default(wholeNumber(100_000), reassignment.minCpus),
    timeoutShare: z._default(share, reassignment.timeoutShare),
    msPerContainer: z._default(seconds, reassignment.msPerContainer),
    workers: z._default(wholeNumber(64), reassignment.workers),
    warm: z._default(boolean, reassignment.warm),
  }),
  reconcile: group({
    after: z._default(seconds, reconcile.after),
    growthAfter: z._default(seconds, reconcile.growthAfter),
    driftInterval: z._default(seconds, reconcile.driftInterval),
    hostInterval: z._default(seconds, reconcile.hostInterval),
  }),
  metrics: group({ containers: z._default(boolean, metrics.containers) }),
};
