import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import pino from 'pino';
import { Lease } from '../../src/main/lease/lease.ts';
import { claimLease, findHolder } from '../../src/main/lease/lease-files.ts';
import { connectSocket } from '../../src/main/unix-socket.ts';
import { until } from '../e2e/harness/until.ts';
import { Contenders } from './contenders.ts';

describe('Instances on a node', () => {
  test('have one that is active, and the others wait', async (t) => {
    const contenders = await Contenders.prepare(t);
    const first = contenders.start();
    await first.until('active');
    const others = [contenders.start(), contenders.start()];
    for (const other of others) await other.until('standby');
    assert.equal(first.role, 'active');
    assert.ok(others.every(({ told }) => !told.includes('active')));
  });

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    test(`have another one active when that one ends by ${signal}`, async (t) => {
      const contenders = await Contenders.prepare(t);
      const first = contenders.start();
      await first.until('active');
      const second = contenders.start();
      await second.until('standby');
      await first.end(signal);
      await second.until('active');
    });
  }

  test('hand over to a newer version, and have the older one back when that ends', async (t) => {
    const contenders = await Contenders.prepare(t);
    const old = contenders.start({ version: '1.9.0' });
    await old.until('active');
    const young = contenders.start({ version: '1.10.0' });
    await young.until('active');
    await old.until('standby');
    await sleep(300);
    assert.equal(young.role, 'active', 'the older one does not take it back');
    await young.end('SIGKILL');
    await old.until('active');
  });

  test('do not hand over to an older version, nor to the same', async (t) => {
    const contenders = await Contenders.prepare(t);
    const first = contenders.start({ version: '2.0.0' });
    await first.until('active');
    for (const version of ['1.0.0', '2.0.0', '2.0.0-rc.1']) {
      const other = contenders.start({ version });
      await other.until('standby');
    }
    assert.deepEqual(
      first.told.filter((line) => line !== 'active'),
      [],
    );
  });

  test('hand over to one that the runtime did not start, if it started the active one itself', async (t) => {
    const contenders = await Contenders.prepare(t);
    const launched = contenders.start({ launched: true });
    await launched.until('active');
    await contenders.start({ version: '0.9.0' }).until('standby');
    const external = contenders.start();
    await external.until('active');
    await launched.until('standby');
  });

  test('hand over to one that the runtime starts, while they are not connected themselves', async (t) => {
    const contenders = await Contenders.prepare(t);
    const waiting = contenders.start({ version: '2.0.0', connected: false });
    await waiting.until('active');
    const launched = contenders.start({ version: '2.0.0', launched: true });
    await launched.untilTold(/^active$/);
    await waiting.untilTold(/^standby$/);
    assert.equal(launched.told[0], 'active', 'it is active from the first, and not only after a while');
  });

  test('hand over to one that asks twice at the same time', async (t) => {
    const { folder } = await Contenders.prepare(t);
    const log = Promise.resolve(pino({ enabled: false }));
    const common = { folder, launched: false, log, isConnected: () => true, onRole: () => {} };
    const old = new Lease({ ...common, version: '1.0.0' });
    t.after(() => old.close());
    await old.decided;
    const young = new Lease({ ...common, version: '1.1.0' });
    t.after(() => young.close());
    await young.decided;
    assert.equal(young.isActive, false);
    assert.deepEqual(await Promise.all([young.take(), young.take()]), [true, true]);
  });

  test('keep the lease from one that the runtime starts while they are connected', async (t) => {
    const contenders = await Contenders.prepare(t);
    const connected = contenders.start();
    await connected.until('active');
    const launched = contenders.start({ launched: true });
    await launched.until('standby');
    assert.equal(connected.role, 'active');
  });

  test('take a lease that a process left behind, as after a reboot', async (t) => {
    const contenders = await Contenders.prepare(t);
    mkdirSync(contenders.folder, { mode: 0o700 });
    writeFileSync(join(contenders.folder, 'lease.41'), '');
    writeFileSync(join(contenders.folder, '.lease-0123456789abcdef'), '');
    const first = contenders.start();
    await first.until('active');
    assert.deepEqual(readdirSync(contenders.folder), ['lease.42']);
  });

  test('stay active when the folder is emptied, and let nobody else be', async (t) => {
    const contenders = await Contenders.prepare(t);
    const first = contenders.start();
    await first.until('active');
    rmSync(contenders.folder, { recursive: true });
    await until('the lease can be found again', () => existsSync(join(contenders.folder, 'lease.1')));
    const second = contenders.start();
    await second.until('standby');
    assert.deepEqual(
      first.told.filter((line) => line !== 'active'),
      [],
    );
  });

  test('are not both active when one begins anew in the emptied folder, with the number that the other has', async (t) => {
    const contenders = await Contenders.prepare(t);
    const first = contenders.start();
    await first.until('active');
    const waiting = contenders.start();
    await waiting.until('standby');
    rmSync(contenders.folder, { recursive: true });
    const others = [waiting, contenders.start()];
    await until('one is active, and the others wait', () => {
      const roles = [first, ...others].map(({ role }) => role);
      return isDeepStrictEqual(roles.sort(), ['active', 'standby', 'standby']);
    });
  });

  test('go on without one that hangs when its lease is removed, and it steps back when it goes on itself', async (t) => {
    const contenders = await Contenders.prepare(t);
    const hanging = contenders.start();
    await hanging.until('active');
    process.kill(hanging.pid, 'SIGSTOP');
    rmSync(join(contenders.folder, 'lease.1'));
    const next = contenders.start();
    await next.until('active');
    process.kill(hanging.pid, 'SIGCONT');
    await hanging.until('standby');
    assert.equal(next.role, 'active');
  });

  test('are not both active when one has taken what another finds left behind', async (t) => {
    const { folder } = await Contenders.prepare(t);
    for (const left of [0, 1]) {
      assert.equal(await findHolder(folder), left);
      const [quick, slow] = [await claimLease(folder, left), await claimLease(folder, left)];
      for (const claim of [quick, slow]) claim?.server.close();
      assert.equal(slow, undefined);
    }
  });

  test('are active where no lease can be had, and say so', async (t) => {
    const contenders = await Contenders.prepare(t);
    writeFileSync(contenders.folder, 'in the way');
    const alone = contenders.start();
    await alone.until('active');
    await alone.untilTold(/no lease can be had in .*ENOTDIR/);
  });

  test('are active where the folder leaves no number for a lease, and say so', async (t) => {
    const contenders = await Contenders.prepare(t);
    mkdirSync(contenders.folder, { mode: 0o700 });
    writeFileSync(join(contenders.folder, 'lease.999999999999999'), '');
    const alone = contenders.start();
    await alone.until('active');
    await alone.untilTold(/no lease can be had in .*no number above .*999999999999999/);
  });

  test('find no lease where nobody can make a folder for it, and say so at once', async () => {
    await assert.rejects(findHolder('/proc/weka-cpuset/run'), { code: 'ENOENT' });
  });

  test('trust no folder that others may write in', async (t) => {
    const contenders = await Contenders.prepare(t);
    mkdirSync(contenders.folder);
    chmodSync(contenders.folder, 0o777);
    const alone = contenders.start();
    await alone.untilTold(/others than this user may write/);
    await alone.until('active');
  });

  test('do not have the runtime wait for a holder that hangs, and take over when it ends', async (t) => {
    const contenders = await Contenders.prepare(t);
    const hanging = contenders.start();
    await hanging.until('active');
    process.kill(hanging.pid, 'SIGSTOP');
    const launched = contenders.start({ launched: true });
    await launched.until('standby');
    await hanging.end('SIGKILL');
    await launched.until('active');
  });

  test('end the connection to a holder that answers too late, which need not wait for them then', async (t) => {
    const contenders = await Contenders.prepare(t);
    mkdirSync(contenders.folder, { mode: 0o700 });
    const ended = new Promise<string>((resolve) => {
      const slow = createServer((socket) => {
        let heard = '';
        socket.on('data', (chunk) => {
          heard += chunk;
        });
        socket.once('end', () => resolve(heard));
      });
      slow.listen(join(contenders.folder, 'lease.7'));
      t.after(() => slow.close());
    });
    const launched = contenders.start({ launched: true });
    assert.match(await ended, /"launched":true/, 'it has asked');
    await launched.until('standby');
  });

  test('wait for a holder that does not talk, until it ends', async (t) => {
    const contenders = await Contenders.prepare(t);
    mkdirSync(contenders.folder, { mode: 0o700 });
    const connections: Socket[] = [];
    const mute = createServer((socket) => connections.push(socket));
    mute.listen(join(contenders.folder, 'lease.7'));
    const end = () => {
      mute.close();
      for (const socket of connections) socket.destroy();
    };
    t.after(end);
    const other = contenders.start({ version: '9.0.0', launched: true });
    await other.until('standby');
    end();
    await other.until('active');
  });
});

