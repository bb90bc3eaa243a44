import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ONLINE } from '../e2e/harness/cpus.ts';
import { CACHES, CORES, countTouched, EXPECTED, NODES, PACKAGES } from './machine.ts';

// If the machine is not what it was booted to be, what the other tests say about placement proves nothing.

test('the machine has two packages of two nodes each and two threads a core', () => {
  assert.equal(ONLINE.size, EXPECTED.cpus);
  assert.equal(PACKAGES.length, 2);
  assert.equal(NODES.length, 4);
  for (const node of NODES) assert.equal(countTouched(node, PACKAGES), 1);
  assert.equal(CORES.length, EXPECTED.cpus / 2);
});

test('the machine has last-level caches of the expected size', () => {
  assert.equal(CACHES.length, EXPECTED.hasCachePerNode ? 4 : 2);
});

test('the machine numbers siblings as expected', () => {
  const distance = EXPECTED.hasAdjacentSiblings ? 1 : EXPECTED.cpus / 2;
  for (const core of CORES) assert.equal(core.last! - core.first!, distance);
});
