import { lstatSync, renameSync, type Stats, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { type FileIdentity, identify, isStillAt } from '../file-identity.ts';
import { makeFolder } from '../folder.ts';
import { bindSocket } from '../unix-socket.ts';

/** Somebody else answers on the socket: another plugin on this node, or the one before that is still ending. */
export class SocketInUseError extends Error {
  override readonly name = 'SocketInUseError';
}

const CONNECT_TIMEOUT_MS = 1000;
/** Appended to the name of a socket for a moment. */
const ASIDE = '~';

/** A server on a unix socket. */
export class ListeningSocket {
  readonly #server: Server;
  readonly #path: string;
  readonly #file: FileIdentity;

  constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
    this.#file = identify(path);
  }

  /** Whether others can still find it: somebody may have removed it, and another process put one of its own there. */
  get isFound(): boolean {
    try {
      return isStillAt(this.#path, this.#file);
    } catch {
      // What is said of the folder is said when a socket is made in it anew.
      return false;
    }
  }

  /**
   * Ends listening and all connections. With that, Node removes whatever has the socket's name, also what another process has
   * put there: that is out of the way meanwhile.
   */
  close(): void {
    const isOthers = !this.isFound && moves(this.#path, this.#path + ASIDE);
    this.#server.close();
    this.#server.closeAllConnections();
    if (isOthers) moves(this.#path + ASIDE, this.#path);
  }
}

/**
 * Listens on a unix socket that only its owner may use. A missing folder is made, and the socket of a process that is gone is
 * replaced.
 *
 * @throws SocketInUseError when a living process listens there; Error when it cannot be made
 */
export async function listenOnSocket(server: Server, path: string): Promise<ListeningSocket> {
  makeFolder(dirname(path), 0o700);
  if (!(await binds(server, path))) {
    await removeStale(path);
    // Instances change places within milliseconds: another one may have been quicker.
    if (!(await binds(server, path))) throw new SocketInUseError(`another process has just bound ${path}`);
  }
  return new ListeningSocket(server, path);
}

/** Binds the socket. @returns whether its name was free */
async function binds(server: Server, path: string): Promise<boolean> {
  try {
    await bindSocket(server, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return false;
  }
}

async function removeStale(path: string): Promise<void> {
  const found = status(path);
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`${path} is there and is no socket`);
  if (await isAnswered(path)) throw new SocketInUseError(`another process listens on ${path}`);
  // Whoever was quicker to replace it keeps it.
  if (status(path)?.ino === found.ino) unlinkSync(path);
}

function status(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Whether a process listens. One that is too busy to accept does. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const settle = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => settle(true));
    socket.once('connect', () => settle(true));
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      settle(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}

/** @returns whether there was something to move */
function moves(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}
