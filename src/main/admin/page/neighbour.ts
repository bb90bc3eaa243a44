/** How much a way to the side counts against one in the direction of the key. */
const SIDEWAYS = 3;

/**
 * The CPU that a key leads to from another, by where they are drawn; undefined if it leads nowhere or is no such key.
 *
 * @param map the element around all cells
 */
export function neighbour(map: HTMLElement, from: number, key: string): number | undefined {
  const cells = [...map.querySelectorAll<HTMLElement>('[data-cpu]')];
  const here = cells.find((cell) => numberOf(cell) === from);
  if (here === undefined) return undefined;
  switch (key) {
    case 'Home':
      return numberOf(cells[0]);
    case 'End':
      return numberOf(cells.at(-1));
    case 'PageUp':
    case 'PageDown': {
      const nodes = [...map.querySelectorAll('.node')];
      const next = nodes.findIndex((node) => node.contains(here)) + (key === 'PageUp' ? -1 : 1);
      return numberOf(nodes[next]?.querySelector<HTMLElement>('[data-cpu]') ?? undefined);
    }
    case 'ArrowLeft':
      return numberOf(nearest(cells, here, -1, 0));
    case 'ArrowRight':
      return numberOf(nearest(cells, here, 1, 0));
    case 'ArrowUp':
      return numberOf(nearest(cells, here, 0, -1));
    case 'ArrowDown':
      return numberOf(nearest(cells, here, 0, 1));
    default:
      return undefined;
  }
}

function nearest(
  cells: readonly HTMLElement[],
  here: HTMLElement,
  dx: number,
  dy: number,
): HTMLElement | undefined {
  const origin = centre(here);
  let best: HTMLElement | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const cell of cells) {
    const { x, y } = centre(cell);
    const ahead = (x - origin.x) * dx + (y - origin.y) * dy;
    const aside = Math.abs((x - origin.x) * dy + (y - origin.y) * dx);
    // Half a pixel: cells of one row may differ by a rounding.
    if (ahead <= 0.5) continue;
    const distance = ahead + aside * SIDEWAYS;
    if (distance < bestDistance) [best, bestDistance] = [cell, distance];
  }
  return best;
}

function centre(cell: HTMLElement): { readonly x: number; readonly y: number } {
  const { left, top, width, height } = cell.getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2 };
}

function numberOf(cell: HTMLElement | undefined): number | undefined {
  return cell === undefined ? undefined : Number(cell.getAttribute('data-cpu'));
}
