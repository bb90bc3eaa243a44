import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../e2e/harness/until.ts';
import { type Contender, Contenders } from './contenders.ts';

const INSTANCES = 8;
const DEATHS = 25;
const VERSIONS = ['1.0.0', '1.0.0', '1.1.0', '2.0.0'];

test('Of many instances that come, stop and are killed at any moment, two are never active', async (t) => {
  const contenders = await Contenders.prepare(t);
  const random = randomNumbers(20_241);
  const start = () =>
    contenders.start({
      version: VERSIONS[random(VERSIONS.length)]!,
      launched: random(3) === 0,
      connected: random(2) === 0,
    });
  const isActive = ({ role }: Contender) => role === 'active';
  const all: Contender[] = [];
  let running = Array.from({ length: INSTANCES }, start);
  all.push(...running);
  for (let deaths = 0; deaths < DEATHS; deaths++) {
    await sleep(random(60));
    // The active one half of the time, however long it takes until there is one, and any of them otherwise: also one that has
    // only just begun.
    const isForActive = random(2) === 0;
    if (isForActive) await until('one is active', () => running.some(isActive));
    const victim = (isForActive ? running.find(isActive) : undefined) ?? running[random(running.length)]!;
    const next = start();
    all.push(next);
    running = [...running.filter((contender) => contender !== victim), next];
    await victim.end(random(3) === 0 ? 'SIGTERM' : 'SIGKILL');
  }
  await until('one is active', () => running.filter(isActive).length === 1);
  assert.deepEqual(
    all.flatMap(({ told }) => told.filter((line) => /two are active|no lease/.test(line))),
    [],
  );
  assert.ok(all.filter(({ told }) => told.includes('active')).length > DEATHS / 10);
  await until(
    'what was left behind is cleared away',
    () => readdirSync(contenders.folder).length < INSTANCES,
  );
});

test('On a full disk the lease that is held stays in force, and without one there is one active instance', async (t) => {
  const contenders = await Contenders.prepare(t);
  try {
    contenders.limitFiles(3);
  } catch {
    t.skip('needs to be root and to be allowed to mount');
    return;
  }
  const { folder } = contenders;
  const first = contenders.start();
  await first.until('active');
  const fillers = ['one', 'two'].map((name) => join(folder, name));
  for (const filler of fillers) writeFileSync(filler, '');
  assert.throws(() => writeFileSync(join(folder, 'three'), ''), /ENOSPC/);

  const newer = contenders.start({ version: '2.0.0' });
  await newer.untilTold(/cannot be taken over: .*ENOSPC/);
  await first.until('active');
  await newer.end('SIGKILL');
  const second = contenders.start();
  await second.until('standby');
  await first.end('SIGKILL');
  await second.until('active');
  await second.untilTold(/no lease can be had in .*ENOSPC/);

  for (const filler of fillers) rmSync(filler);
  await until('the lease is had', () => readdirSync(folder).includes('lease.2'));
  await contenders.start().until('standby');
  assert.equal(second.role, 'active');
});

/** Numbers below a bound, the same in every run. */
function randomNumbers(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}
