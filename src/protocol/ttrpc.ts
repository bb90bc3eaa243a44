import {
  CallTimeoutError,
  ConnectionClosedError,
  ProtocolError,
  StatusCode,
  TtrpcStatusError,
} from './errors.ts';
import { Request, Response } from './generated/ttrpc.js';
import type { Mux } from './mux.ts';
import { decode } from './protobuf.ts';
import {
  encodeMessage,
  MessageReader,
  type MessageReceiver,
  oversizedError,
  REQUEST,
  RESPONSE,
  STREAM_DATA,
} from './ttrpc-message.ts';
import type { MessageWriter } from './writer.ts';

/** The longest error text that is sent, in characters: it ends up in a pod's events. */
const MAX_STATUS_MESSAGE = 4096;
/** Of `Response.payload`: field 2, bytes. */
const PAYLOAD_TAG = (2 << 3) | 2;

/** Writes an encoded message. */
export type Encoder = (writer: MessageWriter) => void;

/**
 * Answers one method: takes the encoded request, whose bytes are there until it returns, and returns what writes the encoded
 * response. A TtrpcStatusError chooses the status.
 */
export type Method = (payload: Uint8Array) => Encoder | Promise<Encoder>;

/** A Response with this payload, which is written where it belongs: to encode it apart took 3 % of an event's CPU time. */
const Answer = {
  encode(payload: Encoder, writer: MessageWriter): MessageWriter {
    payload(writer.uint32(PAYLOAD_TAG).fork());
    return writer.ldelim();
  },
};

/** Serves one service on a channel. Requests may overlap; each is answered when its method is done. */
export class TtrpcServer implements MessageReceiver {
  readonly #mux: Mux;
  readonly #channel: number;
  readonly #service: string;
  readonly #methods: ReadonlyMap<string, Method>;
  #lastStream = 0;

  constructor(mux: Mux, channel: number, service: string, methods: ReadonlyMap<string, Method>) {
    this.#mux = mux;
    this.#channel = channel;
    this.#service = service;
    this.#methods = methods;
    const reader = new MessageReader(this);
    mux.open(channel, (chunk, start, end) => reader.read(chunk, start, end));
  }

  oversized(stream: number, size: number): void {
    this.#refuse(stream, oversizedError(size));
  }

  message(type: number, stream: number, data: Buffer): void {
    // Other types may come with later versions of the protocol.
    if (type !== REQUEST && type !== STREAM_DATA) return;
    try {
      if (stream % 2 === 0) throw invalid(`stream id ${stream} is even, a client's ids are odd`);
      if (type === STREAM_DATA) throw invalid(`stream ${stream} takes no data, only unary calls are served`);
      if (stream <= this.#lastStream) throw invalid(`stream id ${stream} is not higher than those before it`);
      this.#lastStream = stream;
      const answer = this.#run(data);
      if (answer instanceof Promise) {
        answer.then(
          (payload) => this.#answer(stream, payload),
          (error) => this.#refuse(stream, error),
        );
      } else {
        this.#answer(stream, answer);
      }
    } catch (error) {
      this.#refuse(stream, error);
    }
  }

  #run(data: Buffer): Encoder | Promise<Encoder> {
    const { service, method, payload } = decodeRequest(data);
    if (service !== this.#service) throw unimplemented(`service ${service}`);
    const run = this.#methods.get(method);
    if (run === undefined) throw unimplemented(`method ${method} of service ${service}`);
    return run(payload);
  }

  #answer(stream: number, payload: Encoder): void {
    try {
      this.#mux.send(this.#channel, encodeMessage(RESPONSE, stream, Answer, payload));
    } catch (error) {
      this.#refuse(stream, error);
    }
  }

  #refuse(stream: number, error: unknown): void {
    const code = error instanceof TtrpcStatusError ? error.status : StatusCode.UNKNOWN;
    const text = error instanceof Error ? error.message : String(error);
    const status = { code, message: text.slice(0, MAX_STATUS_MESSAGE) };
    this.#mux.send(this.#channel, encodeMessage(RESPONSE, stream, Response, { status }));
  }
}

function decodeRequest(data: Buffer): Request {
  try {
    return decode(Request, data);
  } catch (error) {
    throw invalid(`not a ttrpc request: ${(error as Error).message}`);
  }
}

function invalid(message: string): TtrpcStatusError {
  return new TtrpcStatusError(StatusCode.INVALID_ARGUMENT, message);
}

function unimplemented(what: string): TtrpcStatusError {
  return new TtrpcStatusError(StatusCode.UNIMPLEMENTED, `${what} is not served here`);
}

interface PendingCall {
  resolve(payload: Uint8Array): void;
  reject(reason: Error): void;
  readonly timer: NodeJS.Timeout;
}

/** Calls the methods of one service on a channel. Calls may overlap. */
export class TtrpcClient implements MessageReceiver {
  readonly #mux: Mux;
  readonly #channel: number;
  readonly #service: string;
  readonly #pending = new Map<number, PendingCall>();
  #nextStream = 1;

  constructor(mux: Mux, channel: number, service: string) {
    this.#mux = mux;
    this.#channel = channel;
    this.#service = service;
    const reader = new MessageReader(this);
    mux.open(channel, (chunk, start, end) => reader.read(chunk, start, end));
    mux.closed.then((reason) => {
      for (const stream of this.#pending.keys()) this.#take(stream)?.reject(closedError(reason));
    });
  }

  /**
   * Calls a method with an encoded request; resolves to the encoded response. The other side is told the timeout
   * (milliseconds).
   *
   * Rejects with TtrpcStatusError (the other side's refusal, or RESOURCE_EXHAUSTED when a message is over the limit),
   * CallTimeoutError, ConnectionClosedError or ProtocolError.
   */
  call(method: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#mux.isClosed) throw closedError(undefined);
      const stream = this.#nextStream;
      const request = { service: this.#service, method, payload, timeoutNano: timeoutMs * 1e6 };
      const message = encodeMessage(REQUEST, stream, Request, request);
      this.#nextStream += 2;
      const timer = setTimeout(() => {
        this.#take(stream)?.reject(new CallTimeoutError(`${method} was not answered within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.set(stream, { resolve, reject, timer });
      this.#mux.send(this.#channel, message);
    });
  }

  oversized(stream: number, size: number): void {
    this.#take(stream)?.reject(oversizedError(size));
  }

  message(type: number, stream: number, data: Buffer): void {
    const call = this.#take(stream);
    // An answer after its timeout, or to nothing we asked.
    if (call === undefined) return;
    try {
      if (type !== RESPONSE) throw new ProtocolError(`a call was answered with a message of type ${type}`);
      const { status, payload } = decodeResponse(data);
      if (status === null || status.code === StatusCode.OK) call.resolve(Buffer.from(payload));
      else call.reject(new TtrpcStatusError(status.code, status.message));
    } catch (error) {
      call.reject(error as Error);
    }
  }

  /** Ends the waiting for a call. */
  #take(stream: number): PendingCall | undefined {
    const call = this.#pending.get(stream);
    if (call === undefined) return undefined;
    this.#pending.delete(stream);
    clearTimeout(call.timer);
    return call;
  }
}

function decodeResponse(data: Buffer): Response {
  try {
    return decode(Response, data);
  } catch (error) {
    throw new ProtocolError(`not a ttrpc response: ${(error as Error).message}`);
  }
}

function closedError(reason: Error | undefined): ConnectionClosedError {
  return reason === undefined
    ? new ConnectionClosedError('the connection is closed')
    : new ConnectionClosedError(`the connection is closed: ${reason.message}`, { cause: reason });
}
