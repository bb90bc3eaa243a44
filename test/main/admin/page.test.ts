import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageAsset } from '../../../src/main/admin/page.ts';

test('the page asks for nothing but its own files', () => {
  const page = pageAsset('/');
  assert.equal(page?.type, 'text/html; charset=utf-8');
  const links = [...page.body.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link]) => link);
  assert.deepEqual(links, ['icon.svg', 'page.css', 'page.js']);
  for (const link of links) assert.notEqual(pageAsset(`/${link}`)?.body, undefined);
});

test('nothing else is served', () => {
  for (const path of ['', '/x', '/index.html/', '//', '/../page.js', '/toString', '/__proto__']) {
    assert.equal(pageAsset(path), undefined, path);
  }
});
