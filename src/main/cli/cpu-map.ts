import { Cpuset } from '../../placement/cpuset.ts';
import type { Topology } from '../../placement/topology.ts';
import { drawBlocks } from './cpu-map-blocks.ts';
import { counted, type Paint, painter, shortened } from './paint.ts';

/** A container on the map. */
export interface CpuOwner {
  readonly label: string;
  readonly kind: 'annotated' | 'integer' | 'shared';
  readonly cpus: Cpuset;
}

export interface CpuMapOptions {
  /** Columns at most; default 100. */
  readonly width?: number;
  /** Whether to use ANSI colours; default false. The map says the same without. */
  readonly colour?: boolean;
  /** Whether a letter stands for a core and not for each of its CPUs; by default on hosts with many CPUs. */
  readonly fold?: boolean;
  /** The shared pool; by default all CPUs that nobody owns. */
  readonly pool?: Cpuset;
}

const GLYPHS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** Backgrounds of the 256-colour palette that black letters read well on, neighbours easy to tell apart. */
const BACKGROUNDS = [114, 111, 215, 176, 80, 222, 210, 151, 183, 117];
const GAP = '  ';
/** More CPUs than this are folded: a screen has not the rows for them all. */
const FOLD_ABOVE = 256;

/** What a CPU or a core is marked with instead of the position of its owner. */
const POOL = -1;
const SEVERAL = -2;
const MIXED = -3;
const UNUSED = -4;
const MARKS: Readonly<Record<number, { readonly glyph: string; readonly style: 'faint' | 'strong' }>> = {
  [POOL]: { glyph: '·', style: 'faint' },
  [SEVERAL]: { glyph: '+', style: 'strong' },
  [MIXED]: { glyph: '%', style: 'strong' },
  [UNUSED]: { glyph: '-', style: 'faint' },
};

/**
 * Draws who owns which CPU: a block per NUMA node, in it a column per core and a row per hardware thread, a letter per
 * owner, a gap between last-level caches; below it a legend. Folded, a letter per core. Ends without a line break.
 */
export function renderCpuMap(
  topology: Topology,
  owners: readonly CpuOwner[],
  options: CpuMapOptions = {},
): string {
  const { width = 100, fold = topology.online.size > FOLD_ABOVE } = options;
  const paint = painter(options.colour ?? false);
  const exclusive = owners.filter((owner) => owner.kind !== 'shared');
  const owned = Cpuset.union(exclusive.map((owner) => owner.cpus));
  const pool = options.pool ?? topology.online.minus(owned);
  const marks = markCpus(topology, exclusive, pool);
  const used = new Set<number>();
  const cell = (cpus: readonly number[]): string => {
    const mark = cpus.map((cpu) => marks[cpu]!).reduce((a, b) => (a === b ? a : MIXED));
    used.add(mark);
    return drawMark(mark, paint);
  };
  const blocks = drawBlocks(topology, { width, fold, cell, paint });
  const rows = legend(exclusive, owners.length - exclusive.length, pool, topology.online.minus(owned));
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row.cells[column]!.length)));
  return [
    ...blocks,
    ...rows.map(({ mark, cells }) => {
      const text = cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(GAP);
      return `${drawMark(mark, paint)} ${shortened(text.trimEnd(), width - 2)}`;
    }),
    ...(used.has(SEVERAL) ? [`${drawMark(SEVERAL, paint)} pinned by several containers`] : []),
    ...(used.has(MIXED) ? [`${drawMark(MIXED, paint)} cores whose threads have different owners`] : []),
  ].join('\n');
}

/** By CPU id, the position of its owner or a mark. */
function markCpus(topology: Topology, owners: readonly CpuOwner[], pool: Cpuset): Int16Array {
  const marks = new Int16Array(topology.maxCpuId + 1).fill(UNUSED);
  for (const cpu of pool) marks[cpu] = POOL;
  owners.forEach((owner, position) => {
    for (const cpu of owner.cpus) {
      marks[cpu] = marks[cpu] === POOL || marks[cpu] === UNUSED ? position : SEVERAL;
    }
  });
  return marks;
}

function drawMark(mark: number, paint: Paint): string {
  const special = MARKS[mark];
  if (special !== undefined) return paint(special.glyph, special.style);
  return paint(GLYPHS[mark % GLYPHS.length]!, BACKGROUNDS[mark % BACKGROUNDS.length]!);
}

interface LegendRow {
  readonly mark: number;
  /** Name, kind, number of CPUs, CPUs. */
  readonly cells: readonly string[];
}

function legend(
  exclusive: readonly CpuOwner[],
  sharers: number,
  pool: Cpuset,
  unowned: Cpuset,
): readonly LegendRow[] {
  const row = (mark: number, name: string, kind: string, cpus: Cpuset): LegendRow => ({
    mark,
    cells: [name, kind, counted(cpus.size, 'CPU'), cpus.toString()],
  });
  const unused = unowned.minus(pool);
  return [
    ...exclusive.map(({ label, kind, cpus }, position) => row(position, label, kind, cpus)),
    row(POOL, 'shared pool', counted(sharers, 'container'), pool),
    ...(unused.isEmpty ? [] : [row(UNUSED, 'not in the pool', 'isolated', unused)]),
  ];
}
