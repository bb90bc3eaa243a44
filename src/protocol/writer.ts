/** Memory that is kept for the next message; a longer one is given back. */
const KEPT_MEMORY = 64 * 1024;
/** The longest varint: 64 bits, 7 in a byte. */
const MAX_VARINT = 10;
/** A UTF-16 code unit takes at most so many bytes in UTF-8. */
const MAX_BYTES_PER_UNIT = 3;

const MAX_INT64 = 2n ** 63n - 1n;
const MAX_UINT64 = 2n ** 64n - 1n;

/**
 * Writes protobuf messages, called by generated encoders as they call protobufjs' writer. That one makes a list of what is to
 * be written, two objects for each field, and writes it in the end; this one writes at once.
 */
export class MessageWriter {
  #bytes = Buffer.allocUnsafeSlow(KEPT_MEMORY);
  #position = 0;
  /** Where the messages that are not at their end begin, behind the byte that is kept for their length; innermost last. */
  readonly #starts: number[] = [];

  /** Starts anew, behind `room` bytes that are left for a header. */
  reset(room = 0): this {
    if (this.#bytes.length > KEPT_MEMORY) this.#bytes = Buffer.allocUnsafeSlow(KEPT_MEMORY);
    this.#position = room;
    this.#starts.length = 0;
    return this;
  }

  /** What has been written, and the room before it. Good until `reset` is called. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#position);
  }

  uint32(value: number): this {
    this.#reserve(MAX_VARINT);
    this.#varint(value);
    return this;
  }

  int32(value: number): this {
    return this.int64(value);
  }

  /** Numbers that were rounded up to 2^63 ("unlimited" is often the largest integer, which is no double) are sent as that one. */
  int64(value: number): this {
    return value >= 0 && value < 2 ** 63 ? this.uint32(value) : this.#bigVarint(value, MAX_INT64);
  }

  /** As `int64`, for 2^64. */
  uint64(value: number): this {
    return value < 2 ** 64 ? this.uint32(value) : this.#bigVarint(value, MAX_UINT64);
  }

  bool(value: boolean): this {
    return this.uint32(Number(value));
  }

  string(value: string): this {
    this.#reserve(MAX_VARINT + value.length * MAX_BYTES_PER_UNIT);
    const start = ++this.#position;
    this.#position += this.#bytes.write(value, start);
    this.#writeLengthBefore(start);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.uint32(value.length);
    return this.raw(value);
  }

  /** Fields that are encoded already. */
  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#position);
    this.#position += value.length;
    return this;
  }

  /** Begins a message within this one. */
  fork(): this {
    this.#reserve(MAX_VARINT);
    this.#starts.push(++this.#position);
    return this;
  }

  /** Ends the message that `fork` began. */
  ldelim(): this {
    this.#reserve(MAX_VARINT);
    this.#writeLengthBefore(this.#starts.pop()!);
    return this;
  }

  /** Writes the length of what begins at `start` into the byte before, and moves it on where that does not do. */
  #writeLengthBefore(start: number): void {
    const end = this.#position;
    const length = end - start;
    this.#position = start - 1;
    if (length > 0x7f) this.#bytes.copyWithin(start + varintSize(length) - 1, start, end);
    this.#varint(length);
    this.#position += length;
  }

  /** @param value any that is not negative: dividing by a power of two is exact */
  #varint(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) this.#bytes[this.#position++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#position++] = rest;
  }

  #bigVarint(value: number, max: bigint): this {
    this.#reserve(MAX_VARINT);
    let rest = value > 0 ? max : BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#position++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#position++] = Number(rest);
    return this;
  }

  #reserve(size: number): void {
    const needed = this.#position + size;
    if (needed <= this.#bytes.length) return;
    const longer = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(longer, 0, 0, this.#position);
    this.#bytes = longer;
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) size++;
  return size;
}
