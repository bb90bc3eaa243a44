import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { TestContext } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const EXECUTABLE = '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** Starts the browser, which `close` ends. */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
}

/** A page and what went wrong on it. */
export interface Visit {
  readonly page: Page;
  /** Errors and warnings of the console, exceptions that nobody caught. */
  readonly complaints: string[];
  /** Every address that was asked for. */
  readonly requests: string[];
}

/** Opens the page at an address; the test's end closes it. */
export async function visit(
  context: TestContext,
  browser: Browser,
  address: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const session = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  context.after(() => session.close());
  const page = await session.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(address);
  return { page, complaints, requests };
}

/** Nothing went wrong on the page, and it asked nobody but the daemon. */
export function assertQuiet({ complaints, requests, page }: Visit): void {
  assert.deepEqual(complaints, []);
  const { origin } = new URL(page.url());
  assert.deepEqual(
    requests.filter((request) => new URL(request).origin !== origin),
    [],
  );
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** No rule of axe-core is violated by what the page shows now. */
export async function assertAccessible({ page }: Visit): Promise<void> {
  // Evaluated by the debugger, which the page's Content-Security-Policy does not bind.
  await page.evaluate(AXE);
  const violations = await page.evaluate(
    `axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => id + ': ' + html.slice(0, 200) + ': ' + failureSummary)))`,
  );
  assert.deepEqual(violations, []);
}
