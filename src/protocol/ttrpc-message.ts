import { StatusCode, TtrpcStatusError } from './errors.ts';
import { HeaderReader } from './header.ts';
import { encodeBehind, type MessageType, type PartialMessage } from './protobuf.ts';

const HEADER_SIZE = 10;
/** The most data a message may carry, without its header. */
export const MAX_MESSAGE_DATA = 4 * 1024 * 1024;

// Types of messages.
export const REQUEST = 1;
export const RESPONSE = 2;
export const STREAM_DATA = 3;

/**
 * Memory for messages that arrive in pieces, as those of most events do: they are longer than the first frame. It is kept, as
 * setting it aside anew took longer than decoding what is in it.
 */
const KEPT_MEMORY = 64 * 1024;

/** What a MessageReader tells of. */
export interface MessageReceiver {
  /** A message has arrived. `data` is good until this returns: its memory is used again. */
  message(type: number, stream: number, data: Buffer): void;
  /** A message over the limit has begun; its data is skipped. */
  oversized(stream: number, size: number): void;
}

/**
 * Cuts a channel's bytes into messages:
 *
 *      0             4             8      9      10
 *     +-------------+-------------+------+-------+---------------- - -
 *     | data length |  stream id  | type | flags |  data (length bytes)
 *     +-------------+-------------+------+-------+---------------- - -
 *       uint32 BE     uint32 BE     1 request      at most 4 MiB
 *                                   2 response
 *                                   3 stream data
 *
 * Memory is taken for one message at most, and only for one whose claimed length is allowed.
 */
export class MessageReader {
  readonly #receiver: MessageReceiver;
  readonly #header = new HeaderReader(HEADER_SIZE);
  /** The data of a message that arrives in pieces, and how much of it is there. */
  #data: Buffer | undefined;
  #filled = 0;
  #memory: Buffer | undefined;
  /** Bytes of an oversized message still to be skipped. */
  #skip = 0;

  constructor(receiver: MessageReceiver) {
    this.#receiver = receiver;
  }

  read(chunk: Buffer, start: number, chunkEnd: number): void {
    for (let offset = start; offset < chunkEnd; ) {
      if (this.#skip > 0) offset = this.#skipData(offset, chunkEnd);
      else if (this.#data !== undefined) offset = this.#continueData(this.#data, chunk, offset, chunkEnd);
      else offset = this.#beginMessage(chunk, offset, chunkEnd);
    }
  }

  #beginMessage(chunk: Buffer, start: number, chunkEnd: number): number {
    const offset = this.#header.fill(chunk, start, chunkEnd);
    if (!this.#header.isComplete) return offset;
    const length = this.#header.bytes.readUInt32BE(0);
    if (length > MAX_MESSAGE_DATA) {
      this.#header.reset();
      this.#skip = length;
      this.#receiver.oversized(this.#header.bytes.readUInt32BE(4), length);
      return offset;
    }
    const end = offset + length;
    if (end <= chunkEnd) {
      this.#deliver(chunk.subarray(offset, end));
      return end;
    }
    this.#data = this.#memoryFor(length);
    this.#filled = chunk.copy(this.#data, 0, offset, chunkEnd);
    return chunkEnd;
  }

  #memoryFor(length: number): Buffer {
    if (length > KEPT_MEMORY) return Buffer.allocUnsafe(length);
    this.#memory ??= Buffer.allocUnsafeSlow(KEPT_MEMORY);
    return this.#memory.subarray(0, length);
  }

  #continueData(data: Buffer, chunk: Buffer, offset: number, chunkEnd: number): number {
    const taken = chunk.copy(data, this.#filled, offset, chunkEnd);
    this.#filled += taken;
    if (this.#filled === data.length) {
      this.#data = undefined;
      this.#deliver(data);
    }
    return offset + taken;
  }

  #skipData(offset: number, chunkEnd: number): number {
    const skipped = Math.min(this.#skip, chunkEnd - offset);
    this.#skip -= skipped;
    return offset + skipped;
  }

  #deliver(data: Buffer): void {
    const header = this.#header;
    header.reset();
    this.#receiver.message(header.bytes.readUInt8(8), header.bytes.readUInt32BE(4), data);
  }
}

/**
 * Encodes a message with its header. What it returns is good until something is encoded again.
 *
 * @throws TtrpcStatusError RESOURCE_EXHAUSTED when it is over the limit
 */
export function encodeMessage<T>(
  type: number,
  stream: number,
  data: Pick<MessageType<T>, 'encode'>,
  content: PartialMessage<T>,
): Buffer {
  const message = encodeBehind(HEADER_SIZE, data, content);
  const length = message.length - HEADER_SIZE;
  if (length > MAX_MESSAGE_DATA) throw oversizedError(length);
  message.writeUInt32BE(length, 0);
  message.writeUInt32BE(stream, 4);
  message.writeUInt16BE(type << 8, 8);
  return message;
}

/** The refusal of a message that is over the limit. */
export function oversizedError(length: number): TtrpcStatusError {
  return new TtrpcStatusError(
    StatusCode.RESOURCE_EXHAUSTED,
    `a message of ${length} bytes is over the limit of ${MAX_MESSAGE_DATA}`,
  );
}
