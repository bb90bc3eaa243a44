import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { assertQuiet, openBrowser, visit } from './browser.ts';
import { container, crowd, LARGE_HOST, placed, SMALL_HOST, stateWith } from './states.ts';
import { Stub } from './stub.ts';

let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

const database = container('database', 'integer', '0-3,32-35');
const pinned = container('pinned', 'annotated', '8-9');

test('draws every CPU of a host with the letter of its owner, and tells all about it', async (context) => {
  const stub = await Stub.start(context, stateWith(SMALL_HOST, [database, pinned]));
  const seen = await visit(context, browser, stub.address);
  const { page } = seen;
  await page.getByRole('button', { name: 'CPU 0, integer, A, prod/database/main' }).waitFor();
  assert.equal(await page.locator('[data-cpu]').count(), 64);
  assert.equal(
    await page.getByRole('group', { name: 'Package 1, 32 CPUs' }).locator('[data-cpu]').count(),
    32,
  );
  assert.equal(await page.locator('[data-cpu="9"]').getAttribute('data-glyph'), 'B');
  assert.match((await page.locator('[data-cpu="63"]').getAttribute('aria-label'))!, /^CPU 63, shared pool$/);
  assert.deepEqual(await page.locator('.legend b').allTextContents(), ['54', '8', '2']);

  await page.locator('[data-cpu="33"]').hover();
  const tooltip = await page.locator('.tooltip').textContent();
  assert.match(tooltip!, /CPU 33.*prod\/database\/main.*since.*package 0 › node 0 › LLC 0 › core of 1, 33/);
  assertQuiet(seen);
});

test('says of an instance on standby that another one decides', async (context) => {
  const state = stateWith(SMALL_HOST, []);
  const stub = await Stub.start(context, { ...state, plugin: { ...state.plugin, standby: true } });
  const seen = await visit(context, browser, stub.address);
  await seen.page.getByText('another instance on this node decides').waitFor();
  await seen.page.getByText('On standby', { exact: true }).waitFor();
  assertQuiet(seen);
});

test('shows a move as it happens and redraws only the CPUs that changed, also of 1024', async (context) => {
  const containers = crowd(LARGE_HOST);
  const stub = await Stub.start(context, stateWith(LARGE_HOST, containers));
  const seen = await visit(context, browser, stub.address);
  const { page } = seen;
  await page.getByText('Live, ready').waitFor();
  assert.equal(await page.locator('[data-cpu]').count(), 1024);
  await page.evaluate(`
    window.changes = [];
    window.observer = new MutationObserver((records) => changes.push(...records));
    observer.observe(document.querySelector('.map'), { subtree: true, childList: true, attributes: true });`);

  const mover = containers.at(0)!;
  const moved = { ...mover, cpus: '448-451,960-963' };
  stub.setState(stateWith(LARGE_HOST, [moved, ...containers.slice(1)]));
  stub.append({
    ...placed(1, pinned),
    moves: [{ id: mover.id, container: 'prod/postgres-0/main', from: mover.cpus, to: moved.cpus }],
  });
  await page.locator('[data-cpu="963"][data-glyph="A"]').waitFor();
  await page.getByText(`moved prod/postgres-0/main from ${mover.cpus} to ${moved.cpus}`).waitFor();
  const redrawn = await page.evaluate<string[]>(
    '[...new Set(changes.map(({ target }) => target.dataset.cpu))]',
  );
  const numbers = redrawn.map(Number).sort((a, b) => a - b);
  assert.deepEqual(numbers, [0, 1, 2, 3, 448, 449, 450, 451, 512, 513, 514, 515, 960, 961, 962, 963]);
  assertQuiet(seen);
});

test('says so when there are no containers and no decisions yet', async (context) => {
  const stub = await Stub.start(context, stateWith('4', [], { events: [] }));
  const seen = await visit(context, browser, stub.address);
  await seen.page.getByText('No containers on this node yet.').waitFor();
  await seen.page.getByText('Nothing decided yet.').waitFor();
  await seen.page.getByText('No event from the runtime yet.').waitFor();
  assertQuiet(seen);
});

test('tells what is missing when the daemon is not ready, and that it has become ready', async (context) => {
  const missing = ['no runtime has connected yet'];
  const state = stateWith(SMALL_HOST, []);
  const stub = await Stub.start(context, { ...state, health: { live: true, ready: false, missing } });
  const { page } = await visit(context, browser, stub.address);
  await page.getByText('Not ready: no runtime has connected yet').waitFor();
  await page.getByText('Live, not ready').waitFor();
  stub.setState(state);
  await page.getByText('Live, ready').waitFor();
  assert.equal(await page.getByText('Not ready').count(), 0);
});

test('tells what is wrong with settings that were refused, until it is put right', async (context) => {
  const state = stateWith(SMALL_HOST, []);
  const wrong = 'config.yaml:3: reservedCpus: there is no CPU 99';
  const stub = await Stub.start(context, { ...state, refusedSettings: [wrong] });
  const seen = await visit(context, browser, stub.address);
  const { page } = seen;
  await page.getByText(`Settings refused: ${wrong}; the settings before it stay in force`).waitFor();
  stub.setState(state);
  await page.getByText('Settings refused').waitFor({ state: 'detached' });
  assertQuiet(seen);
});

test('keeps what it has while the daemon is gone, and catches up when it is back', async (context) => {
  const first = placed(1, database);
  const stub = await Stub.start(context, stateWith(SMALL_HOST, [database]), [first]);
  const { page } = await visit(context, browser, stub.address);
  await page.getByText('Live, ready').waitFor();
  stub.goDown();
  await page.getByText('The daemon does not answer').waitFor();
  await page.getByText('Connection lost').waitFor();
  assert.equal(await page.locator('[data-cpu="0"]').getAttribute('data-glyph'), 'A');

  stub.comeBack(stateWith(SMALL_HOST, [database, pinned]), [first, placed(2, pinned)]);
  await page.getByText('Live, ready').waitFor();
  await page.getByText('placed prod/pinned/main').waitFor();
  assert.equal(await page.locator('.entries li').count(), 2);
  assert.equal(await page.getByText('The daemon does not answer').count(), 0);
});

test('starts the timeline anew when another process answers', async (context) => {
  const old = [placed(1, database), placed(2, pinned)];
  const state = stateWith(SMALL_HOST, [database]);
  const stub = await Stub.start(context, state, old);
  const { page } = await visit(context, browser, stub.address);
  await page.getByText('placed prod/pinned/main').waitFor();
  stub.goDown();
  const synchronized = { ...placed(1, database), outcome: 'adopted' };
  stub.comeBack({ ...state, plugin: { ...state.plugin, instance: 'two' } }, [synchronized]);
  await page.getByText('adopted prod/database/main').waitFor();
  assert.equal(await page.locator('.entries li').count(), 1);
});
