import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Afterwards } from '../../src/main/afterwards.ts';

test('what is left for afterwards is done in order, after what is under way', async () => {
  const afterwards = new Afterwards();
  const done: string[] = [];
  afterwards.do(() => done.push('first'));
  afterwards.do(() => afterwards.do(() => done.push('third')));
  afterwards.do(() => done.push('second'));
  done.push('answer');
  await nextTurn();
  await nextTurn();
  assert.deepEqual(done, ['answer', 'first', 'second', 'third']);
});
