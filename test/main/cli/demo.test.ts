import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';

const folder = mkdtempSync(join(tmpdir(), 'demo-test-'));
after(() => rmSync(folder, { recursive: true }));

const SCRIPT = join(import.meta.dirname, '../../../src/main/index.ts');

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Loaded before the demo, this ends it when it comes to a part of its story: whoever reads that may be too late. */
const endedAt = (title: string, signal: NodeJS.Signals) =>
  `data:text/javascript,${encodeURIComponent(`
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = (text, ...more) => {
    if (text.includes(${JSON.stringify(title)})) process.kill(process.pid, ${JSON.stringify(signal)});
    return write(text, ...more);
  };`)}`;

/** Runs the demo, after these modules. */
async function demo(flags: readonly string[], ...modules: readonly string[]): Promise<Ended> {
  const { PATH } = process.env;
  const loaded = ['tsx', ...modules].flatMap((name) => ['--import', name]);
  const child = spawn(process.execPath, [...loaded, SCRIPT, 'demo', ...flags], {
    env: { PATH, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
    });
  }
  const [code] = await once(child, 'close');
  return { code, output };
}

function leftovers(): readonly string[] {
  return readdirSync(folder).filter((name) => name.startsWith('weka-cpuset-demo-'));
}

test('the demo tells its story on a host of 256 CPUs, fit to be shown, and leaves nothing behind', async () => {
  const { code, output } = await demo([]);
  assert.equal(code, 0, output);
  assert.match(output, /256 CPUs, 128 cores, 8 NUMA nodes, 2 packages/);
  assert.match(output, /create +demo\/database\/postgres +annotated +CPUs 0-3 /);
  assert.match(output, /create +demo\/training\/trainer +integer +CPUs /);
  assert.match(output, /moved: demo\/training\/trainer from CPUs .+ to CPUs /);
  assert.match(output, /resize +demo\/training\/trainer +integer +CPUs /);
  assert.match(output, /create +demo\/mistake\/app +annotated +refused/);
  assert.match(output, /no exclusive CPU was ever in two places/);
  assert.equal(output, stripVTControlCharacters(output));
  const lines = output.split('\n');
  assert.deepEqual(
    lines.filter((line) => line.length > 100),
    [],
  );
  assert.deepEqual(leftovers(), []);
});

test('colours can be asked for, and so can another host', async () => {
  const { code, output } = await demo(['--color', '--topology', '1 package, 2 nodes, 32 cores each']);
  assert.equal(code, 0, output);
  assert.notEqual(output, stripVTControlCharacters(output));
  assert.match(output, /64 CPUs, 64 cores, 2 NUMA nodes, 1 package/);
});

test('a flag that is wrong is a bad use', async () => {
  for (const flags of [['--colour'], ['--topology', '2 turtles'], ['--topology', '8 cores']]) {
    const { code, output } = await demo(flags);
    assert.equal(code, 2, output);
    assert.match(output, /^weka-cpuset: /);
  }
});

for (const [signal, expected] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`a demo that ${signal} ends cleans up`, async () => {
    const { code, output } = await demo([], endedAt('A mixed workload', signal));
    assert.equal(code, expected, output);
    assert.deepEqual(leftovers(), []);
  });
}
