import { existsSync, linkSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type FileIdentity, identify, isStillAt } from '../file-identity.ts';
import { makeFolder } from '../folder.ts';
import { bindSocket, connectSocket } from '../unix-socket.ts';

// A lease is a unix socket that somebody listens on: the kernel ends that when the process ends, however it ends. Nothing else
// works between a host and its pods, which share a folder but neither process ids nor network namespaces, and file locks are
// out of reach.
//
// A socket whose process is gone stays behind as a file, and there is no way to replace such a file that is safe from others
// who want the same. So each holder takes the next number, `lease.N`, and
//   - listens before its socket gets that name: a socket of that name that nobody listens on was left behind;
//   - takes N + 1 only after finding N left behind, or with its holder's leave, which that holder ends by taking N + 1 itself;
//   - never removes the highest number, not even its own when it stops: no number comes twice, and whoever was slow finds his
//     taken, or a higher one after taking it, and steps back.

const NAME = /^lease\.(\d{1,15})$/;
const UNNAMED = '.lease-';

/** Whoever holds the lease. */
export interface Holder {
  readonly number: number;
  /** Connected to it; undefined if that cannot be had: too many are, or it may not be used. */
  readonly socket: Socket | undefined;
}

/** The lease, held by this process until the server is closed. */
export interface Claim {
  readonly number: number;
  readonly server: Server;
  /** Of the socket that has the number. */
  readonly file: FileIdentity;
}

/**
 * Finds out who holds the lease.
 *
 * @returns the holder; if nobody is, the number to claim it after
 * @throws Error when the folder cannot be made or read, or others may write in it
 */
export async function findHolder(folder: string): Promise<Holder | number> {
  makeFolder(folder, 0o700);
  const { uid, mode } = statSync(folder);
  if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) {
    throw new Error(`others than this user may write in ${folder}`);
  }
  const numbers = numbersIn(folder);
  for (const number of numbers) {
    const holder = await connect(folder, number);
    if (holder !== undefined) return holder;
  }
  return numbers[0] ?? 0;
}

/**
 * Takes the lease, if nobody else is quicker.
 *
 * @param after the number of the holder that gives it up, or that was left behind
 * @throws Error when the folder cannot be written to, or there is no higher number
 */
export async function claimLease(folder: string, after: number): Promise<Claim | undefined> {
  const number = after + 1;
  if (!NAME.test(nameOf(number))) throw new Error(`there is no number above that of ${nameOf(after)}`);
  // Whoever finds the same name there starts again. The module for better random numbers takes a millisecond to load.
  const unnamed = join(folder, UNNAMED + Math.random().toString(36).slice(2));
  const server = createServer();
  let file: FileIdentity;
  try {
    await bindSocket(server, unnamed);
    file = identify(unnamed);
    linkSync(unnamed, pathOf(folder, number));
  } catch (error) {
    server.close();
    if (isQuickness(error)) return undefined;
    throw error;
  } finally {
    rmSync(unnamed, { force: true });
  }
  const [highest] = numbersIn(folder);
  if (highest !== number) {
    rmSync(pathOf(folder, number), { force: true });
    server.close();
    return undefined;
  }
  removeLeftovers(folder, number);
  return { number, server, file };
}

/** Whether others can still find the lease: somebody may have emptied the folder, and another one begun in it anew. */
export function isFound(folder: string, { number, file }: Claim): boolean {
  return isStillAt(pathOf(folder, number), file);
}

/**
 * Ends the leave to take the lease over: whoever was given it, and comes now, finds the next number taken.
 *
 * @returns the lease, as it is now held; undefined if somebody has taken it over
 */
export function takeBack(folder: string, claim: Claim): Claim | undefined {
  const number = claim.number + 1;
  try {
    linkSync(pathOf(folder, claim.number), pathOf(folder, number));
  } catch {
    // Where nobody has taken it, and it cannot be done, such as on a full disk, nobody else can do it either.
    return existsSync(pathOf(folder, number)) ? undefined : claim;
  }
  removeLeftovers(folder, number);
  return { ...claim, number };
}

/** Another took the number or the name, or the holder took our socket, before it had its number, for one left behind. */
function isQuickness(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException;
  return ['EEXIST', 'EADDRINUSE', 'ENOENT'].includes(code);
}

/** Highest first. */
function numbersIn(folder: string): readonly number[] {
  return readdirSync(folder)
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((one, other) => other - one);
}

function nameOf(number: number): string {
  return `lease.${number}`;
}

function pathOf(folder: string, number: number): string {
  return join(folder, nameOf(number));
}

/** @returns undefined if nobody listens */
async function connect(folder: string, number: number): Promise<Holder | undefined> {
  try {
    return { number, socket: await connectSocket(pathOf(folder, number)) };
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return code === 'ECONNREFUSED' || code === 'ENOENT' ? undefined : { number, socket: undefined };
  }
}

/** Removes what earlier holders, and those who were killed on the way, have left. It is no harm if something stays. */
function removeLeftovers(folder: string, held: number): void {
  try {
    for (const name of readdirSync(folder)) {
      const number = NAME.exec(name)?.[1];
      const isLower = number !== undefined && Number(number) < held;
      if (isLower || name.startsWith(UNNAMED)) rmSync(join(folder, name), { force: true });
    }
  } catch {
    // The next holder will try again.
  }
}
