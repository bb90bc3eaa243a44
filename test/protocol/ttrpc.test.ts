import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  CallTimeoutError,
  ConnectionClosedError,
  ProtocolError,
  StatusCode,
  TtrpcStatusError,
} from '../../src/protocol/errors.ts';
import { Response } from '../../src/protocol/generated/ttrpc.js';
import { Mux } from '../../src/protocol/mux.ts';
import { encode } from '../../src/protocol/protobuf.ts';
import { type Encoder, type Method, TtrpcClient, TtrpcServer } from '../../src/protocol/ttrpc.ts';
import { MAX_MESSAGE_DATA } from '../../src/protocol/ttrpc-message.ts';
import { frame, message, settle, socketPair } from './sockets.ts';
import {
  CHANNEL,
  echo,
  encoded,
  REQUEST,
  RESPONSE,
  reply,
  request,
  SERVICE,
  STREAM_DATA,
  scriptedClient,
  scriptedServer,
  TIMEOUT_MS,
} from './ttrpc-ends.ts';

async function connected(t: TestContext, methods: Readonly<Record<string, Method>>) {
  const [left, right] = await socketPair(t);
  const clientMux = new Mux(left);
  const serverMux = new Mux(right);
  new TtrpcServer(serverMux, CHANNEL, SERVICE, new Map(Object.entries(methods)));
  return { client: new TtrpcClient(clientMux, CHANNEL, SERVICE), clientMux, serverMux };
}

test('calls can overlap and be answered in any order', async (t) => {
  const waiting: (() => void)[] = [];
  const { client } = await connected(t, {
    Slow: (payload) => new Promise((resolve) => waiting.push(() => resolve(encoded(payload)))),
    Fast: echo,
  });
  const slow = [1, 2, 3].map((number) => client.call('Slow', Buffer.from(`slow ${number}`), TIMEOUT_MS));
  const fast = await client.call('Fast', Buffer.from('fast'), TIMEOUT_MS);
  assert.equal(Buffer.from(fast).toString(), 'fast');
  assert.equal(waiting.length, 3);
  for (const answer of waiting.toReversed()) answer();
  const answers = (await Promise.all(slow)).map((bytes) => Buffer.from(bytes).toString());
  assert.deepEqual(answers, ['slow 1', 'slow 2', 'slow 3']);
});

test('payloads up to the limit go through in both directions', async (t) => {
  const { client } = await connected(t, { Echo: echo });
  const payload = Buffer.alloc(MAX_MESSAGE_DATA - 64, 'abc');
  const answer = await client.call('Echo', payload, TIMEOUT_MS);
  assert.ok(payload.equals(answer));
});

test('an error of a method is answered as UNKNOWN with its message, a status as it is', async (t) => {
  const { client } = await connected(t, {
    Throws: () => {
      throw new Error('no CPUs left');
    },
    Rejects: async () => {
      throw new Error('no CPUs left');
    },
    Refuses: () => {
      throw new TtrpcStatusError(9, 'not now');
    },
    ThrowsText: () => {
      throw 'plain text';
    },
  });
  for (const [method, status, text] of [
    ['Throws', StatusCode.UNKNOWN, 'no CPUs left'],
    ['Rejects', StatusCode.UNKNOWN, 'no CPUs left'],
    ['Refuses', 9, 'not now'],
    ['ThrowsText', StatusCode.UNKNOWN, 'plain text'],
  ] as const) {
    await assert.rejects(client.call(method, Buffer.alloc(0), TIMEOUT_MS), (error) => {
      assert.ok(error instanceof TtrpcStatusError);
      assert.deepEqual([error.code, error.status, error.message], ['NRI_STATUS', status, text]);
      return true;
    });
  }
});

test('unknown services and methods are answered with UNIMPLEMENTED', async () => {
  const { socket } = scriptedServer({ M: echo });
  const replies = await reply(
    socket,
    request(1, { service: 'other.Service', method: 'M' }),
    request(3, { method: 'Missing' }),
    request(5, { method: 'constructor' }),
    request(7, { method: 'M' }),
  );
  assert.deepEqual(
    replies.map(({ stream, code }) => [stream, code]),
    [
      [1, StatusCode.UNIMPLEMENTED],
      [3, StatusCode.UNIMPLEMENTED],
      [5, StatusCode.UNIMPLEMENTED],
      [7, StatusCode.OK],
    ],
  );
  assert.match(replies[0]!.message, /other\.Service/);
  assert.match(replies[1]!.message, /Missing/);
});

test('an unknown method with an enormous name gets a short answer', async () => {
  const { socket } = scriptedServer({});
  const [answer] = await reply(socket, request(1, { method: 'x'.repeat(MAX_MESSAGE_DATA - 100) }));
  assert.equal(answer?.code, StatusCode.UNIMPLEMENTED);
  assert.ok(answer.message.length < 10_000);
});

