import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countUses, factsOf } from '../../../../src/main/admin/page/cpus.ts';
import { container, stateWith } from '../../../page/states.ts';

test('every CPU is told by what it is used for', () => {
  const integer = container('a', 'integer', '0-1');
  const pinned = [container('b', 'annotated', '2'), container('c', 'annotated', '2')];
  const state = stateWith('8', [integer, ...pinned], { pool: '3-4', reserved: '4' });
  const topology = { ...state.topology, isolated: '5', online: '0-6', offline: '7' };
  const facts = factsOf({ ...state, topology });
  const uses = facts.map((fact) => fact?.use);
  assert.deepEqual(uses, ['integer', 'integer', 'annotated', 'pool', 'pool', 'isolated', 'idle', 'offline']);
  assert.deepEqual(facts[2]?.owners, pinned);
  assert.equal(facts[3]?.withheld, false);
  assert.equal(facts[4]?.withheld, true);
  assert.equal(countUses(facts).integer, 2);
});

test('a CPU that went offline says so, and whose it is', () => {
  const owner = container('a', 'integer', '0-1');
  const state = stateWith('4', [owner]);
  const facts = factsOf({ ...state, topology: { ...state.topology, online: '0,2-3', offline: '1' } });
  assert.equal(facts[1]?.use, 'offline');
  assert.deepEqual(facts[1]?.owners, [owner]);
});
