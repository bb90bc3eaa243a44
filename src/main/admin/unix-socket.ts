import { lstatSync, type Stats, unlinkSync } from 'node:fs';
import { createConnection, type Server } from 'node:net';
import { dirname } from 'node:path';
import { makeFolder } from '../folder.ts';
import { bindSocket } from '../unix-socket.ts';

/** Somebody else answers on the socket: another plugin on this node, or the one before that is still ending. */
export class SocketInUseError extends Error {
  override readonly name = 'SocketInUseError';
}

const CONNECT_TIMEOUT_MS = 1000;

/**
 * Listens on a unix socket that only its owner may use. A missing folder is made, and the socket of a process that is gone is
 * replaced.
 *
 * @throws SocketInUseError when a living process listens there; Error when it cannot be made
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  makeFolder(dirname(path), 0o700);
  if (await binds(server, path)) return;
  await removeStale(path);
  // Instances change places within milliseconds: another one may have been quicker.
  if (!(await binds(server, path))) throw new SocketInUseError(`another process has just bound ${path}`);
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
