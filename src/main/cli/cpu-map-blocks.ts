import type { NumaNode, Topology } from '../../placement/topology.ts';
import { type Paint, shortened } from './paint.ts';

export interface BlockOptions {
  /** Columns at most. */
  readonly width: number;
  /** Whether a core is one cell, or a column with a cell for each thread. */
  readonly fold: boolean;
  /** Draws a CPU, or with `fold` the CPUs of a core, in one column. */
  readonly cell: (cpus: readonly number[]) => string;
  readonly paint: Paint;
}

const GAP = '  ';
/** Columns that a node's CPU list gets even above few cores. */
const MIN_TITLE = 24;

/** The CPUs of a core; none for the gap between two last-level caches. */
type Column = readonly number[];

/** A NUMA node, or as much of it as fits a line. */
interface Block {
  readonly package: number;
  readonly title: string;
  readonly columns: readonly Column[];
}

/** Node blocks side by side and aligned, as many as fit. Every package starts a row, with its name if there are several. */
export function drawBlocks(topology: Topology, options: BlockOptions): readonly string[] {
  const { width, paint } = options;
  const blocks = topology.nodes.flatMap((node) => nodeBlocks(topology, node, width));
  const blockWidth = Math.max(...blocks.map(({ title, columns }) => Math.max(title.length, columns.length)));
  const perRow = Math.max(1, Math.floor((width + GAP.length) / (blockWidth + GAP.length)));
  const rows: Block[][] = [];
  for (const block of blocks) {
    const row = rows.at(-1);
    if (row === undefined || row.length === perRow || row[0]!.package !== block.package) rows.push([block]);
    else row.push(block);
  }
  return rows.flatMap((row, position) => {
    const of = row[0]!.package;
    const startsPackage = topology.packages.length > 1 && rows[position - 1]?.[0]?.package !== of;
    // Folded hosts are those that hardly fit a screen.
    const endsPackage = rows[position + 1]?.[0]?.package !== of;
    const titles = row.map(({ title }) => paint(title, 'strong') + ' '.repeat(blockWidth - title.length));
    return [
      ...(startsPackage ? [paint(`package ${of}`, 'note')] : []),
      titles.join(GAP).trimEnd(),
      ...drawRows(row, blockWidth, options),
      ...(endsPackage || !options.fold ? [''] : []),
    ];
  });
}

function drawRows(
  row: readonly Block[],
  blockWidth: number,
  { fold, cell }: BlockOptions,
): readonly string[] {
  const depth = fold ? 1 : Math.max(...row.flatMap(({ columns }) => columns.map((cpus) => cpus.length)));
  return Array.from({ length: depth }, (_, thread) =>
    row
      .map(({ columns }) => {
        const cells = columns.map((cpus) => {
          const drawn = fold ? cpus : cpus.slice(thread, thread + 1);
          return drawn.length === 0 ? ' ' : cell(drawn);
        });
        return cells.join('') + ' '.repeat(blockWidth - columns.length);
      })
      .join(GAP)
      .trimEnd(),
  );
}

function nodeBlocks(topology: Topology, { id, cpus }: NumaNode, width: number): readonly Block[] {
  const columns = nodeColumns(topology, cpus);
  const blocks: Block[] = [];
  for (let start = 0; start < columns.length; start += width) {
    const part = columns.slice(start, start + width);
    const title = start === 0 ? `node ${id}: ${cpus}` : `node ${id}, continued`;
    blocks.push({
      package: topology.packageOf[cpus.first]!,
      title: shortened(title, Math.max(MIN_TITLE, part.length)),
      columns: part,
    });
  }
  return blocks;
}

/** The node's cores, with a gap where the next one has another last-level cache. */
function nodeColumns(topology: Topology, cpus: NumaNode['cpus']): readonly Column[] {
  const llcOf = (core: Column) => topology.llcOf[core[0]!]!;
  const cores = topology.cores.filter((core) => core.intersects(cpus)).map((core) => core.toArray());
  // A cache of one or two cores is no neighbourhood worth its gap.
  const isWorthIt = new Set(cores.map(llcOf)).size * 3 <= cores.length;
  return isWorthIt
    ? cores
        .toSorted((a, b) => llcOf(a) - llcOf(b))
        .flatMap((core, position, all) => {
          const before = all[position - 1];
          return before !== undefined && llcOf(before) !== llcOf(core) ? [[], core] : [core];
        })
    : cores;
}
