/**
 * Cost tables: for each number of CPUs, the least cost of taking that many out of one part of the host.
 *
 * Most criteria are sums over cores or LLCs, so the table of two parts together follows from their tables: k CPUs of both are
 * i of the one and k - i of the other, whichever i costs least. The search is exact without ever trying sets of CPUs.
 *
 * A cost is a pair of numbers made of digits, `high` before `low`: adding two costs adds all their digits, and comparing
 * them compares digit by digit.
 */

/** What one core offers. Cores of the same shape differ by nothing but their ids. */
export interface CoreShape {
  /** Online CPUs of the core. */
  readonly size: number;
  /** CPUs of it that are in every answer. */
  readonly fixed: number;
  /** CPUs of it that may be chosen, at least one. */
  readonly open: number;
  /** Those of `open` that wait to join the pool. */
  readonly joining: number;
  /** Who has other CPUs of the core: `own` means the container itself or its pod. */
  readonly neighbour: 'none' | 'own' | 'foreign';
  /** Whether all of the core is free. */
  readonly wholeFree: boolean;
  readonly isCpu0: boolean;
}

/** Cores of one shape (positions in the topology, ascending). */
export interface CoreRun {
  readonly shape: CoreShape;
  readonly cores: readonly number[];
}

export interface CostTable {
  /** By number of CPUs; infinite where that number is impossible or of no interest. */
  readonly high: readonly number[];
  readonly low: readonly number[];
  /** The highest number of CPUs that is neither. */
  readonly reach: number;
  /** What the table was made from; undefined where that is no matter. */
  readonly source: CoreRun | readonly [CostTable, CostTable] | undefined;
}

/** What a table need not hold. */
export interface TableLimits {
  /** Numbers of CPUs above this one. */
  readonly need: number;
  /** Costs whose `high` is this or more. */
  readonly ceiling: number;
}

/** The weights of the digits, the most significant first: the first five in `high`, the others in `low`. */
export interface CostScale {
  readonly brokenCpus: number;
  readonly splitCores: number;
  readonly foreignCpus: number;
  readonly llcs: number;
  readonly cpu0: number;
  /** Wholly free cores of the LLCs used, plus `unspent`: as many as are left over, up to a constant. */
  readonly llcCoresLeft: number;
  /** Chosen CPUs less the wholly free cores they use up: the fewer, the fewer such cores are left over elsewhere. */
  readonly unspent: number;
  readonly cores: number;
  readonly notJoining: number;
}

/**
 * Weights that no sum of lower digits reaches, for answers of `count` CPUs on a host with `llcs` LLC domains.
 * Sums are exact (below 2^53) on hosts of up to 8192 CPUs, the most that kernels are built for.
 */
export function costScale(count: number, llcs: number): CostScale {
  const base = count + 1;
  const foreignCpus = 2 * (llcs + 1);
  return {
    brokenCpus: foreignCpus * base * base,
    splitCores: foreignCpus * base,
    foreignCpus,
    llcs: 2,
    cpu0: 1,
    llcCoresLeft: base * base * base,
    unspent: base * base,
    cores: base,
    notJoining: 1,
  };
}

/** The table of a run of cores. */
export function runTable(run: CoreRun, scale: CostScale, limits: TableLimits): CostTable {
  const { open, joining } = run.shape;
  // Filling one core after the other is best, except that CPUs that wait for the pool may be spread over all cores.
  if (joining === 0 || joining === open || run.cores.length === 1) return filledTable(run, scale, limits);
  const single = run.cores.map((core) => filledTable({ shape: run.shape, cores: [core] }, scale, limits));
  return combineAll(single, limits);
}

function filledTable(run: CoreRun, scale: CostScale, limits: TableLimits): CostTable {
  return { ...shapeTable(run.shape, run.cores.length, scale, limits), source: run };
}

/** The table of a number of cores of one shape, each filled after the other. */
export function shapeTable(
  shape: CoreShape,
  cores: number,
  scale: CostScale,
  limits: TableLimits,
): CostTable {
  const most = Math.min(shape.open * cores, limits.need);
  const [high, low] = [infinite(most), infinite(most)];
  for (let cpus = 0; cpus <= most; cpus++) {
    const full = Math.floor(cpus / shape.open);
    const rest = cpus % shape.open;
    const partial = rest > 0 ? 1 : 0;
    const untouched = cores - full - partial;
    const total = (costOf: typeof highOfCore) =>
      full * costOf(shape, shape.open, scale) +
      partial * costOf(shape, rest, scale) +
      untouched * costOf(shape, 0, scale);
    const sum = total(highOfCore);
    if (sum >= limits.ceiling) continue;
    high[cpus] = sum;
    low[cpus] = total(lowOfCore);
  }
  return tableOf(high, low, undefined);
}

