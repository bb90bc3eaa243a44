import { accessSync, closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join, resolve } from 'node:path';
import type { SysfsFiles } from '../../placement/sysfs-files.ts';
import { hostFiles } from '../../workers/host-files.ts';

/** A node as the checks see it. Paths are relative to the host's root, as in `etc/containerd/config.toml`. */
export interface Node extends SysfsFiles {
  /** The folder that holds the host's root, to name files by. */
  readonly root: string;
  /** Whether this is the host that we run on, and not a copy of some host's files. */
  readonly isLive: boolean;
  /** Our user id on the host; 0 is root. */
  readonly userId: number;
  /** Milliseconds since 1970. */
  readonly wallClock: number;
  /** The error code of what keeps us from reading a file or folder, such as `ENOENT`; undefined if nothing does. */
  obstacle(path: string): string | undefined;
  /** What a symbolic link says; undefined if it cannot be read. */
  link(path: string): string | undefined;
  /** Connects to a unix socket and hangs up. @returns the error code if that fails, such as `ECONNREFUSED` */
  connect(path: string): Promise<string | undefined>;
}

const CONNECT_TIMEOUT_MS = 2000;
/** More than any file has that there is something to learn from. */
const MAX_BYTES = 4 * 1024 * 1024;
const BOOT_ID = 'proc/sys/kernel/random/boot_id';

/** The node whose root is at `hostRoot`: `/`, a folder where the host's is mounted, or a copy of a host's files. */
export function openNode(hostRoot: string): Node {
  const root = resolve(hostRoot);
  const { list } = hostFiles(root);
  const read = (path: string) => readFile(join(root, path));
  const bootId = read(BOOT_ID);
  return {
    root,
    // Wherever it is mounted, the kernel that answers tells which boot it is.
    isLive: root === '/' || (bootId !== undefined && bootId === hostFiles('/').read(BOOT_ID)),
    userId: process.geteuid?.() ?? 0,
    wallClock: Date.now(),
    read,
    list,
    obstacle(path) {
      try {
        accessSync(join(root, path), constants.R_OK);
        return undefined;
      } catch (failure) {
        return errorCode(failure);
      }
    },
    link(path) {
      try {
        return readlinkSync(join(root, path));
      } catch {
        return undefined;
      }
    },
    connect,
  };
}

/** How people name a file of the host. */
export function hostPath(node: Pick<Node, 'root'>, path: string): string {
  return join(node.root, path);
}

/** Whatever is in the place of a file is not waited for, as a pipe is until somebody writes to it. */
function readFile(path: string): string | undefined {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = fstatSync(file);
      return status.isFile() && status.size <= MAX_BYTES ? readFileSync(file, 'utf8') : undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

function connect(path: string): Promise<string | undefined> {
  return new Promise((settle) => {
    const socket = createConnection({ path });
    const end = (code: string | undefined): void => {
      socket.destroy();
      settle(code);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => end('ETIMEDOUT'));
    socket.once('connect', () => end(undefined));
    socket.once('error', (failure) => end(errorCode(failure)));
  });
}

function errorCode(failure: unknown): string {
  return (failure as NodeJS.ErrnoException).code ?? String(failure);
}
