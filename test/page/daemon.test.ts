import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { until } from '../e2e/harness/until.ts';
import { cpuset, Node } from '../integration/node.ts';
import { assertAccessible, assertQuiet, openBrowser, type Visit, visit } from './browser.ts';
import { LARGE_HOST, SMALL_HOST } from './states.ts';

// The page as the daemon itself serves it, on the embedded runtime.

let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

test('what happens on a node of 64 CPUs is seen as it happens, without loading the page again', async (context) => {
  const { node, seen } = await open(context, SMALL_HOST);
  const { page } = seen;
  await page.getByText('No containers on this node yet.').waitFor();

  const database = await node.run('database', { cpus: 4 });
  const cpus = node.cpusOf(database);
  await page
    .getByRole('button', { name: `CPU ${cpus.first}, integer, A, default/database/database` })
    .waitFor();
  assert.equal(await page.locator('[data-cpu][data-glyph="A"]').count(), 4);
  await page.getByRole('button', { name: /^default\/database\/database/ }).click();

  await node.run('pinned', { pinned: `${cpus}` });
  const timeline = page.getByRole('region', { name: 'Timeline' });
  await timeline.getByText('placed default/pinned/pinned').waitFor();
  const now = node.cpusOf(database);
  const details = page.getByRole('region', { name: 'default/database/database' });
  await details.getByText(`moved default/database/database from ${cpus} to ${now}`).waitFor();
  await page.locator(`[data-cpu="${now.first}"][data-glyph="A"][aria-pressed="true"]`).waitFor();
  assert.equal(await page.locator(`[data-cpu="${cpus.first}"]`).getAttribute('data-glyph'), 'B');

  node.takeOffline(cpuset('63'));
  await page.getByRole('button', { name: 'CPU 63, offline' }).waitFor();
  await assertAccessible(seen);
  assertQuiet(seen);
});

test('1024 CPUs with a hundred containers are drawn and followed', async (context) => {
  const { node, seen } = await open(context, LARGE_HOST);
  const { page } = seen;
  for (let turn = 0; turn < 100; turn++) await node.run(`job-${turn}`, { cpus: 8 });
  await page.getByRole('heading', { name: 'Containers 100' }).waitFor();
  assert.equal(await page.locator('[data-cpu]').count(), 1024);
  await until('800 CPUs have an owner', async () => (await page.locator('.map .integer').count()) === 800);
  assertQuiet(seen);
});

async function open(context: TestContext, topology: string): Promise<{ node: Node; seen: Visit }> {
  const node = await Node.start(context, {
    topology,
    nriVersion: '',
    flags: (folder) => ['--admin-socket', join(folder, 'admin.sock'), '--http', '127.0.0.1:0'],
  });
  const listening = () => node.log.find(({ address }) => address !== undefined);
  await until('the daemon serves the page', () => listening() !== undefined);
  const { address } = listening()!;
  const seen = await visit(context, browser, `${address}`);
  await seen.page.getByText('Live, ready').waitFor();
  return { node, seen };
}
