import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from '../machine.ts';
import { byScenario, type ScenarioResult } from '../results.ts';
import { distributionPlot, growthPlot } from './plots.ts';

export interface Report {
  readonly machine: Machine;
  readonly results: readonly ScenarioResult[];
  /** In Markdown. */
  readonly chapter: string;
}

/** Writes everything into a folder, which is made. */
export function writeReport(folder: string, report: Report): void {
  mkdirSync(folder, { recursive: true });
  const { machine, results, chapter } = report;
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify({ machine, results }, null, 2)}\n`);
  writeFileSync(join(folder, 'results.md'), `${chapter}\n`);
  writePlots(folder, results);
}

const BEGIN = '<!-- results begin: written by make bench BENCH="--update-docs" -->';
const END = '<!-- results end -->';

/**
 * Replaces the results in a document, and the plots in the folder of its name.
 *
 * @throws Error if the document does not have the lines between which they belong
 */
export function updateDocument(path: string, { results, chapter }: Report): void {
  const text = readFileSync(path, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin)
    throw new Error(`${path} has no place for results: the lines ${BEGIN} and ${END}`);
  writeFileSync(path, `${text.slice(0, begin + BEGIN.length)}\n\n${chapter}\n\n${text.slice(end)}`);
  const folder = path.replace(/\.md$/, '');
  mkdirSync(folder, { recursive: true });
  writePlots(folder, results);
}

function writePlots(folder: string, results: readonly ScenarioResult[]): void {
  writeFileSync(join(folder, 'growth.svg'), growthPlot(results));
  for (const same of byScenario(results))
    writeFileSync(join(folder, `${same[0]!.scenario}.svg`), distributionPlot(same));
}
