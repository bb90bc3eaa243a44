import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import fc from 'fast-check';
import { StatusCode } from '../../src/protocol/errors.ts';
import { MAX_MESSAGE_DATA } from '../../src/protocol/ttrpc-message.ts';
import { cut, frame, message, settle } from './sockets.ts';
import {
  CHANNEL,
  echo,
  encoded,
  REQUEST,
  RESPONSE,
  repliesIn,
  reply,
  request,
  SERVICE,
  scriptedClient,
  scriptedServer,
  TIMEOUT_MS,
} from './ttrpc-ends.ts';

test('a request is data length, odd stream id, type 1, no flags, and a Request with the timeout in nanoseconds', () => {
  const { socket, client, mux } = scriptedClient();
  const call = client.call('M', Buffer.from('pp'), 2000);
  call.catch(() => {});
  const service = Buffer.from(SERVICE).toString('hex');
  const data = `0a0c${service} 12014d 1a027070 2080a8d6b907`;
  const expected = `00000001 00000025 0000001b 00000001 01 00 ${data}`;
  assert.equal(socket.written.toString('hex'), expected.replaceAll(' ', ''));
  mux.close();
});

test('a response is data length, the stream id of the request, type 2, no flags, and a Response', async () => {
  const { socket } = scriptedServer({ M: echo });
  socket.push(frame(CHANNEL, request(7, { method: 'M', payload: Buffer.from('pp') })));
  await settle();
  const expected = '00000001 0000000e 00000004 00000007 02 00 12027070';
  assert.equal(socket.written.toString('hex'), expected.replaceAll(' ', ''));
});

test('messages arrive whole however frames and the socket cut them', async () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 });
  const places = fc.array(fc.nat(), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(payloads, places, places, async (sent, frameCuts, socketCuts) => {
      const received: Buffer[] = [];
      const { socket } = scriptedServer({
        M: (payload) => {
          received.push(Buffer.from(payload));
          return encoded(payload);
        },
      });
      const bytes = Buffer.concat(
        sent.map((payload, index) => request(2 * index + 1, { method: 'M', payload })),
      );
      const frames = Buffer.concat(cut(bytes, frameCuts).map((part) => frame(CHANNEL, part)));
      for (const chunk of cut(frames, socketCuts)) socket.push(chunk);
      await settle();
      assert.deepEqual(
        received,
        sent.map((payload) => Buffer.from(payload)),
      );
    }),
  );
});

test('a message of 4 MiB in small pieces is put together with a single copy', async () => {
  let received = 0;
  const { socket } = scriptedServer({
    M: (payload) => {
      received = payload.length;
      return encoded(new Uint8Array(0));
    },
  });
  const size = MAX_MESSAGE_DATA - 100;
  const bytes = frame(CHANNEL, request(1, { method: 'M', payload: Buffer.alloc(size) }));
  let allocated = 0;
  const originals = { alloc: Buffer.alloc, allocUnsafe: Buffer.allocUnsafe, concat: Buffer.concat };
  mock.method(Buffer, 'alloc', (length: number) => {
    allocated += length;
    return originals.alloc(length);
  });
  mock.method(Buffer, 'allocUnsafe', (length: number) => {
    allocated += length;
    return originals.allocUnsafe(length);
  });
  mock.method(Buffer, 'concat', (parts: readonly Uint8Array[]) => {
    const joined = originals.concat(parts);
    allocated += joined.length;
    return joined;
  });
  try {
    for (let offset = 0; offset < bytes.length; offset += 65_536) {
      socket.push(bytes.subarray(offset, offset + 65_536));
    }
    await settle();
  } finally {
    mock.restoreAll();
  }
  assert.equal(received, size);
  assert.ok(allocated < 1.1 * MAX_MESSAGE_DATA, `${allocated} bytes were allocated`);
});

test('a request over the limit is answered with RESOURCE_EXHAUSTED and skipped without keeping it', async () => {
  const { socket, mux } = scriptedServer({ M: echo });
  const piece = Buffer.alloc(65_536);
  const pieces = 2 * (MAX_MESSAGE_DATA / piece.length);
  const before = process.memoryUsage().arrayBuffers;
  socket.push(frame(CHANNEL, message(REQUEST, 1, new Uint8Array(0), pieces * piece.length)));
  const header = frame(CHANNEL, new Uint8Array(0), piece.length);
  for (let count = 0; count < pieces; count++) {
    socket.push(header);
    socket.push(piece);
    await settle();
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
  socket.push(frame(CHANNEL, request(3, { method: 'M', payload: Buffer.from('next') })));
  await settle();
  const replies = repliesIn(socket.written);
  assert.deepEqual(
    replies.map(({ stream, code, payload }) => [stream, code, payload]),
    [
      [1, StatusCode.RESOURCE_EXHAUSTED, ''],
      [3, StatusCode.OK, 'next'],
    ],
  );
  assert.equal(mux.isClosed, false);
});

test('a claimed length near 2^32 takes no memory', async () => {
  for (const length of [MAX_MESSAGE_DATA + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const { socket } = scriptedServer({ M: echo });
    const before = process.memoryUsage().arrayBuffers;
    const [answer] = await reply(socket, message(REQUEST, 1, Buffer.from('some data'), length));
    assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
    assert.equal(answer?.code, StatusCode.RESOURCE_EXHAUSTED);
    assert.match(answer.message, new RegExp(`${length} bytes`));
  }
});

test('a request over the limit is refused before it is sent, and the connection stays usable', async () => {
  const { socket, client } = scriptedClient();
  await assert.rejects(client.call('M', Buffer.alloc(MAX_MESSAGE_DATA), TIMEOUT_MS), {
    code: 'NRI_STATUS',
    status: StatusCode.RESOURCE_EXHAUSTED,
  });
  assert.equal(socket.written.length, 0);
  const call = client.call('M', Buffer.alloc(0), TIMEOUT_MS);
  socket.push(frame(CHANNEL, message(RESPONSE, 1, Buffer.alloc(0))));
  assert.equal((await call).length, 0);
});

test('a response over the limit becomes RESOURCE_EXHAUSTED before it is sent', async () => {
  const { socket } = scriptedServer({
    Now: () => encoded(Buffer.alloc(MAX_MESSAGE_DATA)),
    Later: async () => encoded(Buffer.alloc(MAX_MESSAGE_DATA)),
  });
  const replies = await reply(socket, request(1, { method: 'Now' }), request(3, { method: 'Later' }));
  assert.deepEqual(
    replies.map(({ stream, code, payload }) => [stream, code, payload]),
    [
      [1, StatusCode.RESOURCE_EXHAUSTED, ''],
      [3, StatusCode.RESOURCE_EXHAUSTED, ''],
    ],
  );
});

test('a response that claims more than the limit rejects its call only', async () => {
  const { socket, client } = scriptedClient();
  const big = client.call('M', Buffer.alloc(0), TIMEOUT_MS);
  const small = client.call('M', Buffer.alloc(0), TIMEOUT_MS);
  const size = MAX_MESSAGE_DATA + 1;
  socket.push(frame(CHANNEL, message(RESPONSE, 1, Buffer.alloc(MAX_MESSAGE_DATA), size)));
  socket.push(frame(CHANNEL, Buffer.concat([Buffer.alloc(1), message(RESPONSE, 3, Buffer.alloc(0))])));
  await assert.rejects(big, { status: StatusCode.RESOURCE_EXHAUSTED });
  assert.equal((await small).length, 0);
});