test('even and reused stream ids, stream data and malformed requests are answered with INVALID_ARGUMENT', async () => {
  const { socket } = scriptedServer({ M: echo });
  const replies = await reply(
    socket,
    request(2, { method: 'M' }),
    request(0, { method: 'M' }),
    request(5, { method: 'M' }),
    request(5, { method: 'M' }),
    request(3, { method: 'M' }),
    message(STREAM_DATA, 5, Buffer.from('data')),
    message(REQUEST, 7, Buffer.from([0xff, 0xff])),
    request(9, { method: 'M' }),
  );
  assert.deepEqual(
    replies.map(({ stream, code }) => [stream, code]),
    [
      [2, StatusCode.INVALID_ARGUMENT],
      [0, StatusCode.INVALID_ARGUMENT],
      [5, StatusCode.OK],
      [5, StatusCode.INVALID_ARGUMENT],
      [3, StatusCode.INVALID_ARGUMENT],
      [5, StatusCode.INVALID_ARGUMENT],
      [7, StatusCode.INVALID_ARGUMENT],
      [9, StatusCode.OK],
    ],
  );
});

test('messages of an unknown type are ignored', async () => {
  const { socket } = scriptedServer({ M: echo });
  const replies = await reply(socket, message(9, 1, Buffer.from('?')), request(1, { method: 'M' }));
  assert.deepEqual(
    replies.map(({ stream, code }) => [stream, code]),
    [[1, StatusCode.OK]],
  );
});

test('a call that is not answered in time rejects; its late answer is ignored', async (t) => {
  let answerLate: (answer: Encoder) => void = () => {};
  const { client } = await connected(t, {
    Never: () =>
      new Promise((resolve) => {
        answerLate = resolve;
      }),
    Echo: echo,
  });
  await assert.rejects(client.call('Never', Buffer.alloc(0), 20), (error) => {
    assert.ok(error instanceof CallTimeoutError);
    assert.equal(error.code, 'NRI_CALL_TIMEOUT');
    assert.match(error.message, /Never.*20 ms/);
    return true;
  });
  answerLate(encoded(Buffer.from('late')));
  assert.equal(Buffer.from(await client.call('Echo', Buffer.from('ok'), TIMEOUT_MS)).toString(), 'ok');
});

test('an answered call leaves no timer behind', async (t) => {
  const { client } = await connected(t, { Echo: echo });
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  await client.call('Echo', Buffer.alloc(0), TIMEOUT_MS);
  assert.equal(timers(), before);
});

test('pending and later calls are rejected when either side closes', async (t) => {
  for (const side of ['clientMux', 'serverMux'] as const) {
    const connection = await connected(t, { Never: () => new Promise(() => {}) });
    const pending = [1, 2].map(() => connection.client.call('Never', Buffer.alloc(0), TIMEOUT_MS));
    connection[side].close();
    for (const call of pending) {
      await assert.rejects(call, { name: 'ConnectionClosedError', code: 'NRI_CONNECTION_CLOSED' });
    }
    await assert.rejects(connection.client.call('Never', Buffer.alloc(0), TIMEOUT_MS), ConnectionClosedError);
  }
});

test('pending calls are told why the connection was lost', async () => {
  const { socket, client } = scriptedClient();
  const call = client.call('M', Buffer.alloc(0), TIMEOUT_MS);
  socket.push(frame(CHANNEL, Buffer.alloc(0), 0xffffffff));
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof ConnectionClosedError);
    assert.ok(error.cause instanceof ProtocolError);
    assert.match(error.message, /4294967295 bytes/);
    return true;
  });
});

test('an answer that comes after the connection closed goes nowhere', async () => {
  let answer: (answer: Encoder) => void = () => {};
  const { socket, mux } = scriptedServer({
    M: () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  });
  socket.push(frame(CHANNEL, request(1, { method: 'M' })));
  await settle();
  mux.close();
  answer(encoded(Buffer.from('late')));
  await settle();
  assert.equal(socket.written.length, 0);
});

test('malformed answers reject the call they belong to, answers to nothing are ignored', async () => {
  const { socket, client, mux } = scriptedClient();
  const calls = [1, 2, 3].map(() => client.call('M', Buffer.alloc(0), TIMEOUT_MS));
  socket.push(frame(CHANNEL, message(RESPONSE, 99, Buffer.alloc(0))));
  socket.push(frame(CHANNEL, message(RESPONSE, 1, Buffer.from([0xff]))));
  socket.push(frame(CHANNEL, message(STREAM_DATA, 3, Buffer.alloc(0))));
  socket.push(frame(CHANNEL, message(RESPONSE, 5, encode(Response, { payload: Buffer.from('good') }))));
  await assert.rejects(calls[0]!, ProtocolError);
  await assert.rejects(calls[1]!, ProtocolError);
  assert.equal(Buffer.from(await calls[2]!).toString(), 'good');
  assert.equal(mux.isClosed, false);
});
