import { createConnection, type Server, type Socket } from 'node:net';

/** Longest path of a socket, in bytes (`sun_path` of unix(7), less its end). Node cuts a longer one off. */
const MAX_PATH_BYTES = 107;
/** Takes everything from everybody but the owner: the socket's mode is 0600. */
const UMASK = 0o177;

/** @throws Error for a path that no socket can have */
export function checkSocketPath(path: string): void {
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return;
  throw new Error(`${path} is too long for a socket: at most ${MAX_PATH_BYTES} bytes`);
}

/**
 * Listens on a unix socket that is not there yet and that only its owner may use.
 *
 * @throws Error with the code that bind(2) fails with, such as EADDRINUSE
 */
export async function bindSocket(server: Server, path: string): Promise<void> {
  checkSocketPath(path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The socket has its mode from the start: `listen` binds it before it returns.
    const before = process.umask(UMASK);
    try {
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

/** Connects to a unix socket. @throws Error with the code that connect(2) fails with, such as ECONNREFUSED */
export function connectSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    // Stays: whoever gets the socket hears of its end by 'close'.
    socket.on('error', reject);
    socket.once('connect', () => resolve(socket));
  });
}
