import type { Host, LlcBlock, NodeBlock } from './host.ts';

/** Side of the largest and of the smallest cell, in which a letter can still be read. Pixels, as all here. */
const LARGEST = 56;
const SMALLEST = 11;
const SOMEWHAT_SMALLER = 0.75;
const MUCH_LOWER = 0.65;

// What map.css puts around the cells.
const CELL_GAP = 2;
const CORE_GAP = 3;
const THREAD_GAP = 1;
const LLC = { gap: 6, sides: 8, ends: 21, least: 48 };
const NODE = { gap: 8, sides: 16, ends: 34 };
const PACKAGE = { gap: 12, ends: 26 };

/** Cores of an LLC in one row. */
export function columnsOf(cores: number): number {
  return cores <= 8 ? Math.max(1, cores) : cores <= 16 ? 8 : 16;
}

/**
 * The largest cell with which the host fits a width and a height, all in pixels; the smallest if none does. A somewhat
 * smaller one is taken where it brings more nodes side by side, so that the map gets much lower.
 */
export function fitCell(host: Host, width: number, height: number): number {
  let largest = LARGEST;
  while (largest > SMALLEST && heightOf(host, width, largest) > height) largest--;
  const muchLower = heightOf(host, width, largest) * MUCH_LOWER;
  for (let cell = largest; cell >= Math.max(SMALLEST, largest * SOMEWHAT_SMALLER); cell--) {
    if (heightOf(host, width, cell) <= muchLower) return cell;
  }
  return largest;
}

function heightOf({ packages }: Host, width: number, cell: number): number {
  const heights = packages.map(
    ({ nodes }) =>
      PACKAGE.ends +
      flow(
        nodes.map((node) => nodeBox(node, width, cell)),
        width,
        NODE.gap,
      ).height,
  );
  return heights.reduce((sum, height) => sum + height + PACKAGE.gap, 0);
}

interface Box {
  readonly width: number;
  readonly height: number;
}

function nodeBox({ llcs }: NodeBlock, width: number, cell: number): Box {
  const inner = flow(
    llcs.map((llc) => llcBox(llc, cell)),
    width - NODE.sides,
    LLC.gap,
  );
  return { width: inner.width + NODE.sides, height: inner.height + NODE.ends };
}

function llcBox({ cores }: LlcBlock, cell: number): Box {
  const columns = columnsOf(cores.length);
  const threads = Math.max(...cores.map((core) => core.length));
  const core = threads * (cell + THREAD_GAP) + CORE_GAP;
  return {
    width: Math.max(LLC.least, columns * (cell + CELL_GAP) + LLC.sides),
    height: Math.ceil(cores.length / columns) * core + LLC.ends,
  };
}

/** Boxes one after the other, in as many rows as it takes; endlessly high if one of them is too wide. */
function flow(boxes: readonly Box[], width: number, gap: number): Box {
  let [left, top, rowHeight, widest] = [0, 0, 0, 0];
  for (const box of boxes) {
    if (left > 0 && left + box.width > width) {
      top += rowHeight + gap;
      [left, rowHeight] = [0, 0];
    }
    left += box.width + gap;
    rowHeight = Math.max(rowHeight, box.height);
    widest = Math.max(widest, left - gap);
  }
  return { width: widest, height: widest > width ? Number.POSITIVE_INFINITY : top + rowHeight };
}
