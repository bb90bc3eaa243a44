import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Steps } from '../../benchmarks/scenario.ts';
import { takeTurns } from '../../benchmarks/take-turns.ts';

test('all take turns, and another begins in each round', async () => {
  const log: string[] = [];
  async function* steps(name: string): Steps {
    for (let step = 1; step <= 3; step++) {
      log.push(`${name}${step}`);
      yield;
    }
  }
  await takeTurns([steps('a'), steps('b'), steps('c')]);
  assert.deepEqual(log, ['a1', 'b1', 'c1', 'b2', 'c2', 'a2', 'c3', 'a3', 'b3']);
});

test('one that fails is reported, and the others go on', async () => {
  let ends = 0;
  async function* good(): Steps {
    yield;
    yield;
    ends++;
  }
  async function* bad(): Steps {
    yield;
    throw new Error('it is gone');
  }
  const failures = await takeTurns([good(), bad(), good()]);
  assert.deepEqual(
    failures.map((failure) => failure?.message),
    [undefined, 'it is gone', undefined],
  );
  assert.equal(ends, 2);
});

test('while one waits, the others go on', async () => {
  const log: string[] = [];
  async function* waiting(): Steps {
    yield 50;
    log.push('waited');
  }
  async function* working(): Steps {
    for (let step = 0; step < 3; step++) {
      yield;
      log.push('worked');
    }
  }
  await takeTurns([waiting(), working()]);
  assert.deepEqual(log, ['worked', 'worked', 'worked', 'waited']);
});
