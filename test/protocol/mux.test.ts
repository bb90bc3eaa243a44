import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConnectionClosedError, ProtocolError } from '../../src/protocol/errors.ts';
import { MAX_FRAME_PAYLOAD, Mux } from '../../src/protocol/mux.ts';
import { cut, frame, ScriptedSocket, settle, socketPair } from './sockets.ts';

const HEADER = 8;

/** The payload lengths of the frames in `bytes`. */
function frameLengths(bytes: Buffer): readonly number[] {
  const lengths: number[] = [];
  for (let offset = 0; offset < bytes.length; offset += HEADER + lengths.at(-1)!) {
    lengths.push(bytes.readUInt32BE(offset + 4));
  }
  return lengths;
}

test('a message is sent as big-endian channel, big-endian length, payload', () => {
  const socket = new ScriptedSocket();
  new Mux(socket).send(0x01020304, Buffer.from('hello'));
  assert.equal(socket.written.toString('hex'), '01020304' + '00000005' + '68656c6c6f');
});

test('a message of up to 4096 bytes is one frame, a longer one is 4096 bytes and then all the rest', () => {
  for (const [size, frames] of [
    [4095, [4095]],
    [4096, [4096]],
    [4097, [4096, 1]],
    [10_000, [4096, 5904]],
    [MAX_FRAME_PAYLOAD, [4096, MAX_FRAME_PAYLOAD - 4096]],
  ] as const) {
    const socket = new ScriptedSocket();
    const message = Buffer.alloc(size, 'abcdefg');
    new Mux(socket).send(2, message);
    assert.deepEqual(frameLengths(socket.written), frames, `frames of ${size} bytes`);
    const first = socket.written.subarray(HEADER, HEADER + frames[0]);
    const rest = socket.written.subarray(HEADER + frames[0] + HEADER);
    assert.ok(message.equals(Buffer.concat([first, rest])), `content of ${size} bytes`);
    assert.equal(socket.writes.length, 1, 'written at once');
  }
});

test('every message starts a frame of its own', () => {
  const socket = new ScriptedSocket();
  const mux = new Mux(socket);
  mux.send(1, Buffer.from('a'));
  mux.send(1, Buffer.from('bc'));
  assert.deepEqual(frameLengths(socket.written), [1, 2]);
});

test('bytes of each channel arrive in order however the frames and the socket cut them', async () => {
  const frames = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.uint8Array({ maxLength: 40 })), {
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(frames, fc.array(fc.nat()), async (sent, places) => {
      const socket = new ScriptedSocket();
      const mux = new Mux(socket);
      const received = new Map<number, Buffer[]>([
        [1, []],
        [2, []],
      ]);
      for (const [channel, chunks] of received)
        mux.open(channel, (chunk, start, end) => chunks.push(chunk.subarray(start, end)));
      const bytes = Buffer.concat(sent.map(([channel, payload]) => frame(channel, payload)));
      for (const chunk of cut(bytes, places)) socket.push(chunk);
      await settle();
      for (const [channel, chunks] of received) {
        const expected = sent.filter(([to]) => to === channel).map(([, payload]) => payload);
        assert.deepEqual(Buffer.concat(chunks), Buffer.concat(expected));
      }
    }),
  );
});

test('frames of channels nobody opened, 0 among them, are dropped without keeping them', async () => {
  const socket = new ScriptedSocket();
  const mux = new Mux(socket);
  const received: string[] = [];
  mux.open(1, (chunk, start, end) => received.push(chunk.toString(undefined, start, end)));
  const before = process.memoryUsage().arrayBuffers;
  const piece = Buffer.alloc(65_536);
  for (const channel of [0, 3, 0xffffffff]) {
    socket.push(frame(channel, new Uint8Array(0), 64 * piece.length));
    for (let count = 0; count < 64; count++) {
      socket.push(piece);
      await settle();
    }
  }
  socket.push(frame(1, Buffer.from('still here')));
  await settle();
  assert.deepEqual(received, ['still here']);
  assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
});

