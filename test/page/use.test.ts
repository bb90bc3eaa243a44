import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { assertQuiet, openBrowser, visit } from './browser.ts';
import { container, placed, SMALL_HOST, stateWith } from './states.ts';
import { Stub } from './stub.ts';

let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

const database = container('database', 'integer', '0-3,32-35');
const pinned = container('pinned', 'annotated', '8-9');
const cache = container('cache', 'shared');
const STATE = stateWith(SMALL_HOST, [database, pinned, cache]);

test('a selected container has its CPUs highlighted and is explained, with its moves', async (context) => {
  const move = { id: database.id, container: 'prod/database/main', from: '8-11,40-43', to: database.cpus };
  const records = [placed(1, database), placed(2, cache), { ...placed(3, pinned), moves: [move] }];
  const stub = await Stub.start(context, STATE, records);
  const seen = await visit(context, browser, stub.address);
  const { page } = seen;
  await page.getByRole('button', { name: /^prod\/database\/main/ }).click();
  assert.deepEqual(await highlightedOn(page), ['0', '32', '1', '33', '2', '34', '3', '35']);
  const details = page.getByRole('region', { name: 'prod/database/main' });
  await details.getByText(database.reason, { exact: true }).waitFor();
  await details.getByText('8 CPUs on 4 cores, 1 LLC, 1 node').waitFor();
  assert.equal(await details.locator('.entries li').count(), 2);
  await details.getByText('moved prod/database/main from 8-11,40-43 to 0-3,32-35').waitFor();
  await details.getByRole('button', { name: 'Let go of the selection' }).click();
  assert.equal(await details.count(), 0);
  assertQuiet(seen);
});

test('a selected shared container has the CPUs highlighted on which it may run', async (context) => {
  const restricted = { ...cache, runsOn: '40-43' };
  const stub = await Stub.start(context, stateWith(SMALL_HOST, [database, restricted]));
  const { page } = await visit(context, browser, stub.address);
  await page.getByRole('button', { name: /^prod\/cache\/main/ }).click();
  assert.deepEqual(await highlightedOn(page), ['40', '41', '42', '43']);
});

test('a container that is not as wanted says what is wrong', async (context) => {
  const drifted = { ...database, seen: '0-63' };
  const unplaced = container('waiting', 'integer', '', { askedCount: 80, unplaced: 'not enough CPUs' });
  const stub = await Stub.start(
    context,
    stateWith(SMALL_HOST, [drifted, unplaced, cache], { notAsWanted: 1 }),
  );
  const { page } = await visit(context, browser, stub.address);
  await page.getByText('1 container not as wanted').waitFor();
  await page.getByLabel('Filter by kind').selectOption('troubled');
  assert.equal(await page.locator('.containers li').count(), 2);
  await page.getByRole('button', { name: /^prod\/database\/main/ }).click();
  await page.getByText('It was found on CPUs 0-63').waitFor();
  await page.getByRole('button', { name: /^prod\/waiting\/main/ }).click();
  await page.getByText('It owns no CPUs: not enough CPUs').waitFor();
});

test('the list of containers is filtered by name, by CPU and by kind', async (context) => {
  const stub = await Stub.start(context, STATE);
  const { page } = await visit(context, browser, stub.address);
  const names = page.locator('.containers .name');
  const filter = page.getByLabel('Filter by name or CPU number');
  await filter.fill('DATA');
  assert.deepEqual(await names.allTextContents(), ['prod/database/main']);
  await filter.fill('9');
  assert.deepEqual(await names.allTextContents(), ['prod/pinned/main']);
  await filter.fill('');
  await page.getByLabel('Filter by kind').selectOption('shared');
  assert.deepEqual(await names.allTextContents(), ['prod/cache/main']);
  await filter.fill('nothing');
  await page.getByText('No container is like that.').waitFor();
});

test('all of the map can be reached and selected with the keyboard, and is one stop of the Tab key', async (context) => {
  const stub = await Stub.start(context, STATE);
  const seen = await visit(context, browser, stub.address);
  const { page } = seen;
  await page.getByText('Live, ready').waitFor();
  const focused = () => page.evaluate('document.activeElement.dataset.cpu ?? document.activeElement.tagName');
  const press = async (key: string): Promise<unknown> => {
    await page.keyboard.press(key);
    return focused();
  };
  assert.equal(await press('Tab'), 'SELECT', 'the theme');
  assert.equal(await press('Tab'), '0');
  assert.match((await page.locator('.tooltip').textContent())!, /CPU 0/);
  assert.equal(await press('ArrowRight'), '1');
  assert.equal(await press('ArrowDown'), '33', 'the other thread of the core');
  assert.equal(await press('ArrowLeft'), '32');
  assert.equal(await press('ArrowUp'), '0');
  assert.equal(await press('ArrowUp'), '0', 'nothing is above');
  assert.equal(await press('PageDown'), '16', 'the next node');
  assert.equal(await press('PageUp'), '0');
  assert.equal(await press('End'), '63');
  assert.equal(await press('Home'), '0');
  await press('Enter');
  await page.getByRole('heading', { name: 'prod/database/main' }).waitFor();
  await press('Escape');
  await press('Escape');
  assert.equal(await page.getByRole('heading', { name: 'prod/database/main' }).count(), 0);
  assert.notEqual(await press('Tab'), '32', 'one stop for all CPUs');
  assert.equal(await press('Shift+Tab'), '0', 'back where it was');
  assertQuiet(seen);
});

test('the theme follows the system until one is chosen, which is remembered', async (context) => {
  const stub = await Stub.start(context, STATE);
  const { page } = await visit(context, browser, stub.address, { colorScheme: 'dark' });
  const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  await page.getByText('Live, ready').waitFor();
  const dark = await ground();
  await page.getByLabel('Theme').selectOption('light');
  const light = await ground();
  assert.notEqual(light, dark);
  await page.reload();
  await page.getByText('Live, ready').waitFor();
  assert.equal(await ground(), light);
});

function highlightedOn(page: Page): Promise<(string | null)[]> {
  const cells = page.locator('.map [aria-pressed="true"]');
  return cells.evaluateAll((found) => found.map((cell) => cell.getAttribute('data-cpu')));
}
