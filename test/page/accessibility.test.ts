import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { assertAccessible, openBrowser, visit } from './browser.ts';
import { crowd, LARGE_HOST, placed, SMALL_HOST, stateWith } from './states.ts';
import { Stub } from './stub.ts';

let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe-core finds nothing wrong, ${colorScheme}`, async (context) => {
    const containers = crowd(SMALL_HOST);
    const troubled = containers.map((one, turn) => (turn === 1 ? { ...one, seen: '0' } : one));
    const records = containers.map((one, turn) => placed(turn + 1, one));
    const refused = { ...records[0]!, sequence: 100, outcome: 'refused', code: 'POOL_TOO_SMALL' };
    const state = stateWith(SMALL_HOST, troubled, { reserved: '0-1', notAsWanted: 1 });
    const stub = await Stub.start(context, state, [...records, refused]);
    const seen = await visit(context, browser, stub.address, { colorScheme });
    await seen.page.locator('[data-cpu="40"]').click();
    await seen.page.getByText('It was found on').waitFor();
    await assertAccessible(seen);

    stub.setState({
      ...state,
      health: { live: true, ready: false, missing: ['no runtime'] },
      containers: [],
    });
    await seen.page.getByText('No containers on this node yet.').waitFor();
    await assertAccessible(seen);
    stub.goDown();
    await seen.page.getByText('The daemon does not answer').waitFor();
    await assertAccessible(seen);
  });
}

test('axe-core finds nothing wrong with 1024 CPUs', async (context) => {
  const stub = await Stub.start(context, stateWith(LARGE_HOST, crowd(LARGE_HOST)));
  const seen = await visit(context, browser, stub.address);
  await seen.page.getByText('Live, ready').waitFor();
  await assertAccessible(seen);
});
