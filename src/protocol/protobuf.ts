import protobuf from 'protobufjs/minimal.js';

// protobufjs decodes 64-bit integers to objects of the `long` package wherever it finds that one, so a build could differ from
// development. Without it they are numbers. This has to happen before generated code runs, hence it imports this module.
(protobuf.util as { Long: unknown }).Long = null;
protobuf.configure();

export { protobuf };

/** A generated message type. */
export interface MessageType<T> {
  encode(message: PartialMessage<T>, writer: protobuf.Writer): protobuf.Writer;
  /**
   * Decodes a message, stepping over fields that are not in its .proto. Fields that were not sent read as their default, but
   * only through the prototype: spreading or cloning a message leaves them out.
   *
   * @throws Error when the bytes are no such message
   */
  decode(bytes: Uint8Array | protobuf.Reader): T;
}

/** A message to send: every field may be left out (or be null), which sends it as "not set". */
export type PartialMessage<T> = T extends string | number | boolean | Uint8Array
  ? T
  : T extends readonly (infer Item)[]
    ? readonly PartialMessage<Item>[]
    : { readonly [Field in keyof T]?: PartialMessage<T[Field]> | null | undefined };

/**
 * Writes 64-bit integers that JavaScript rounded up to 2^63 or 2^64 ("unlimited" is often the largest integer, which is no
 * double) as that largest integer instead of letting them wrap around.
 */
export class MessageWriter extends protobuf.BufferWriter {
  override int64(value: number): protobuf.Writer {
    return super.int64(value < 2 ** 63 ? value : MAX_INT64);
  }

  override uint64(value: number): protobuf.Writer {
    return super.uint64(value < 2 ** 64 ? value : MAX_UINT64);
  }
}

// The shape of a 64-bit integer that protobufjs' writer takes besides numbers.
const MAX_INT64 = { low: -1, high: 0x7fffffff, unsigned: false };
const MAX_UINT64 = { low: -1, high: -1, unsigned: true };

/**
 * Reads strings by Node's own decoder, which takes half the time of protobufjs' strict one for the short ones there are: most
 * of what decoding an event costs is its strings.
 */
class StringReader extends protobuf.BufferReader {
  override stringVerify(): string {
    const start = this.pos;
    const text = this.string();
    // Node puts this character for what is no UTF-8. The text may also have it by right: then the strict decoder decides.
    if (!text.includes('\u{fffd}')) return text;
    this.pos = start;
    return super.stringVerify();
  }
}

/** Decodes a message, see `MessageType`. Nothing of what it returns shares memory with `bytes`, except `bytes` fields. */
export function decode<T>(type: MessageType<T>, bytes: Uint8Array): T {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return type.decode(new StringReader(buffer));
}

/** Encodes a message. */
export function encode<T>(type: MessageType<T>, message: PartialMessage<T>): Uint8Array {
  return type.encode(message, new MessageWriter()).finish(true);
}
