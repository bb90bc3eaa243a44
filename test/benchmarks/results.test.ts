import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeMachine } from '../../benchmarks/machine.ts';
import { Measurements } from '../../benchmarks/measurements.ts';
import { updateDocument } from '../../benchmarks/report/files.ts';
import { distributionPlot, growthPlot } from '../../benchmarks/report/plots.ts';
import { asMarkdown, asText, duration, latencyTable, valueTable } from '../../benchmarks/report/tables.ts';
import { median, percentileOf, type ScenarioResult, summarize } from '../../benchmarks/results.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** A run in which 99 events took `ms` milliseconds and one ten times as long. */
function run(ms: number, updates: number): Measurements {
  const measurements = new Measurements();
  for (let event = 0; event < 99; event++) measurements.latency('create', ms);
  measurements.latency('create', 10 * ms);
  measurements.note('updates', updates);
  measurements.note('updates', updates + 2);
  measurements.note('refusals', 1, 'total');
  measurements.note('refusals', 1, 'total');
  return measurements;
}

function resultOf(...plugins: ScenarioResult['plugins']): ScenarioResult {
  return { scenario: 'steady', cpus: 64, runs: 1, plugins };
}

const close = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) <= expected * 0.002, `${actual} is not ${expected}`);

test('the median of an even number of values lies between the two in the middle', () => {
  assert.equal(median([5, 1, 9]), 5);
  assert.equal(median([10, 9, 1, 2]), 5.5);
  assert.throws(() => median([]), RangeError);
});

test('a summary has the medians of the runs, so that one bad run does not count', () => {
  const { latencies, values, failure } = summarize('ours', [run(1, 4), run(50, 1000), run(2, 6)], undefined);
  const { create } = latencies;
  assert.equal(create!.count, 100);
  close(percentileOf(create!, 50), 2000);
  close(percentileOf(create!, 99), 2000);
  close(create!.max, 20_000);
  const { updates, refusals } = values;
  assert.deepEqual(updates, { value: 7, unit: 'mean' });
  assert.deepEqual(refusals, { value: 2, unit: 'total' });
  assert.equal(failure, undefined);
});

test('a distribution is that of all runs together', () => {
  const runs = [10, 20].map((longest) => {
    const measurements = new Measurements();
    for (let look = 0; look < 499; look++) measurements.distribution('late', 1);
    measurements.distribution('late', longest);
    return measurements;
  });
  const { values } = summarize('ours', runs, undefined);
  assert.equal(values['late, times looked']!.value, 1000);
  close(values['late, p99.9']!.value, 10);
  close(values['late, longest']!.value, 20);
});

test('what was measured before the end of the warm-up is forgotten', () => {
  const measurements = run(100, 100);
  measurements.clear();
  assert.equal(measurements.latencies.size + measurements.values.size, 0);
});

test('tables compare each plugin with the reference', () => {
  const result = resultOf(
    summarize('ours', [run(3, 0)], undefined),
    summarize('noop', [run(2, 0)], undefined),
  );
  const text = asText(latencyTable(result, 'noop'));
  assert.match(text, /create {2}ours +3\.00 ms +3\.00 ms +30\.0 ms +1\.50 +1\.50 +100/);
  assert.match(text, /create {2}noop .* 1\.00 +1\.00 +100/);
  assert.match(asMarkdown(valueTable(result)), /\| refusals \| 2 \| 2 \|/);
});

test('a plugin that failed has no numbers, and does not take those of others away', () => {
  const result = resultOf(summarize('ours', [run(3, 0)], undefined), summarize('noop', [], 'it is gone'));
  assert.equal(result.plugins[1]!.failure, 'it is gone');
  assert.match(asText(latencyTable(result, 'noop')), /create {2}ours .* – +– +100$/m);
});

test('durations have three significant digits', () => {
  assert.deepEqual([1.234, 56.78, 999, 1000, 123_456, 2_500_000].map(duration), [
    '1.23 µs',
    '56.8 µs',
    '999 µs',
    '1.00 ms',
    '123 ms',
    '2.50 s',
  ]);
});

test('results take the place of earlier ones in a document, and of nothing else', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'page.md');
  const [begin, end] = [
    '<!-- results begin: written by make bench BENCH="--update-docs" -->',
    '<!-- results end -->',
  ];
  writeFileSync(path, `before\n${begin}\nold\n${end}\nafter\n`);
  const results = [resultOf(summarize('ours', [run(3, 0)], undefined))];
  updateDocument(path, { machine: describeMachine(), results, chapter: 'new' });
  assert.equal(readFileSync(path, 'utf8'), `before\n${begin}\n\nnew\n\n${end}\nafter\n`);
  assert.deepEqual(readdirSync(join(folder, 'page')).sort(), ['growth.svg', 'steady.svg']);
  writeFileSync(path, 'no place\n');
  assert.throws(
    () => updateDocument(path, { machine: describeMachine(), results, chapter: 'new' }),
    /has no place for results/,
  );
});

test('docs/performance.md has a place for results', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/performance.md'), 'utf8');
  assert.match(text, /^<!-- results begin: .* -->$[\s\S]*^<!-- results end -->$/m);
});

test('plots draw a line for each plugin, and their texts cannot break them', () => {
  const result = resultOf(
    summarize('a<b&c', [run(3, 0)], undefined),
    summarize('noop', [run(2, 0)], undefined),
  );
  for (const [plot, lines] of [
    [distributionPlot([result]), 2],
    [growthPlot([result, { ...result, cpus: 1024 }]), 4],
  ] as const) {
    assert.match(plot, /a&lt;b&amp;c/);
    assert.doesNotMatch(plot, /NaN|Infinity|undefined/);
    assert.match(plot, /^<svg [\s\S]*<\/svg>\n$/);
    const drawn = [
      ...plot.matchAll(/<polyline points="(?:[\d.]+,[\d.]+ ?){2,}" fill="none" stroke="#(0072b2|d55e00)"/g),
    ];
    assert.equal(drawn.length, lines + 2, 'lines and legend');
  }
});
