import { Cpuset } from '../../placement/cpuset.ts';
import type { NumaNode, Topology } from '../../placement/topology.ts';
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
}

const GLYPHS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const POOL = '·';
/** More than one annotated container. */
const SEVERAL = '+';
/** Backgrounds of the 256-colour palette that black letters read well on, neighbours easy to tell apart. */
const BACKGROUNDS = [114, 111, 215, 176, 80, 222, 210, 151, 183, 117];
const GAP = '  ';
/** Columns that a node's CPU list gets even above few cores. */
const MIN_TITLE = 24;

/**
 * Draws who owns which CPU: a block per NUMA node, in it a column per core and a row per hardware thread, a letter per
 * owner; below it a legend. CPUs that nobody owns are the shared pool. Ends without a line break.
 */
export function renderCpuMap(
  topology: Topology,
  owners: readonly CpuOwner[],
  options: CpuMapOptions = {},
): string {
  const width = options.width ?? 100;
  const exclusive = owners.filter((owner) => owner.kind !== 'shared');
  const paint = painter(options.colour ?? false);
  const marks = markCpus(exclusive, topology.maxCpuId);
  const cell = (cpu: number | undefined): string => {
    if (cpu === undefined) return ' ';
    const owner = marks[cpu]!;
    if (owner === NOBODY) return paint(POOL, 'faint');
    return owner === MANY ? paint(SEVERAL, 'strong') : paint(glyph(owner), background(owner));
  };
  return [...drawNodes(topology, width, cell, paint), ...legend(topology, owners, width, paint)].join('\n');
}

function glyph(owner: number): string {
  return GLYPHS[owner % GLYPHS.length]!;
}

function background(owner: number): number {
  return BACKGROUNDS[owner % BACKGROUNDS.length]!;
}

const NOBODY = -1;
const MANY = -2;

/** The owner's position by CPU id. */
function markCpus(owners: readonly CpuOwner[], maxCpuId: number): Int16Array {
  const marks = new Int16Array(maxCpuId + 1).fill(NOBODY);
  owners.forEach((owner, position) => {
    for (const cpu of owner.cpus) marks[cpu] = marks[cpu] === NOBODY ? position : MANY;
  });
  return marks;
}

/** A NUMA node, or as much of it as fits a line: CPU ids by thread (row) and core (column). */
interface Block {
  readonly package: number;
  readonly title: string;
  readonly threads: readonly (readonly (number | undefined)[])[];
}

/** Node blocks side by side and aligned, as many as fit; every package starts a row. */
function drawNodes(
  topology: Topology,
  width: number,
  cell: (cpu: number | undefined) => string,
  paint: Paint,
): readonly string[] {
  const blocks = topology.nodes.flatMap((node) => nodeBlocks(topology, node, width));
  const blockWidth = Math.max(
    ...blocks.map(({ title, threads }) => Math.max(title.length, threads[0]!.length)),
  );
  const perRow = Math.max(1, Math.floor((width + GAP.length) / (blockWidth + GAP.length)));
  const rows: Block[][] = [];
  for (const block of blocks) {
    const row = rows.at(-1);
    if (row === undefined || row.length === perRow || row[0]!.package !== block.package) rows.push([block]);
    else row.push(block);
  }
  return rows.flatMap((row) => {
    const depth = Math.max(...row.map((block) => block.threads.length));
    const titles = row.map(({ title }) => paint(title, 'strong') + ' '.repeat(blockWidth - title.length));
    const lines = Array.from({ length: depth }, (_, thread) =>
      row.map(({ threads }) => {
        const cpus = threads[thread] ?? [];
        return cpus.map(cell).join('') + ' '.repeat(blockWidth - cpus.length);
      }),
    );
    return [...[titles, ...lines].map((parts) => parts.join(GAP).trimEnd()), ''];
  });
}

function nodeBlocks(topology: Topology, { id, cpus }: NumaNode, width: number): readonly Block[] {
  const cores = topology.cores.filter((core) => core.intersects(cpus)).map((core) => core.toArray());
  const blocks: Block[] = [];
  for (let start = 0; start < cores.length; start += width) {
    const part = cores.slice(start, start + width);
    const title = start === 0 ? `node ${id}: ${cpus}` : `node ${id}, continued`;
    const depth = Math.max(...part.map((core) => core.length));
    blocks.push({
      package: topology.packageOf[cpus.first]!,
      title: shortened(title, Math.max(MIN_TITLE, part.length)),
      threads: Array.from({ length: depth }, (_, thread) => part.map((core) => core[thread])),
    });
  }
  return blocks;
}

function legend(
  topology: Topology,
  owners: readonly CpuOwner[],
  width: number,
  paint: Paint,
): readonly string[] {
  const exclusive = owners.filter((owner) => owner.kind !== 'shared');
  const pool = topology.online.minus(Cpuset.union(exclusive.map((owner) => owner.cpus)));
  const sharers = owners.length - exclusive.length;
  const rows = [
    ...exclusive.map((owner, position) => ({
      mark: paint(glyph(position), background(position)),
      cells: [owner.label, owner.kind, counted(owner.cpus.size, 'CPU'), owner.cpus.toString()],
    })),
    {
      mark: paint(POOL, 'faint'),
      cells: ['shared pool', counted(sharers, 'container'), counted(pool.size, 'CPU'), pool.toString()],
    },
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row.cells[column]!.length)));
  return rows.map(({ mark, cells }) => {
    const text = cells.map((text, column) => text.padEnd(widths[column] ?? 0)).join(GAP);
    return `${mark} ${shortened(text.trimEnd(), width - 2)}`;
  });
}
