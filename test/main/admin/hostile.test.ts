import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { until } from '../../e2e/harness/until.ts';
import { shared } from '../ledger/fixtures.ts';
import { Scene } from './fixtures.ts';

/** Opens a connection that says what it is told to, and collects what comes back. */
function open(context: TestContext, scene: Scene): { readonly socket: Socket; readonly got: () => string } {
  const socket = connect(scene.port, '127.0.0.1');
  let got = '';
  socket.setEncoding('utf8').on('data', (chunk) => (got += chunk));
  socket.on('error', () => {});
  context.after(() => socket.destroy());
  return { socket, got: () => got };
}

/** Ends with the connection, also with one that is reset, as whoever writes to a server that has closed it sees. */
async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

/** What comes back for raw bytes until the connection ends. */
async function say(context: TestContext, scene: Scene, text: string): Promise<string> {
  const { socket, got } = open(context, scene);
  socket.write(text);
  await closed(socket);
  return got();
}

describe('whoever wants to change something', () => {
  test('is told that this only shows', async (t) => {
    const scene = await Scene.start(t);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const { status, headers } = await scene.ask('/api/v1/state', { method, body: 'x' });
      assert.deepEqual([status, headers.allow], [405, 'GET, HEAD'], method);
    }
  });

  test('is not served with an endless body', async (t) => {
    const scene = await Scene.start(t);
    const head = 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n';
    const { socket, got } = open(t, scene);
    const chunk = `10000\r\n${'x'.repeat(65536)}\r\n`;
    // As fast as it is taken, and not by a timer: that could write to a connection the server has just closed before the
    // answer is read, which is lost then.
    socket.on('drain', () => socket.write(chunk));
    socket.write(head + chunk);
    await closed(socket);
    assert.match(got(), /^HTTP\/1\.1 200 /);
  });
});

describe('over TCP', () => {
  test('a name that is not ours is refused, as a rebound DNS name would be', async (t) => {
    const scene = await Scene.start(t);
    for (const host of ['evil.example', 'evil.example:9464', '127.0.0.1.evil.example', 'localhost.evil']) {
      assert.equal((await scene.askTcp('/api/v1/state', { headers: { Host: host } })).status, 421, host);
    }
  });

  test('addresses, localhost and the name that is listened on are served', async (t) => {
    const scene = await Scene.start(t);
    for (const host of [
      '127.0.0.1:9464',
      '10.2.3.4',
      '[::1]:9464',
      '[fe80::1]',
      'localhost:1',
      'node.example',
    ]) {
      assert.equal((await scene.askTcp('/healthz', { headers: { Host: host } })).status, 200, host);
    }
  });

  test('pages of other sites are refused, our own is not', async (t) => {
    const scene = await Scene.start(t);
    const status = async (origin: string) =>
      (await scene.askTcp('/healthz', { headers: { Host: '127.0.0.1:80', Origin: origin } })).status;
    assert.equal(await status('http://evil.example'), 403);
    assert.equal(await status('null'), 403);
    assert.equal(await status('https://127.0.0.1:80'), 403);
    assert.equal(await status('http://127.0.0.1:80'), 200);
  });
});

describe('a request that is too much', () => {
  test('by its address is refused', async (t) => {
    const scene = await Scene.start(t);
    assert.equal((await scene.ask(`/${'x'.repeat(2000)}`)).status, 414);
  });

  test('by its headers is refused', async (t) => {
    const scene = await Scene.start(t);
    assert.equal((await scene.ask('/healthz', { headers: { 'X-Long': 'x'.repeat(10_000) } })).status, 431);
  });

  test('by being no HTTP is refused', async (t) => {
    const scene = await Scene.start(t);
    assert.match(await say(t, scene, '\x16\x03\x01\x02\x00'.repeat(10)), /^HTTP\/1\.1 400 /);
    assert.match(await say(t, scene, 'GET / HTTP/9.9\r\n\r\n'), /^HTTP\/1\.1 400 /);
    assert.equal((await scene.ask('/healthz')).status, 200);
  });

  test('by never ending is cut off', async (t) => {
    const scene = await Scene.start(t, { requestTimeoutMs: 300 });
    const { socket } = open(t, scene);
    socket.write('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
    const drip = setInterval(() => socket.write('x'), 50);
    t.after(() => clearInterval(drip));
    await closed(socket);
  });

  test('by the number of connections that are being answered is turned away, and the unix socket still works', async (t) => {
    const scene = await Scene.start(t, { maxConnections: 3 });
    for (const { socket, got } of [1, 2, 3].map(() => open(t, scene))) {
      socket.write('GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      await until('its events come', () => got().includes('event: state'));
    }
    await closed(open(t, scene).socket);
    assert.equal((await scene.ask('/healthz')).status, 200);
  });

  test('by holding all connections and asking nothing does not keep others out', async (t) => {
    const scene = await Scene.start(t, { maxConnections: 3 });
    const following = open(t, scene);
    following.socket.write('GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await until('its events come', () => following.got().includes('event: state'));
    const [older, newer] = [open(t, scene), open(t, scene)];
    await Promise.all([older, newer].map(({ socket }) => once(socket, 'connect')));
    assert.equal((await scene.askTcp('/healthz')).status, 200);
    await closed(older.socket);
    assert.equal(following.socket.closed, false);
    newer.socket.write('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
    await closed(newer.socket);
    assert.match(newer.got(), /^HTTP\/1\.1 200 /);
  });
});

describe('a reader that does not read', () => {
  const ANSWER_TIMEOUT_MS = 300;

  /** A connection over the unix socket, whose buffers are small, that asks and then reads nothing. */
  async function neverReading(context: TestContext, scene: Scene, path: string): Promise<Socket> {
    const socket = connect(scene.socketPath);
    socket.on('error', () => {});
    context.after(() => socket.destroy());
    await once(socket, 'connect');
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return socket;
  }

  test('of an answer is cut off', async (t) => {
    const size = 4 * 1024 * 1024;
    const body = 'x'.repeat(size);
    const page = () => ({ body, type: 'text/plain' });
    const scene = await Scene.start(t, { page, answerTimeoutMs: ANSWER_TIMEOUT_MS });
    const [[served], socket] = await Promise.all([
      once(scene.onSocket, 'connection') as Promise<[Socket]>,
      neverReading(t, scene, '/'),
    ]);
    await closed(served);
    assert.equal((await scene.ask('/healthz')).status, 200);
    await closed(socket.resume());
    assert.ok(socket.bytesRead < size);
  });

  test('of events is dropped, while others are told what happens', async (t) => {
    const scene = await Scene.start(t, { answerTimeoutMs: ANSWER_TIMEOUT_MS });
    const { placing } = scene.plugin;
    for (let i = 0; i < 2000; i++) placing.create(shared(`pod-${i}`).pod, shared(`pod-${i}`).container);
    await neverReading(t, scene, '/api/v1/events');
    await until('the client is there', () => scene.server.eventClients === 1);
    let changes = 0;
    await until('the client is dropped', () => {
      const { pod, container } = shared(`more-${changes++}`);
      placing.create(pod, container);
      return scene.server.eventClients === 0;
    });
    assert.equal((await scene.state()).containers.length, 2000 + changes);
  });
});
