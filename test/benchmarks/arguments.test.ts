import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArgumentError, help, readArguments } from '../../benchmarks/arguments.ts';

const SCENARIOS = ['steady', 'storm'];
const read = (...argv: string[]) => readArguments(argv, SCENARIOS)!;

test('without arguments everything is measured in the short form', () => {
  const { scenarios, cpus, plugins, isFull, withReferences } = read();
  assert.deepEqual(
    { scenarios, cpus, plugins, isFull, withReferences },
    { scenarios: SCENARIOS, cpus: [64, 256, 1024, 2048], plugins: [], isFull: false, withReferences: true },
  );
});

test('scenarios, hosts and plugins can be given more than once', () => {
  const { scenarios, cpus, plugins } = read(
    ...['-s', 'storm', '--scenario=steady', '--cpus', '1024', '-c', '64'],
    ...['--plugin', '/opt/one --socket {socket}', '--plugin', 'old: node two.js {socket}'],
  );
  assert.deepEqual(scenarios, ['storm', 'steady']);
  assert.deepEqual(cpus, [1024, 64]);
  assert.deepEqual(plugins, [
    { name: 'one', command: '/opt/one --socket {socket}' },
    { name: 'old', command: 'node two.js {socket}' },
  ]);
});

test('a plugin that is handed a connection is given with another flag, and how long each may take', () => {
  const { plugins, limit } = read('--preinstalled', 'other: /opt/other -v', '--limit', '120');
  assert.deepEqual(plugins, [{ name: 'other', command: '/opt/other -v', isPreinstalled: true }]);
  assert.equal(limit, 120);
});

for (const [argv, message] of [
  [['--scenario', 'strom'], /--scenario: there is no "strom".*storm/],
  [['--cpus', '100'], /--cpus: must be one of 64, 256, 1024, 2048, not 100/],
  [['--runs', '0'], /--runs: must be a whole number from 1 on, not "0"/],
  [['--containers', 'many'], /--containers: .*"many"/],
  [['--plugin', 'my-plugin'], /--plugin: .*"my-plugin".*\{socket\}/],
  [['--plugin', 'noop: x {socket}'], /two plugins.*noop/],
  [['--preinstalled', '/opt/other {socket}'], /--preinstalled: .*no \{socket\}/],
  [['--plugin', 'x {socket}', '--preinstalled', 'x'], /two plugins.*x/],
  [['--limit', '0'], /--limit: .*"0"/],
  [['--fast'], /--fast/],
  [['steady'], /steady/],
] as const) {
  test(`${argv.join(' ')} is refused with what is wrong`, () => {
    assert.throws(
      () => read(...argv),
      (error) => error instanceof ArgumentError && message.test(error.message),
    );
  });
}

test('help is asked for, not measured, and names the scenarios', () => {
  assert.equal(readArguments(['--help'], SCENARIOS), undefined);
  assert.match(help(SCENARIOS), /steady, storm/);
});
