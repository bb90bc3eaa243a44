import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Mailbox } from '../../../src/main/actor.ts';
import { integer, shared } from '../ledger/fixtures.ts';
import { adjusted, CONTAINERD, listed, resources, type Setup, setUp, TIMEOUT_MS, told } from './fixtures.ts';

/** A turn that keeps a mailbox busy until the test ends it. */
function occupy(mailbox: Mailbox): () => void {
  let end!: () => void;
  mailbox.run(
    () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  );
  return end;
}

/** A promise, and what settles it. */
function withResolvers<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Waits until the plugin has received all calls so far: this one comes behind them, and is answered at once. */
async function received({ runtime }: Setup): Promise<void> {
  await runtime.runPodSandbox({ pod: { id: 'p' } }, TIMEOUT_MS);
}

/** Waits until all turns of a mailbox have ended. */
async function idle(mailbox: Mailbox): Promise<void> {
  await mailbox.run(() => {});
}

describe('an event that cannot be decided in time', () => {
  const hasty = { configure: { ...CONTAINERD, requestTimeout: 40 } };

  test('is answered with an error before the runtime gives up, and changes nothing', async (t) => {
    const { runtime, mailbox, ledger } = await setUp(t, hasty);
    const end = occupy(mailbox);
    const call = runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS);
    await assert.rejects(call, /not decided within 30 ms/);
    end();
    await idle(mailbox);
    assert.equal(ledger.entries.size, 0);
  });

  test('changes nothing either when its turn comes just after the error', async (t) => {
    // A clock that stands still makes every turn look as if it were in time.
    const { runtime, mailbox, ledger } = await setUp(t, { ...hasty, now: () => 0 });
    const end = occupy(mailbox);
    await assert.rejects(runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS), /not decided/);
    end();
    await idle(mailbox);
    assert.equal(ledger.entries.size, 0);
  });

  test('is refused when its turn comes too late, although no timer has said so', async (t) => {
    let clock = 0;
    const setup = await setUp(t, { now: () => clock });
    const { runtime, mailbox, ledger } = setup;
    const end = occupy(mailbox);
    const call = runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS);
    await received(setup);
    clock = TIMEOUT_MS;
    end();
    await assert.rejects(call, /no time was left/);
    assert.equal(ledger.entries.size, 0);
  });

  test('counts the time that taking over takes: a list is answered with an error, also before that has come to an end', async (t) => {
    const { promise, resolve } = withResolvers<boolean>();
    const { runtime, mailbox, ledger } = await setUp(t, { ...hasty, takeOver: () => promise });
    const call = runtime.synchronize(listed(told(integer('db', 2))), TIMEOUT_MS);
    await assert.rejects(call, /not decided within 30 ms/);
    resolve(true);
    await promise;
    await idle(mailbox);
    assert.equal(ledger.entries.size, 0);
  });

  test('counts it although no timer has said so', async (t) => {
    let clock = 0;
    const takeOver = async () => {
      clock = TIMEOUT_MS;
      return true;
    };
    const { runtime, ledger } = await setUp(t, { now: () => clock, takeOver });
    const call = runtime.synchronize(listed(told(integer('db', 2))), TIMEOUT_MS);
    await assert.rejects(call, /no time was left/);
    assert.equal(ledger.entries.size, 0);
  });

  test('is decided when there is time', async (t) => {
    const setup = await setUp(t);
    const { runtime, mailbox } = setup;
    const end = occupy(mailbox);
    const call = runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS);
    await received(setup);
    end();
    assert.equal(adjusted(await call)?.cpus, '1-2');
  });

  test('frees the CPUs of a stopped container all the same', async (t) => {
    const { runtime, mailbox, ledger } = await setUp(t);
    await runtime.createContainer(told(integer('a', 2)), TIMEOUT_MS);
    await runtime.createContainer(told(integer('b', 2)), TIMEOUT_MS);
    // Not before: these two are to be decided in time.
    await runtime.configure(hasty.configure, TIMEOUT_MS);
    const end = occupy(mailbox);
    const { update } = await runtime.stopContainer({ container: { id: 'a' } }, TIMEOUT_MS);
    await runtime.removeContainer({ container: { id: 'b' } }, TIMEOUT_MS);
    assert.deepEqual(update, []);
    assert.equal(ledger.entries.size, 2);
    end();
    await idle(mailbox);
    assert.equal(ledger.entries.size, 0);
  });
});

describe('of each event is told', () => {
  test('that it was answered, or refused', async (t) => {
    const { runtime, events } = await setUp(t);
    await runtime.synchronize(listed(told(shared('web'))), TIMEOUT_MS);
    await runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS);
    await assert.rejects(runtime.createContainer(told(integer('big', 99)), TIMEOUT_MS));
    const { container } = told(integer('db', 2));
    await runtime.updateContainer({ container, linuxResources: resources({}) }, TIMEOUT_MS);
    await runtime.stopContainer({ container }, TIMEOUT_MS);
    await runtime.removeContainer({ container }, TIMEOUT_MS);
    assert.deepEqual(events, [
      'configure answered',
      'synchronize answered',
      'create answered',
      'create refused',
      'update answered',
      'stop answered',
      'remove answered',
    ]);
  });

  test('that it was late, which is in the log too', async (t) => {
    const { runtime, mailbox, events, log } = await setUp(t, {
      configure: { ...CONTAINERD, requestTimeout: 40 },
    });
    const end = occupy(mailbox);
    await assert.rejects(runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS));
    await runtime.stopContainer({ container: { id: 'a' } }, TIMEOUT_MS);
    end();
    assert.deepEqual(events.slice(1), ['create late', 'stop late']);
    assert.ok(log.some((line) => line.includes('create was not decided in time')));
  });

  test('that it failed, with the reason in the log', async (t) => {
    const { runtime, ledger, events, log } = await setUp(t);
    ledger.create = () => {
      throw new RangeError('a fault of ours');
    };
    await assert.rejects(runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS));
    assert.deepEqual(events.slice(1), ['create failed']);
    assert.ok(log.some((line) => line.includes('create failed') && line.includes('a fault of ours')));
  });
});
