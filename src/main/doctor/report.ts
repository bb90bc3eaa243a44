import { counted, type Paint, type Style, wrap } from '../cli/paint.ts';
import { exitCode, type Finding, type Level, type Remedy } from './finding.ts';

/** How a finding is told: what word stands for its level, and how that is painted. */
const LEVELS: Readonly<Record<Level, { readonly word: string; readonly style: Style }>> = {
  ok: { word: 'ok', style: 'good' },
  note: { word: 'note', style: 'note' },
  skipped: { word: 'skipped', style: 'faint' },
  warning: { word: 'warning', style: 'warning' },
  error: { word: 'ERROR', style: 'bad' },
};
const LEVEL_WIDTH = 9;

export interface ReportOptions {
  readonly paint: Paint;
  /** Columns to fill. */
  readonly width: number;
}

/** The findings for people: by group, aligned, with what to do below each; the count of each level last. No line end at the end. */
export function reportText(subject: string, findings: readonly Finding[], options: ReportOptions): string {
  const { paint } = options;
  const titleWidth = Math.max(...findings.map(({ title }) => title.length)) + 2;
  const groups = [...new Set(findings.map(({ group }) => group))];
  const sections = groups.map((group) =>
    [
      paint(group, 'strong'),
      ...findings
        .filter((finding) => finding.group === group)
        .flatMap((finding) => findingLines(finding, titleWidth, options)),
    ].join('\n'),
  );
  return [subject, ...sections, summary(findings, paint)].join('\n\n');
}

function findingLines(
  finding: Finding,
  titleWidth: number,
  { paint, width }: ReportOptions,
): readonly string[] {
  const { word, style } = LEVELS[finding.level];
  const indent = 2 + LEVEL_WIDTH + titleWidth;
  const [first = '', ...rest] = wrap(finding.found, width - indent);
  const head = `  ${paint(word, style)}${' '.repeat(LEVEL_WIDTH - word.length)}${finding.title.padEnd(titleWidth)}`;
  const body = [head + first, ...rest.map((line) => ' '.repeat(indent) + line)];
  return [...body, ...(finding.remedies ?? []).flatMap((remedy) => remedyLines(remedy, width, paint))];
}

/** Commands are never wrapped: they are there to be copied. */
function remedyLines({ what, lines = [] }: Remedy, width: number, paint: Paint): readonly string[] {
  const indent = ' '.repeat(2 + LEVEL_WIDTH);
  const text = wrap(what, width - indent.length - 2);
  return [
    ...text.map((line, position) => `${indent}${position === 0 ? '> ' : '  '}${line}`),
    ...lines.map((line) => (line === '' ? '' : `${indent}    ${paint(line, 'strong')}`)),
  ];
}

function summary(findings: readonly Finding[], paint: Paint): string {
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length;
  const parts: readonly (readonly [number, string, Level])[] = [
    [count('error'), counted(count('error'), 'error'), 'error'],
    [count('warning'), counted(count('warning'), 'warning'), 'warning'],
    [count('note'), counted(count('note'), 'note'), 'note'],
    [count('ok'), `${count('ok')} ok`, 'ok'],
    [count('skipped'), `${count('skipped')} not checked`, 'skipped'],
  ];
  return parts
    .filter(([number]) => number > 0)
    .map(([, text, level]) => paint(text, LEVELS[level].style))
    .join(', ');
}

/** The findings for programs. */
export function reportJson(hostRoot: string, isLive: boolean, findings: readonly Finding[]): string {
  return JSON.stringify(
    {
      hostRoot,
      live: isLive,
      exitCode: exitCode(findings),
      findings: findings.map(({ id, group, title, level, found, remedies = [] }) => ({
        id,
        group,
        title,
        level,
        found,
        remedies: remedies.map(({ what, lines = [] }) => ({ what, lines })),
      })),
    },
    undefined,
    2,
  );
}
