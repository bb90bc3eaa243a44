import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';

// Writes the table of values in the chart's README.md from values.yaml: the comment above each value is its description. With
// --check it only looks whether that has been done.

const CHART = join(import.meta.dirname, 'weka-nri-cpuset');
const README = join(CHART, 'README.md');
const TABLE = /(?<=<!-- values -->\n).*(?=<!-- end of values -->)/s;

interface Row {
  readonly name: string;
  readonly fallback: string;
  readonly description: string;
}

/** A row for each value that has a comment; a mapping without one is a group of such values. */
function rows(map: YAMLMap, prefix = ''): readonly Row[] {
  return map.items.flatMap(({ key, value }: Pair) => {
    if (!isScalar(key)) throw new Error(`${prefix}: a key that is no text`);
    const name = `${prefix}${key.value}`;
    // YAML gives a comment to the first key of a map as the map's own.
    const comment = key.commentBefore ?? (key === map.items[0]?.key ? map.commentBefore : undefined);
    if (comment == null && isMap(value)) return rows(value, `${name}.`);
    if (comment == null) throw new Error(`values.yaml: ${name} has no comment`);
    const fallback = JSON.stringify((value as { toJSON(): unknown } | null)?.toJSON() ?? null);
    return [{ name, fallback, description: comment.trim().replace(/\s*\n\s*/g, ' ') }];
  });
}

function table(): string {
  const { contents } = parseDocument(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
  if (!isMap(contents)) throw new Error('values.yaml is no mapping');
  const lines = rows(contents).map(
    ({ name, fallback, description }) => `| \`${name}\` | \`${fallback}\` | ${description} |`,
  );
  return ['', '| value | default | meaning |', '| --- | --- | --- |', ...lines, '', ''].join('\n');
}

const current = readFileSync(README, 'utf8');
const wanted = current.replace(TABLE, table());
if (process.argv.includes('--check')) {
  if (current !== wanted) {
    console.error(`${README} does not agree with values.yaml: run \`npm run generate\``);
    process.exitCode = 1;
  }
} else writeFileSync(README, wanted);
