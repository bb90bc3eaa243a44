import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DirectSocket } from '../../src/protocol/direct-socket.ts';
import { Mux } from '../../src/protocol/mux.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { frame } from './sockets.ts';

async function pair(t: TestContext): Promise<readonly [DirectSocket, Socket]> {
  const path = join(temporaryFolder(t), 's');
  const server = createServer().listen(path);
  const direct = new DirectSocket();
  direct.connect(path);
  const [other] = (await once(server, 'connection')) as [Socket];
  server.close();
  t.after(() => {
    direct.destroy();
    other.destroy();
  });
  return [direct, other];
}

test('all that the other side writes arrives in order', async (t) => {
  const [direct, other] = await pair(t);
  const mux = new Mux(direct);
  const received: Buffer[] = [];
  mux.open(1, (chunk, start, end) => received.push(Buffer.from(chunk.subarray(start, end))));
  const sent = Array.from({ length: 20 }, (_, position) => randomBytes(position * 20_000));
  for (const payload of sent) other.write(frame(1, payload));
  other.end();
  await mux.closed;
  assert.ok(Buffer.concat(received).equals(Buffer.concat(sent)));
});

test('what is sent arrives, and the end of either side is that of both', async (t) => {
  const [direct, other] = await pair(t);
  const mux = new Mux(direct);
  mux.send(1, Buffer.from('hello'));
  const [chunk] = (await once(other, 'data')) as [Buffer];
  assert.deepEqual(chunk, frame(1, Buffer.from('hello')));
  mux.close();
  await once(other, 'end');
  assert.equal(await mux.closed, undefined);
});

test('a connection that ends in the middle of a frame is reported as such', async (t) => {
  const [direct, other] = await pair(t);
  const mux = new Mux(direct);
  other.end(frame(1, Buffer.from('cut off')).subarray(0, 10));
  assert.match(String(await mux.closed), /middle of a frame/);
});
