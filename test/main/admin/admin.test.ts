import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import { Admin, type AdminOptions } from '../../../src/main/admin/admin.ts';
import { AdminServer } from '../../../src/main/admin/server.ts';
import { until } from '../../e2e/harness/until.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { Plugin } from './fixtures.ts';

interface Line {
  readonly msg: string;
  readonly level: number;
}

/** An admin server at a place, and what it logs. */
function open(
  context: TestContext,
  socketPath: string,
  { http, retryMs = 20 }: Partial<Pick<AdminOptions, 'http' | 'retryMs'>> = {},
) {
  const lines: Line[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const admin = new Admin({ source: new Plugin(), socketPath, http, log, retryMs });
  admin.setActive(true);
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= admin.close());
  context.after(close);
  const listening = () => lines.some(({ msg }) => msg === 'admin server is listening');
  return { admin, lines, close, untilListening: () => until('it listens', listening) };
}

/** @returns how often it has been tried since to listen */
function countTries(t: TestContext): () => number {
  const { mock } = t.mock.method(AdminServer.prototype, 'create');
  return () => mock.callCount();
}

async function healthOf(where: object): Promise<number> {
  const sent = request({ ...where, path: '/healthz', agent: false }).end();
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode;
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o7777).toString(8);
}

describe('the socket', () => {
  test('is for its owner only, in a folder made for it', async (t) => {
    const folder = join(temporaryFolder(t), 'made', 'for it');
    const socketPath = join(folder, 'admin.sock');
    await open(t, socketPath).untilListening();
    assert.deepEqual([modeOf(socketPath), modeOf(folder)], ['600', '700']);
    assert.equal(await healthOf({ socketPath }), 200);
  });

  test('goes away with the server', async (t) => {
    const socketPath = join(temporaryFolder(t), 'admin.sock');
    const { untilListening, close } = open(t, socketPath);
    await untilListening();
    await close();
    assert.equal(existsSync(socketPath), false);
  });

  test('of a process that is gone is replaced', async (t) => {
    const folder = temporaryFolder(t);
    const socketPath = join(folder, 'admin.sock');
    const gone = createServer().listen(join(folder, 'gone.sock'));
    await once(gone, 'listening');
    // Closing a server removes the socket it made, not this second name of it.
    linkSync(join(folder, 'gone.sock'), socketPath);
    gone.close();
    await open(t, socketPath).untilListening();
    assert.equal(await healthOf({ socketPath }), 200);
  });

  test('of a living process is left alone, and taken over when that has ended', async (t) => {
    const socketPath = join(temporaryFolder(t), 'admin.sock');
    const first = open(t, socketPath);
    await first.untilListening();
    const second = open(t, socketPath);
    await until('it says so', () => second.lines.length > 0);
    assert.match(second.lines[0]!.msg, /another process listens on .*admin\.sock; waiting until it is free/);
    assert.equal(await healthOf({ socketPath }), 200);
    await first.close();
    await second.untilListening();
    assert.equal(await healthOf({ socketPath }), 200);
    assert.equal(second.lines.length, 2, 'that it waits is said once');
  });
});

test('waiting for a socket takes no memory', async (t) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const socketPath = join(temporaryFolder(t), 'admin.sock');
  await open(t, socketPath).untilListening();
  const tries: WeakRef<object>[] = [];
  const { create } = AdminServer.prototype;
  const { mock } = t.mock.method(AdminServer.prototype, 'create', function (this: AdminServer) {
    const server = create.call(this);
    tries.push(new WeakRef(server));
    return server;
  });
  open(t, socketPath);
  await until('it has tried ten times', () => tries.length >= 10);
  await until('it has forgotten the first', () => {
    mock.resetCalls();
    collectGarbage();
    return tries[0]!.deref() === undefined;
  });
});

