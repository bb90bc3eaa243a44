/** A line in a panel; `points` are values of x and y. */
export interface Line {
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly colour: string;
  readonly dashed?: boolean;
}

export interface Axis {
  readonly label: string;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
  /** Maps a value to where it is: numbers of any range. */
  readonly scale: (value: number) => number;
}

export interface Panel {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

export interface LegendEntry {
  readonly text: string;
  readonly colour: string;
  readonly dashed?: boolean;
}

const WIDTH = 300;
const HEIGHT = 210;
const MARGIN = { left: 56, right: 22, top: 26, bottom: 36 };
const LEGEND = 30;
const INK = '#333';
const GRID = '#ddd';

/** Draws panels in a grid below a legend, on white, so that it can be read on any page. `title` says what they show. */
export function drawing(
  title: string,
  panels: readonly Panel[],
  columns: number,
  legend: readonly LegendEntry[],
): string {
  const width = columns * WIDTH;
  const height = LEGEND + Math.ceil(panels.length / columns) * HEIGHT;
  const placed = panels.map((panel, position) => {
    const x = (position % columns) * WIDTH;
    const y = LEGEND + Math.floor(position / columns) * HEIGHT;
    return `<g transform="translate(${x} ${y})">${drawPanel(panel)}</g>`;
  });
  const keys = legend.map((entry, position) => {
    const x = 16 + position * 150;
    return `${path(
      [
        [x, 16],
        [x + 26, 16],
      ],
      entry,
    )}${text(x + 32, 20, entry.text, 'start')}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    ` font-family="sans-serif" font-size="11" fill="${INK}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="white"/>`,
    ...keys,
    ...placed,
    '</svg>\n',
  ].join('\n');
}

function drawPanel({ title, x, y, lines }: Panel): string {
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const placeX = placement(x, MARGIN.left, right);
  const placeY = placement(y, bottom, MARGIN.top);
  return [
    text((MARGIN.left + right) / 2, 16, title, 'middle', 'bold'),
    text((MARGIN.left + right) / 2, HEIGHT - 6, x.label, 'middle'),
    ...y.ticks.map(({ at, text: label }) => {
      const height = placeY(at);
      return `${path(
        [
          [MARGIN.left, height],
          [right, height],
        ],
        { colour: GRID },
      )}${text(MARGIN.left - 5, height + 4, label, 'end')}`;
    }),
    ...x.ticks.map(({ at, text: label }) => text(placeX(at), bottom + 14, label, 'middle')),
    ...lines.map((line) =>
      path(
        line.points.map(([valueX, valueY]) => [placeX(valueX), placeY(valueY)]),
        line,
      ),
    ),
  ].join('\n');
}

/** From values to places between `from` and `to`, so that the first and the last tick are at the ends. */
function placement({ ticks, scale }: Axis, from: number, to: number): (value: number) => number {
  const first = scale(ticks[0]!.at);
  const last = scale(ticks.at(-1)!.at);
  return (value) => from + ((scale(value) - first) / (last - first || 1)) * (to - from);
}

function path(
  points: readonly (readonly [number, number])[],
  { colour, dashed }: { readonly colour: string; readonly dashed?: boolean },
): string {
  const places = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  const dash = dashed ? ' stroke-dasharray="4 3"' : '';
  return `<polyline points="${places}" fill="none" stroke="${colour}" stroke-width="1.5"${dash}/>`;
}

function text(
  x: number,
  y: number,
  words: string,
  anchor: 'start' | 'middle' | 'end',
  weight = 'normal',
): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-weight="${weight}">${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
