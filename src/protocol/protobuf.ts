import protobuf from 'protobufjs/minimal.js';
import { MessageWriter } from './writer.ts';

// protobufjs decodes 64-bit integers to objects of the `long` package wherever it finds that one, so a build could differ from
// development. Without it they are numbers. This has to happen before generated code runs, hence it imports this module.
(protobuf.util as { Long: unknown }).Long = null;
protobuf.configure();

export { protobuf };

/** A generated message type. */
export interface MessageType<T> {
  encode(message: PartialMessage<T>, writer: MessageWriter): MessageWriter;
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

  /**
   * Steps over all of a field that is not in the .proto and comes many times in a row, as the environment and the mounts of a
   * container do: most of what there is to step over. Takes 5 of 30 ms off a list of 1000 containers.
   */
  override skipType(wireType: number, depth?: number, field = 0): this {
    super.skipType(wireType, depth, field);
    const tag = (field << 3) | wireType;
    if (wireType === LENGTH_DELIMITED && tag < 0x80) {
      const { buf, len } = this;
      let { pos } = this;
      while (pos < len && buf[pos] === tag) {
        let length = buf[++pos]!;
        // Longer than two bytes tell, or not all there: no matter how long that takes.
        if (length >= 0x80) {
          const high = buf[++pos]!;
          if (high >= 0x80) break;
          length = (high << 7) | (length & 0x7f);
        }
        const end = pos + 1 + length;
        if (!(end <= len)) break;
        this.pos = pos = end;
      }
    }
    return this;
  }
}

/** Wire type of strings and messages (Protocol Buffers, "Encoding"). */
const LENGTH_DELIMITED = 2;

/** Decodes a message, see `MessageType`. Nothing of what it returns shares memory with `bytes`, except `bytes` fields. */
export function decode<T>(type: MessageType<T>, bytes: Uint8Array): T {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return type.decode(new StringReader(buffer));
}

const writer = new MessageWriter();

/** Encodes a message. */
export function encode<T>(type: MessageType<T>, message: PartialMessage<T>): Uint8Array {
  return Buffer.from(encodeBehind(0, type, message));
}

/**
 * Adds encoded fields to a message to be sent: those that its .proto does not have, or that many messages have alike. They come
 * after all others.
 */
export function withFields<T extends object>(fields: Uint8Array, message: T): T {
  // The name by which generated encoders know them.
  return Object.assign(message, { $unknowns: [fields] });
}

/** Encodes a message behind `room` bytes that are left for a header. What it returns is good until something is encoded again. */
export function encodeBehind<T>(
  room: number,
  type: Pick<MessageType<T>, 'encode'>,
  message: PartialMessage<T>,
): Buffer {
  return type.encode(message, writer.reset(room)).written;
}
