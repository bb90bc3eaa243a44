import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';

/** A unix socket that can be opened and closed again and again. */
export class Listener {
  readonly #path: string;
  readonly #onSocket: (socket: Socket) => void;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(path: string, onSocket: (socket: Socket) => void) {
    this.#path = path;
    this.#onSocket = onSocket;
  }

  /** Replaces whatever is at the path. Rejects if it cannot listen there. */
  async open(): Promise<void> {
    rmSync(this.#path, { force: true });
    const server = createServer((socket) => this.adopt(socket));
    server.listen(this.#path);
    await once(server, 'listening');
    this.#server = server;
  }

  /** Takes a connection that was made in another way as one made here. */
  adopt(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    this.#onSocket(socket);
  }

  /** Ends all connections and removes the socket. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