describe('The holder', () => {
  test('listens to nobody who sends what is no message, or no end', async (t) => {
    const contenders = await Contenders.prepare(t);
    const holder = contenders.start();
    await holder.until('active');
    for (const bytes of ['{}\n', 'hello\n', '{"version":1,"launched":true}\n', 'x'.repeat(100_000)]) {
      const socket = await connectSocket(join(contenders.folder, 'lease.1'));
      socket.resume();
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.write(bytes);
      await closed;
    }
    await contenders.start().until('standby');
    assert.deepEqual(holder.told, ['active']);
  });

  test('goes on when the one that it hands over to does not take the lease', async (t) => {
    const contenders = await Contenders.prepare(t);
    const holder = contenders.start();
    await holder.until('active');
    const socket = await granted(contenders);
    await holder.untilTold(/^standby$/);
    socket.destroy();
    await holder.until('active');
  });

  test('has it to itself then, also when the other one was not run in time and takes it after that', async (t) => {
    const contenders = await Contenders.prepare(t);
    const holder = contenders.start();
    await holder.until('active');
    const waiting = contenders.start();
    await waiting.until('standby');
    const socket = await granted(contenders);
    t.after(() => socket.destroy());
    await holder.untilTold(/^standby$/);
    await holder.until('active');
    const late = await claimLease(contenders.folder, 1);
    late?.server.close();
    assert.equal(late, undefined);
    await holder.end('SIGTERM');
    await waiting.until('active');
  });
});

/** Asks the holder of the first lease for it, as a newer version. @returns the connection on which it has been granted */
async function granted({ folder }: Contenders): Promise<Socket> {
  const socket = await connectSocket(join(folder, 'lease.1'));
  let answers = '';
  socket.on('data', (chunk) => {
    answers += chunk;
  });
  socket.write('{"version":"2.0.0","launched":false}\n');
  await until('it is granted', () => answers.includes('granted'));
  return socket;
}
