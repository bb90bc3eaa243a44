import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');
const DIST = join(ROOT, 'dist');
const WORKER_FILES = ['planner.worker.cjs', 'worker.js', 'package.json'];

const PROGRAM = `
import { Planner } from './src/workers/planner.ts';
import { untilReady } from './test/workers/planner-cases.ts';

async function main() {
  const incidents = [];
  let last;
  const planner = new Planner({
    workers: 2,
    warm: false,
    onIncident: (incident) => incidents.push(incident),
    onResult: ({ tasks, answers }) => { last = { tasks, answers }; },
  });
  await untilReady(planner, 2);
  await planner.close();
  console.log(JSON.stringify({ ...last, incidents }));
}
void main();
`;

describe('the built planner', () => {
  it('starts its workers from wherever the program lies, without any environment', async (test) => {
    assert.ok(
      WORKER_FILES.every((file) => existsSync(join(DIST, file))),
      'make build first',
    );
    const folder = mkdtempSync(join(tmpdir(), 'weka-cpuset-'));
    test.after(() => rmSync(folder, { recursive: true }));
    for (const file of WORKER_FILES) cpSync(join(DIST, file), join(folder, 'installed', file));
    await build({
      stdin: { contents: PROGRAM, resolveDir: ROOT },
      outfile: join(folder, 'installed/program.cjs'),
      bundle: true,
      platform: 'node',
      format: 'cjs',
      define: { 'import.meta.filename': '__filename' },
      logLevel: 'error',
    });
    symlinkSync('installed/program.cjs', join(folder, 'link.cjs'));
    const output = execFileSync(process.execPath, [join(folder, 'link.cjs')], { env: {}, cwd: '/' });
    assert.deepEqual(JSON.parse(`${output}`), { tasks: 2, answers: 2, incidents: [] });
  });
});