function highOfCore(shape: CoreShape, cpus: number, scale: CostScale): number {
  const inAnswer = shape.fixed + cpus;
  if (inAnswer === 0) return 0;
  const cpu0 = shape.isCpu0 ? scale.cpu0 : 0;
  if (inAnswer === shape.size) return cpu0;
  const split = shape.neighbour === 'none' ? scale.splitCores : 0;
  const foreign = shape.neighbour === 'foreign' ? inAnswer * scale.foreignCpus : 0;
  return inAnswer * scale.brokenCpus + split + foreign + cpu0;
}

function lowOfCore(shape: CoreShape, cpus: number, scale: CostScale): number {
  const unspent = cpus - (shape.wholeFree && cpus > 0 ? 1 : 0);
  const core = shape.fixed + cpus > 0 ? scale.cores : 0;
  const notJoining = cpus - Math.min(cpus, shape.joining);
  return unspent * (scale.llcCoresLeft + scale.unspent) + core + notJoining * scale.notJoining;
}

/** The table of two parts together, for `from` CPUs and more. */
export function combine(a: CostTable, b: CostTable, limits: TableLimits, from = 0): CostTable {
  const most = Math.min(a.reach + b.reach, limits.need);
  const [high, low] = [infinite(most), infinite(most)];
  for (let i = 0; i <= Math.min(a.reach, most); i++) {
    const highA = a.high[i]!;
    if (highA === Number.POSITIVE_INFINITY) continue;
    const lowA = a.low[i]!;
    const end = Math.min(b.reach, most - i);
    for (let j = Math.max(0, from - i); j <= end; j++) {
      const sum = highA + b.high[j]!;
      const best = high[i + j]!;
      if (sum > best || sum >= limits.ceiling) continue;
      const sumLow = lowA + b.low[j]!;
      if (sum < best || sumLow < low[i + j]!) {
        high[i + j] = sum;
        low[i + j] = sumLow;
      }
    }
  }
  return tableOf(high, low, [a, b]);
}

/** The table of all parts together. */
export function combineAll(tables: readonly CostTable[], limits: TableLimits): CostTable {
  const [first, ...others] = tables;
  return others.reduce((all, table) => combine(all, table, limits), first ?? NO_CORES);
}

/** The table with a cost added that is due as soon as one CPU is taken, or `always`. */
export function surcharge(table: CostTable, high: number, low: number, always: boolean): CostTable {
  const added = (costs: readonly number[], cost: number) =>
    costs.map((sum, cpus) => (always || cpus > 0 ? sum + cost : sum));
  return { ...table, high: added(table.high, high), low: added(table.low, low) };
}

/**
 * Calls `take` with each run and the number of CPUs that it contributes where `cpus` CPUs are taken out of the part of the
 * host that `table` is about. Among equals the part that comes first contributes most.
 */
export function distribute(table: CostTable, cpus: number, take: (run: CoreRun, cpus: number) => void): void {
  const { source } = table;
  if (source === undefined || cpus === 0) return;
  if ('shape' in source) {
    take(source, cpus);
    return;
  }
  const [a, b] = source;
  let best = -1;
  let bestHigh = Number.POSITIVE_INFINITY;
  let bestLow = Number.POSITIVE_INFINITY;
  for (let j = Math.max(0, cpus - a.reach); j <= Math.min(cpus, b.reach); j++) {
    const high = a.high[cpus - j]! + b.high[j]!;
    const low = a.low[cpus - j]! + b.low[j]!;
    if (high < bestHigh || (high === bestHigh && low < bestLow)) {
      best = j;
      bestHigh = high;
      bestLow = low;
    }
  }
  distribute(a, cpus - best, take);
  distribute(b, best, take);
}

/** The table of no cores: nothing can be taken, at no cost. */
export const NO_CORES: CostTable = { high: [0], low: [0], reach: 0, source: undefined };

function infinite(most: number): number[] {
  return new Array<number>(most + 1).fill(Number.POSITIVE_INFINITY);
}

function tableOf(high: readonly number[], low: readonly number[], source: CostTable['source']): CostTable {
  let reach = high.length - 1;
  while (reach > 0 && high[reach] === Number.POSITIVE_INFINITY) reach--;
  return { high, low, reach, source };
}