test('a frame that claims more than is allowed closes the connection, and no memory is taken for it', async () => {
  for (const length of [MAX_FRAME_PAYLOAD + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
    for (const channel of [1, 99]) {
      const socket = new ScriptedSocket();
      const mux = new Mux(socket);
      mux.open(1, () => assert.fail('nothing of the frame may be delivered'));
      const before = process.memoryUsage().arrayBuffers;
      socket.push(frame(channel, Buffer.from('payload'), length));
      const reason = await mux.closed;
      assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
      assert.ok(reason instanceof ProtocolError);
      assert.match(reason.message, new RegExp(`${length} bytes`));
      assert.ok(socket.destroyed);
    }
  }
});

test('the longest allowed frame is delivered', async () => {
  const socket = new ScriptedSocket();
  const mux = new Mux(socket);
  let size = 0;
  mux.open(1, (_, start, end) => {
    size += end - start;
  });
  socket.push(frame(1, Buffer.alloc(MAX_FRAME_PAYLOAD)));
  await settle();
  assert.equal(size, MAX_FRAME_PAYLOAD);
});

test('the end of the socket between two frames is an ordinary end, inside a frame it is an error', async () => {
  const whole = frame(1, Buffer.from('payload'));
  for (let length = 0; length <= whole.length; length++) {
    const socket = new ScriptedSocket();
    const mux = new Mux(socket);
    socket.push(whole.subarray(0, length));
    socket.push(null);
    const reason = await mux.closed;
    if (length === 0 || length === whole.length) assert.equal(reason, undefined, `after ${length} bytes`);
    else assert.ok(reason instanceof ProtocolError, `after ${length} bytes`);
  }
});

test('an error of the socket is the reason of the close', async () => {
  const socket = new ScriptedSocket();
  const mux = new Mux(socket);
  socket.destroy(new Error('read ECONNRESET'));
  const reason = await mux.closed;
  assert.ok(reason instanceof ConnectionClosedError);
  assert.match(reason.message, /ECONNRESET/);
});

test('an error of a receiver closes the connection with that error', async () => {
  const socket = new ScriptedSocket();
  const mux = new Mux(socket);
  mux.open(1, () => {
    throw new ProtocolError('nonsense');
  });
  socket.push(frame(1, Buffer.from('payload')));
  assert.equal((await mux.closed)?.message, 'nonsense');
});

test('what was sent before a close still arrives, what is sent after it does not', async (t) => {
  const [left, right] = await socketPair(t);
  const sender = new Mux(left);
  const receiver = new Mux(right);
  const received: Buffer[] = [];
  receiver.open(1, (chunk, start, end) => received.push(chunk.subarray(start, end)));
  const message = Buffer.alloc(1_000_000, 'x');
  sender.send(1, message);
  sender.close();
  sender.send(1, Buffer.from('too late'));
  assert.equal(await receiver.closed, undefined);
  assert.equal(await sender.closed, undefined);
  assert.ok(message.equals(Buffer.concat(received)));
});

test('nothing is delivered any more after a close, even of what has arrived', async () => {
  const socket = new ScriptedSocket();
  const mux = new Mux(socket);
  const received: string[] = [];
  mux.open(1, (chunk, start, end) => {
    received.push(chunk.toString(undefined, start, end));
    mux.close();
  });
  socket.push(Buffer.concat([frame(1, Buffer.from('first')), frame(1, Buffer.from('second'))]));
  await mux.closed;
  assert.deepEqual(received, ['first']);
});

test('a socket that was over before it was handed in is an ordinary end', async () => {
  const socket = new ScriptedSocket();
  socket.destroy();
  await settle();
  assert.equal(await new Mux(socket).closed, undefined);
});

test('a side that sends but never reads is given up', async () => {
  const socket = new ScriptedSocket();
  socket._writev = () => {};
  socket._write = () => {};
  const mux = new Mux(socket);
  const message = Buffer.alloc(MAX_FRAME_PAYLOAD);
  for (let count = 0; count < 20; count++) mux.send(1, message);
  assert.match((await mux.closed)?.message ?? '', /unread/);
});
