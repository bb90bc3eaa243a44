import type { Duplex } from 'node:stream';
import { DirectSocket } from './direct-socket.ts';
import { ConnectionClosedError, ProtocolError } from './errors.ts';
import { HeaderReader } from './header.ts';

/** Channel of the Plugin service: the runtime calls, the plugin answers. */
export const PLUGIN_CHANNEL = 1;
/** Channel of the Runtime service: the plugin calls, the runtime answers. */
export const RUNTIME_CHANNEL = 2;

const FRAME_HEADER_SIZE = 8;
/** The longest payload of a frame: a ttrpc header and 4 MiB (NRI multiplexer). */
export const MAX_FRAME_PAYLOAD = 4 * 1024 * 1024 + 10;
/** The buffer the Go implementation reads a message's beginning into: a first frame must fit into it. */
const FIRST_FRAME_PAYLOAD = 4096;
/** Bytes that may wait for the other side to read them before it is given up. */
const MAX_UNREAD = 16 * MAX_FRAME_PAYLOAD;

/** Gets a channel's bytes in order, cut anywhere: those of `chunk` from `start` up to but not including `end`. */
export type Receiver = (chunk: Buffer, start: number, end: number) => void;

/**
 * Several channels over one socket. Each frame is
 *
 *      0               4               8
 *     +---------------+---------------+------------------- - -
 *     |  channel id   |    length     |  payload (length bytes)
 *     +---------------+---------------+------------------- - -
 *       uint32 BE       uint32 BE       at most 4 MiB + 10
 *
 * Nothing opens or closes a channel; frames of channels that nobody has opened here are dropped. Owns the socket: its end is
 * the end of the Mux and the other way round. Payload is passed on as it arrives, so a frame's claimed length costs no memory.
 */
export class Mux {
  /** Settles once, when the connection is over: with undefined after an ordinary end, else with the reason. */
  readonly closed: Promise<Error | undefined>;

  readonly #socket: Duplex;
  readonly #receivers = new Map<number, Receiver>();
  readonly #header = new HeaderReader(FRAME_HEADER_SIZE);
  /** Bytes of the current frame's payload that have not arrived yet. */
  #missing = 0;
  #isClosed = false;
  #settleClosed!: (reason: Error | undefined) => void;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    if (socket instanceof DirectSocket) socket.receive = (memory, size) => this.#read(memory, size);
    else socket.on('data', (chunk: Buffer) => this.#read(chunk, chunk.length));
    socket.on('end', () => this.#ended());
    socket.on('close', () => this.#ended());
    socket.on('error', (error) =>
      this.#fail(new ConnectionClosedError(`connection lost: ${error.message}`, { cause: error })),
    );
    if (socket.destroyed || socket.readableEnded) this.close();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Directs a channel's bytes to `receiver`. An error it throws closes the connection with that error. */
  open(channel: number, receiver: Receiver): void {
    this.#receivers.set(channel, receiver);
  }

  /**
   * Sends one whole message on a channel, in the shape the Go implementation can read: it reads a message's beginning into
   * a buffer of 4096 bytes that has to hold a whole frame, and then what is left of the message in one frame. Does nothing
   * once the connection is closed. `message` is copied.
   */
  send(channel: number, message: Buffer): void {
    if (this.#isClosed) return;
    if (this.#socket.writableLength > MAX_UNREAD) {
      this.#fail(new ProtocolError(`the other side leaves more than ${MAX_UNREAD} bytes unread`));
      return;
    }
    const first = Math.min(message.length, FIRST_FRAME_PAYLOAD);
    const rest = message.length - first;
    const firstEnd = FRAME_HEADER_SIZE + first;
    const bytes = Buffer.allocUnsafe(firstEnd + (rest > 0 ? FRAME_HEADER_SIZE + rest : 0));
    writeFrameHeader(bytes, 0, channel, first);
    message.copy(bytes, FRAME_HEADER_SIZE, 0, first);
    if (rest > 0) {
      writeFrameHeader(bytes, firstEnd, channel, rest);
      message.copy(bytes, firstEnd + FRAME_HEADER_SIZE, first);
    }
    this.#socket.write(bytes);
  }

  /** Ends the connection after what was sent has been written. */
  close(): void {
    if (this.#isClosed) return;
    this.#over(undefined);
    this.#socket.end(() => this.#socket.destroy());
  }

  #fail(reason: Error): void {
    this.#over(reason);
    this.#socket.destroy();
  }

  #ended(): void {
    const isInsideFrame = this.#missing > 0 || !this.#header.isEmpty;
    if (isInsideFrame) this.#fail(new ProtocolError('the connection ended in the middle of a frame'));
    else this.close();
  }

  #over(reason: Error | undefined): void {
    this.#isClosed = true;
    this.#settleClosed(reason);
  }

  #read(chunk: Buffer, size: number): void {
    try {
      for (let offset = 0; offset < size && !this.#isClosed; ) offset = this.#readFrame(chunk, offset, size);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** Reads until the end of a frame or of the chunk, which is at `size`; returns the offset reached. */
  #readFrame(chunk: Buffer, start: number, size: number): number {
    let offset = start;
    if (this.#missing === 0) {
      offset = this.#header.fill(chunk, offset, size);
      if (!this.#header.isComplete) return offset;
      this.#header.reset();
      const length = this.#header.bytes.readUInt32BE(4);
      if (length > MAX_FRAME_PAYLOAD) {
        throw new ProtocolError(`a frame claims ${length} bytes, at most ${MAX_FRAME_PAYLOAD} are allowed`);
      }
      this.#missing = length;
    }
    const end = Math.min(offset + this.#missing, size);
    this.#missing -= end - offset;
    if (end > offset) this.#receivers.get(this.#header.bytes.readUInt32BE(0))?.(chunk, offset, end);
    return end;
  }
}

function writeFrameHeader(target: Buffer, offset: number, channel: number, length: number): void {
  target.writeUInt32BE(channel, offset);
  target.writeUInt32BE(length, offset + 4);
}
