import { Request, Response } from '../../src/protocol/generated/ttrpc.js';
import { Mux } from '../../src/protocol/mux.ts';
import { encode, type PartialMessage } from '../../src/protocol/protobuf.ts';
import { type Encoder, type Method, TtrpcClient, TtrpcServer } from '../../src/protocol/ttrpc.ts';
import { frame, message, ScriptedSocket, settle } from './sockets.ts';

export const CHANNEL = 1;
export const SERVICE = 'test.Service';
export const REQUEST = 1;
export const RESPONSE = 2;
export const STREAM_DATA = 3;
export const TIMEOUT_MS = 10_000;

interface Reply {
  readonly stream: number;
  readonly code: number;
  readonly message: string;
  readonly payload: string;
}

/** A server whose client is the test. */
export function scriptedServer(methods: Readonly<Record<string, Method>>) {
  const socket = new ScriptedSocket();
  const mux = new Mux(socket);
  new TtrpcServer(mux, CHANNEL, SERVICE, new Map(Object.entries(methods)));
  return { socket, mux };
}

/** A client whose server is the test. */
export function scriptedClient() {
  const socket = new ScriptedSocket();
  const mux = new Mux(socket);
  return { socket, mux, client: new TtrpcClient(mux, CHANNEL, SERVICE) };
}

export function request(stream: number, content: PartialMessage<Request>): Buffer {
  return message(REQUEST, stream, encode(Request, { service: SERVICE, ...content }));
}

/** The ttrpc messages in frames. */
function messagesIn(bytes: Buffer): readonly { type: number; stream: number; data: Buffer }[] {
  const payloads: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const end = offset + 8 + bytes.readUInt32BE(offset + 4);
    payloads.push(bytes.subarray(offset + 8, end));
    offset = end;
  }
  const stream = Buffer.concat(payloads);
  const messages: { type: number; stream: number; data: Buffer }[] = [];
  for (let offset = 0; offset < stream.length; ) {
    const end = offset + 10 + stream.readUInt32BE(offset);
    const data = stream.subarray(offset + 10, end);
    messages.push({ type: stream.readUInt8(offset + 8), stream: stream.readUInt32BE(offset + 4), data });
    offset = end;
  }
  return messages;
}

export function repliesIn(bytes: Buffer): readonly Reply[] {
  return messagesIn(bytes).map(({ stream, data }) => {
    const { status, payload } = Response.decode(data);
    return {
      stream,
      code: status?.code ?? 0,
      message: status?.message ?? '',
      payload: Buffer.from(payload).toString(),
    };
  });
}

export async function reply(
  socket: ScriptedSocket,
  ...messages: readonly Buffer[]
): Promise<readonly Reply[]> {
  socket.writes.length = 0;
  for (const bytes of messages) socket.push(frame(CHANNEL, bytes));
  await settle();
  return repliesIn(socket.written);
}

/** An encoded response, to be sent as it is. */
export const encoded =
  (payload: Uint8Array): Encoder =>
  (writer) => {
    writer.raw(payload);
  };

export const echo: Method = encoded;
