import { Socket, type SocketConstructorOpts } from 'node:net';

const MEMORY = 64 * 1024;

/**
 * A socket that hands over what it reads as soon as it is there, in memory that is used again, instead of making a new buffer
 * of it and passing that through a stream.
 */
export class DirectSocket extends Socket {
  /** Called with the memory and how much of it has been read; what is in it is good until this returns. */
  receive: (memory: Buffer, size: number) => void = () => {};

  /** Of a file descriptor, or to be connected. */
  constructor(options: SocketConstructorOpts = {}) {
    super({
      ...options,
      onread: {
        buffer: Buffer.allocUnsafeSlow(MEMORY),
        callback: (size: number, memory: Uint8Array) => {
          this.receive(memory as Buffer, size);
          return true;
        },
      },
    } as SocketConstructorOpts);
  }
}