describe('where the socket cannot be made, that is said once, and it is tried again', () => {
  const without = async (t: TestContext, socketPath: string, reason: RegExp) => {
    const tries = countTries(t);
    const { lines, untilListening } = open(t, socketPath);
    await until('it has tried again', () => tries() > 2);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!.msg, reason);
    assert.match(lines[0]!.msg, /trying again until it can$/);
    return async () => {
      await untilListening();
      assert.equal(await healthOf({ socketPath }), 200);
      assert.deepEqual(
        lines.slice(1).map(({ msg }) => msg),
        ['admin server is listening'],
      );
    };
  };

  test('because a file is in its place, which is left as it is', async (t) => {
    const path = join(temporaryFolder(t), 'admin.sock');
    writeFileSync(path, 'precious');
    const untilHad = await without(t, path, /is there and is no socket/);
    assert.equal(readFileSync(path, 'utf8'), 'precious');
    rmSync(path);
    await untilHad();
  });

  test('because a link is in its place, which is not followed', async (t) => {
    const folder = temporaryFolder(t);
    const target = join(folder, 'target');
    writeFileSync(target, 'precious');
    symlinkSync(target, join(folder, 'admin.sock'));
    await without(t, join(folder, 'admin.sock'), /is there and is no socket/);
    assert.equal(readFileSync(target, 'utf8'), 'precious');
  });

  test('because its folder is a file', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'file'), '');
    const untilHad = await without(t, join(folder, 'file', 'admin.sock'), /EEXIST|ENOTDIR/);
    rmSync(join(folder, 'file'));
    await untilHad();
  });

  test('because nobody can make its folder', async (t) => {
    await without(t, '/proc/nowhere/admin.sock', /ENOENT.*\/proc\/nowhere/);
  });

  test('less and less often, down to twice a minute', async (t) => {
    // Does not know functions that were imported by name.
    t.mock.timers.enable({ apis: ['setTimeout'] });
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.timers.reset();
      syncBuiltinESMExports();
    });
    const tries = countTries(t);
    open(t, '/proc/nowhere/admin.sock', { retryMs: 5000 });
    const pauses = [];
    for (let tried = 1; tried <= 5; tried++) {
      let seconds = 0;
      for (; tries() === tried; seconds++) {
        await new Promise(setImmediate);
        t.mock.timers.tick(1000);
        await new Promise(setImmediate);
      }
      pauses.push(seconds);
    }
    assert.deepEqual(pauses, [5, 10, 20, 30, 30]);
  });
});

test('a socket whose path is too long is said once, and done without', async (t) => {
  const folder = join(temporaryFolder(t), 'x'.repeat(120));
  mkdirSync(folder);
  const { lines } = open(t, join(folder, 'admin.sock'));
  await until('it is said', () => lines.length > 0);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!.msg, /is too long for a socket: .*doing without it$/);
});

describe('a socket that was removed', () => {
  test('is made anew', async (t) => {
    const socketPath = join(temporaryFolder(t), 'admin.sock');
    await open(t, socketPath).untilListening();
    rmSync(socketPath);
    await until('it is there', () => existsSync(socketPath));
    assert.equal(await healthOf({ socketPath }), 200);
  });

  test('is made anew with its folder', async (t) => {
    const folder = join(temporaryFolder(t), 'run');
    const socketPath = join(folder, 'admin.sock');
    await open(t, socketPath).untilListening();
    rmSync(folder, { recursive: true });
    await until('it is there', () => existsSync(socketPath));
    assert.deepEqual([modeOf(socketPath), modeOf(folder)], ['600', '700']);
    assert.equal(await healthOf({ socketPath }), 200);
  });

  test('and made by another instance, is left to that while it lives', async (t) => {
    const socketPath = join(temporaryFolder(t), 'admin.sock');
    const first = open(t, socketPath);
    await first.untilListening();
    rmSync(socketPath);
    const second = createServer().listen(socketPath);
    await once(second, 'listening');
    t.after(() => second.close());
    const { ino } = statSync(socketPath);
    await until('it has noticed', () => first.lines.some(({ msg }) => /another process listens/.test(msg)));
    first.admin.setActive(false);
    await first.close();
    assert.equal(statSync(socketPath).ino, ino);
  });

  test('and made by another instance, is left to that when this one ends before it has noticed', async (t) => {
    const socketPath = join(temporaryFolder(t), 'admin.sock');
    const first = open(t, socketPath);
    await first.untilListening();
    rmSync(socketPath);
    const second = createServer().listen(socketPath);
    t.after(() => second.close());
    const { ino } = statSync(socketPath);
    first.admin.setActive(false);
    assert.equal(statSync(socketPath).ino, ino);
  });
});

describe('TCP', () => {
  test('is listened on only where asked for', async (t) => {
    const { admin, untilListening } = open(t, join(temporaryFolder(t), 'admin.sock'));
    await untilListening();
    assert.equal(admin.address, undefined);
  });

  test('tells the address that the page is at', async (t) => {
    const { admin } = open(t, join(temporaryFolder(t), 'admin.sock'), {
      http: { host: '127.0.0.1', port: 0 },
    });
    await until('it listens', () => admin.address !== undefined);
    const { port } = new URL(admin.address!);
    assert.equal(admin.address, `http://127.0.0.1:${port}/`);
    assert.equal(await healthOf({ host: '127.0.0.1', port }), 200);
  });

  test('on a port that is taken is said once, and tried again until it is free; the socket works', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    t.after(() => taken.close());
    const { port } = taken.address() as { port: number };
    const socketPath = join(temporaryFolder(t), 'admin.sock');
    const tries = countTries(t);
    const { admin, lines, untilListening } = open(t, socketPath, { http: { host: '127.0.0.1', port } });
    await untilListening();
    await until('it is said', () => lines.some(({ msg }) => /cannot listen: .*EADDRINUSE/.test(msg)));
    assert.equal(await healthOf({ socketPath }), 200);
    await until('it has tried again', () => tries() > 3);
    assert.equal(lines.length, 2);
    taken.close();
    await until('it listens', () => admin.address !== undefined);
    assert.equal(await healthOf({ host: '127.0.0.1', port }), 200);
    assert.equal(lines.length, 3, 'that it listens is said once');
  });
});
