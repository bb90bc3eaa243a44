import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { ConfigError } from './config-error.ts';

/** What a file that somebody names may be. */
export interface TextFileLimits {
  /** Longest text that is read. */
  readonly maxBytes: number;
  /** Whether it may also be a pipe, which somebody has to write to and to close. */
  readonly orPipe?: boolean;
}

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
/** So much is read at once. */
const CHUNK_BYTES = 64 * KIBIBYTE;

/**
 * Reads a text. Whatever the path leads to, no more than the limit is read, and only a pipe is waited for.
 *
 * @param name what the text is, for error messages
 * @throws ConfigError when it is missing, unreadable, no file, too long or not UTF-8
 */
export async function readTextFile(path: string, name: string, limits: TextFileLimits): Promise<string> {
  const { maxBytes, orPipe = false } = limits;
  try {
    // Before it is opened: some devices do something then.
    const status = await stat(path);
    if (status.isDirectory()) throw new ConfigError(`${name}: is a folder`);
    if (!status.isFile() && !(orPipe && status.isFIFO())) throw new ConfigError(`${name}: is not a file`);
    // Some files of the kernel, such as /proc/kmsg, have readers wait for what is not there yet.
    const file = await open(path, constants.O_RDONLY | (orPipe ? 0 : constants.O_NONBLOCK));
    try {
      return await readText(chunksOf(file), name, maxBytes);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw explained(error, name);
  }
}

/**
 * The text that a stream brings, as `readTextFile`.
 *
 * @throws ConfigError
 */
export async function readText(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  maxBytes: number,
): Promise<string> {
  const read: Uint8Array[] = [];
  let total = 0;
  try {
    for await (const chunk of chunks) {
      read.push(chunk);
      total += chunk.length;
      checkLength(total, name, maxBytes);
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(read));
  } catch (error) {
    throw explained(error, name);
  }
}

/** @throws ConfigError when a text is too long */
export function checkLength(bytes: number, name: string, maxBytes: number): void {
  if (bytes > maxBytes) throw new ConfigError(`${name}: is longer than ${sizeText(maxBytes)}`);
}

/** What kept a file from being read, in words. */
export function explained(error: unknown, name: string): unknown {
  if (error instanceof ConfigError || !(error instanceof Error)) return error;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'does not exist',
    ENOTDIR: 'does not exist',
    EISDIR: 'is a folder',
    EACCES: 'may not be read',
    EPERM: 'may not be read',
    ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8 text',
  };
  const { code = '' } = error as NodeJS.ErrnoException;
  return new ConfigError(`${name}: ${reasons[code] ?? `cannot be read: ${error.message}`}`);
}

async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer);
    if (bytesRead === 0) return;
    // A pipe may bring a byte at a time, which is to take no more room than that.
    yield new Uint8Array(buffer.subarray(0, bytesRead));
  }
}

function sizeText(bytes: number): string {
  return bytes < MEBIBYTE ? `${bytes / KIBIBYTE} KiB` : `${bytes / MEBIBYTE} MiB`;
}
