import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';

/** Two ends of a real unix socket, destroyed when the test is over. */
export async function socketPair(t: TestContext): Promise<readonly [Socket, Socket]> {
  const pair = await connectedPair();
  t.after(() => {
    for (const socket of pair) socket.destroy();
  });
  return pair;
}

async function connectedPair(): Promise<readonly [Socket, Socket]> {
  const directory = await mkdtemp(join(tmpdir(), 'nri-'));
  const path = join(directory, 's');
  try {
    return await new Promise((resolve, reject) => {
      const server = createServer((accepted) => {
        server.close();
        resolve([dialed, accepted]);
      });
      server.on('error', reject);
      let dialed: Socket;
      server.listen(path, () => {
        dialed = connect(path).on('error', reject);
      });
    });
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A socket whose other side is the test: what is written to it is recorded, what it reads comes from `push`. */
export class ScriptedSocket extends Duplex {
  /** What was written; each entry is what one system call would have written. */
  readonly writes: Buffer[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(chunk);
    done();
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.writes.push(Buffer.concat(chunks.map(({ chunk }) => chunk)));
    done();
  }

  get written(): Buffer {
    return Buffer.concat(this.writes);
  }
}

/** A frame of the multiplexer. */
export function frame(channel: number, payload: Uint8Array, claimedLength = payload.length): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(channel, 0);
  header.writeUInt32BE(claimedLength, 4);
  return Buffer.concat([header, payload]);
}

/** A ttrpc message. */
export function message(type: number, stream: number, data: Uint8Array, claimedLength = data.length): Buffer {
  const header = Buffer.alloc(10);
  header.writeUInt32BE(claimedLength, 0);
  header.writeUInt32BE(stream, 4);
  header.writeUInt8(type, 8);
  return Buffer.concat([header, data]);
}

/** Cuts bytes at the given places (any numbers; they are brought into range and order). */
export function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const offsets = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...offsets].map((start, index) => bytes.subarray(start, offsets[index] ?? bytes.length));
}

/** Lets everything that is ready to run, run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
