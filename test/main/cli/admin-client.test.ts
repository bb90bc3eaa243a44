import assert from 'node:assert/strict';
import { linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { JOURNAL_PAGE } from '../../../src/main/admin/api.ts';
import { AdminClient, type ServerEvent } from '../../../src/main/admin/client.ts';
import { runProgram } from './running-plugin.ts';

const folder = mkdtempSync(join(tmpdir(), 'admin-client-test-'));
after(() => rmSync(folder, { recursive: true }));
let sockets = 0;

/** A server of the API's shape on a socket of its own, closed at the end of the file. */
async function serve(listener: RequestListener): Promise<string> {
  const path = join(folder, `${++sockets}.sock`);
  const server = createHttpServer(listener);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return path;
}

test('where nobody answers, one line says what to look at, and the exit code is 1', async () => {
  for (const command of [
    ['status'],
    ['map'],
    ['map', '--watch'],
    ['explain', 'x'],
    ['journal'],
    ['journal', '--follow'],
  ]) {
    const { code, stdout, stderr } = await runProgram([...command, '--admin-socket', '/nonexistent.sock']);
    assert.equal(
      stderr,
      'weka-cpuset: there is no socket /nonexistent.sock: is weka-cpuset running on this node, and is this its --admin-socket?\n',
    );
    assert.deepEqual([code, stdout], [1, '']);
  }
});

test('a socket that was left behind is told from a plugin that runs', async () => {
  const path = join(folder, 'old.sock');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  linkSync(path, join(folder, 'left.sock'));
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(new AdminClient(join(folder, 'left.sock')).state(), {
    name: 'AdminError',
    message: /^nobody answers on /,
  });
});

test('a path that no socket can have is told from a plugin that is not there', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  for (const path of [file, folder]) {
    await assert.rejects(new AdminClient(path).state(), {
      name: 'AdminError',
      message: `${path} is no socket: is this the --admin-socket of weka-cpuset?`,
    });
  }
  await assert.rejects(new AdminClient(join(folder, 'x'.repeat(108))).state(), {
    name: 'AdminError',
    message: /is too long for a socket: at most 107 bytes$/,
  });
});

test('what is something else is told', async () => {
  const other = await serve((_, response) => response.writeHead(404).end('no'));
  await assert.rejects(new AdminClient(other).state(), {
    name: 'AdminError',
    message: /answers 404 to \/api\/v1\/state: is it weka-cpuset, of this version\?$/,
  });
  const garbage = await serve((_, response) => response.end('<html>'));
  await assert.rejects(new AdminClient(garbage).state(), {
    name: 'AdminError',
    message: /^no usable answer/,
  });
});

test('the journal is read to its end, page by page', async () => {
  const total = JOURNAL_PAGE + 5;
  const path = await serve(({ url = '' }, response) => {
    const since = Number(new URL(url, 'http://x').searchParams.get('since'));
    const length = Math.min(JOURNAL_PAGE, total - since);
    response.end(JSON.stringify(Array.from({ length }, (_, row) => ({ sequence: since + row + 1 }))));
  });
  const records = await new AdminClient(path).journal();
  assert.equal(records.length, total);
  assert.equal(records.at(-1)?.sequence, total);
});

test('events are read however they are cut, until the server ends', async () => {
  const stream =
    'retry: 2000\n\n: still here\n\nevent: state\ndata: {"a":"ü"}\n\nevent: journal\nid: x:1\ndata: [1,\ndata: 2]\n\n';
  const path = await serve((request, response) => {
    assert.equal(request.url, '/api/v1/events?since=7');
    const bytes = Buffer.from(stream);
    for (const byte of bytes) response.write(Buffer.from([byte]));
    response.end();
  });
  const events: ServerEvent[] = [];
  for await (const event of new AdminClient(path).events(new AbortController().signal, 7)) events.push(event);
  assert.deepEqual(events, [
    { event: 'state', data: { a: 'ü' } },
    { event: 'journal', data: [1, 2] },
  ]);
});

test('a stream that is cut off is told, one that is given up is not', async () => {
  const path = await serve((_, response) => {
    response.write('event: state\ndata: 1\n\n');
    setImmediate(() => response.destroy());
  });
  const read = async (signal: AbortSignal, onEvent = () => {}) => {
    for await (const _ of new AdminClient(path).events(signal)) onEvent();
  };
  await assert.rejects(read(new AbortController().signal), { name: 'AdminError' });
  const controller = new AbortController();
  await read(controller.signal, () => controller.abort());
});
