import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConnectionClosedError, ProtocolError } from '../../src/protocol/errors.ts';
import {
  CreateContainerRequest,
  StateChangeEvent,
  SynchronizeRequest,
} from '../../src/protocol/generated/nri.js';
import { Request, Response } from '../../src/protocol/generated/ttrpc.js';
import { PluginConnection, RuntimeConnection } from '../../src/protocol/nri.ts';
import { encode, type MessageType, type PartialMessage } from '../../src/protocol/protobuf.ts';
import { cut, frame, message, ScriptedSocket, settle } from './sockets.ts';

/** The most memory a connection may hold for what has not arrived: a message of 4 MiB on each of its two channels. */
const MOST_MEMORY = 2 * 4 * 1024 * 1024 + 1024 * 1024;

function pluginOn(socket: ScriptedSocket): PluginConnection {
  return new PluginConnection(socket, {
    configure: () => ({ events: 1 }),
    synchronize: ({ containers }) => ({ update: containers.map(({ id }) => ({ containerId: id })) }),
    shutdown: () => ({}),
    createContainer: ({ container }) => {
      if (container === null) throw new Error('there is no container');
      return { update: [{ containerId: container.id }] };
    },
    updateContainer: async () => ({}),
    stopContainer: async () => {
      throw new Error('refused');
    },
    stopPodSandbox: () => ({}),
    removeContainer: () => ({}),
  });
}

function call<T>(stream: number, method: string, type: MessageType<T>, content: PartialMessage<T>): Buffer {
  const payload = encode(type, content);
  const request = encode(Request, { service: 'nri.pkg.api.v1alpha1.Plugin', method, payload });
  return frame(1, message(1, stream, request));
}

const container = { id: 'c1', labels: { a: 'b' }, linux: { resources: { cpu: { quota: { value: -1 } } } } };

/** What a well-behaved runtime sends. */
const session = Buffer.concat([
  frame(2, message(2, 1, encode(Response, {}))),
  call(1, 'Synchronize', SynchronizeRequest, { pods: [{ id: 'p1' }], containers: [container, container] }),
  call(3, 'CreateContainer', CreateContainerRequest, { pod: { id: 'p1' }, container }),
  call(5, 'StopContainer', CreateContainerRequest, { pod: { id: 'p1' }, container }),
  call(7, 'StateChange', StateChangeEvent, { event: 11, container }),
]);

/**
 * Feeds bytes to a plugin with a call pending and then ends the socket. An exception that is not caught fails the test by
 * itself.
 */
async function survives(bytes: Buffer, places: readonly number[]): Promise<void> {
  const socket = new ScriptedSocket();
  const before = process.memoryUsage().arrayBuffers;
  const plugin = pluginOn(socket);
  const registered = plugin
    .registerPlugin({ pluginName: 'x', pluginIdx: '99' }, 10_000)
    .catch((error) => error);
  for (const chunk of cut(bytes, places)) if (!socket.destroyed) socket.push(chunk);
  await settle();
  assert.ok(process.memoryUsage().arrayBuffers - before < MOST_MEMORY);
  if (!socket.destroyed) socket.push(null);
  const reason = await plugin.closed;
  if (reason !== undefined) {
    assert.ok(reason instanceof ProtocolError || reason instanceof ConnectionClosedError, String(reason));
    assert.notEqual(reason.message, '');
  }
  // The call never hangs: it was answered by what happened to be an answer, or it is rejected.
  await registered;
  assert.ok(socket.destroyed);
}

test('garbage ends the connection, never the process', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.nat(), { maxLength: 5 }),
      (bytes, places) => survives(Buffer.from(bytes), places),
    ),
    { numRuns: 300 },
  );
});

test('garbage in frames of both channels ends the connection, never the process', async () => {
  const piece = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.uint8Array({ maxLength: 60 }));
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 10 }), (pieces) =>
      survives(Buffer.concat(pieces.map(([channel, payload]) => frame(channel, payload))), []),
    ),
    { numRuns: 300 },
  );
});

test('a session with bytes changed, removed, repeated or cut off ends the connection, never the process', async () => {
  const position = fc.nat({ max: session.length - 1 });
  const change = fc.oneof(
    fc.record({
      kind: fc.constant('set' as const),
      at: position,
      value: fc.constantFrom(0, 1, 0x7f, 0x80, 0xff),
    }),
    fc.record({ kind: fc.constant('flip' as const), at: position, value: fc.integer({ min: 0, max: 7 }) }),
    fc.record({ kind: fc.constant('remove' as const), at: position, value: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant('repeat' as const), at: position, value: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ kind: fc.constant('end' as const), at: position, value: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 5 }),
      async (changes, places) => {
        let bytes = Buffer.from(session);
        for (const { kind, at, value } of changes) {
          const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
          if (kind === 'set' && at < bytes.length) bytes[at] = value;
          if (kind === 'flip' && at < bytes.length) bytes[at] = bytes[at]! ^ (1 << value);
          if (kind === 'remove') bytes = Buffer.concat([before, after.subarray(value)]);
          if (kind === 'repeat') bytes = Buffer.concat([before, after.subarray(0, value), after]);
          if (kind === 'end') bytes = before;
        }
        await survives(bytes, places);
      },
    ),
    { numRuns: 500 },
  );
});

test('the session the changes are made to is a good one', async () => {
  const socket = new ScriptedSocket();
  const plugin = pluginOn(socket);
  const registered = plugin.registerPlugin({ pluginName: 'x', pluginIdx: '99' }, 10_000);
  socket.push(session);
  await registered;
  await settle();
  // The registration and four answers.
  assert.equal(socket.writes.length, 5);
  socket.push(null);
  assert.equal(await plugin.closed, undefined);
});

test('a runtime survives a plugin that sends garbage', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), fc.boolean(), async (bytes, isFramed) => {
      const socket = new ScriptedSocket();
      const runtime = new RuntimeConnection(socket, {
        registerPlugin: () => ({}),
        updateContainers: ({ update }) => ({ failed: update }),
      });
      const configured = runtime.configure({}, 10_000).catch((error) => error);
      socket.push(isFramed ? Buffer.concat([frame(1, bytes), frame(2, bytes)]) : Buffer.from(bytes));
      await settle();
      if (!socket.destroyed) socket.push(null);
      await Promise.all([runtime.closed, configured]);
    }),
    { numRuns: 200 },
  );
});

test('a message of the longest allowed length that never comes takes no more memory than it is long', async () => {
  const socket = new ScriptedSocket();
  const plugin = pluginOn(socket);
  const before = process.memoryUsage().arrayBuffers;
  for (const channel of [1, 2]) {
    for (const byte of message(1, 1, new Uint8Array(1), 4 * 1024 * 1024))
      socket.push(frame(channel, Buffer.of(byte)));
  }
  await settle();
  assert.ok(process.memoryUsage().arrayBuffers - before < MOST_MEMORY);
  plugin.close();
  assert.equal(await plugin.closed, undefined);
});
