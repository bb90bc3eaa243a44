import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Mailbox } from '../../src/main/actor.ts';

/** A turn that ends when the test says so. */
function openTurn<T>() {
  let end!: (value: T) => void;
  let fail!: (error: Error) => void;
  const ended = new Promise<T>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  return { run: () => ended, end, fail };
}

describe('a mailbox', () => {
  test('runs a turn at once when none is under way', () => {
    assert.equal(
      new Mailbox().run(() => 'done'),
      'done',
    );
  });

  test('hands on what a turn throws', async () => {
    const mailbox = new Mailbox();
    const broken = () => {
      throw new Error('broken');
    };
    assert.throws(() => mailbox.run(broken), /broken/);
    const first = openTurn<void>();
    mailbox.run(first.run);
    const second = mailbox.run(broken);
    first.end();
    await assert.rejects(async () => second, /broken/);
  });

  test('runs turns one at a time, in the order they came', async () => {
    const mailbox = new Mailbox();
    const steps: string[] = [];
    const first = openTurn<string>();
    const answers = [
      mailbox.run(async () => {
        steps.push('first begins');
        const value = await first.run();
        steps.push('first ends');
        return value;
      }),
      mailbox.run(async () => {
        steps.push('second begins');
        await Promise.resolve();
        steps.push('second ends');
        return 2;
      }),
      mailbox.run(() => {
        steps.push('third');
        return 3;
      }),
    ];
    assert.deepEqual(steps, ['first begins']);
    first.end('one');
    assert.deepEqual(await Promise.all(answers), ['one', 2, 3]);
    assert.deepEqual(steps, ['first begins', 'first ends', 'second begins', 'second ends', 'third']);
  });

  test('keeps a new turn waiting while one is under way that had to wait itself', async () => {
    const mailbox = new Mailbox();
    const [first, second] = [openTurn<void>(), openTurn<void>()];
    mailbox.run(first.run);
    mailbox.run(second.run);
    first.end();
    await new Promise(setImmediate);
    let begun = false;
    const third = mailbox.run(() => {
      begun = true;
    });
    assert.equal(begun, false);
    second.end();
    await third;
    assert.equal(begun, true);
  });

  test('goes on after a turn that failed', async () => {
    const mailbox = new Mailbox();
    const first = openTurn<void>();
    const failed = mailbox.run(first.run);
    const next = mailbox.run(() => 'next');
    first.fail(new Error('broken'));
    await assert.rejects(async () => failed, /broken/);
    assert.equal(await next, 'next');
  });

  test('runs turns at once again when all have ended', async () => {
    const mailbox = new Mailbox();
    await mailbox.run(async () => {});
    await new Promise(setImmediate);
    assert.equal(
      mailbox.run(() => 'done'),
      'done',
    );
  });

  test('runs a turn that another one asks for after that one, not inside it', async () => {
    const mailbox = new Mailbox();
    const order: string[] = [];
    let inner: unknown;
    mailbox.run(() => {
      inner = mailbox.run(() => order.push('inner'));
      order.push('outer');
    });
    await inner;
    assert.deepEqual(order, ['outer', 'inner']);
  });
});
