import { close, openSync, write, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Where log lines go. Logging never disturbs the work: a sink never throws and never waits, and what cannot be written is
 * dropped.
 */
export interface LogSink {
  /** Takes whole lines with their line ends. `level` is pino's: 30 is info, more is worse. */
  write(lines: string, level: number): void;
  /** Writes what is left, as far as possible, and lets go of the destination. */
  close(): Promise<void>;
}

/** Characters kept for a destination that is slow or gone. Behind them, new lines are dropped. */
const MAX_WAITING = 1024 * 1024;
const RETRY_MS = 100;
const LINE_END = 10;
const CLOSE_MS = 1000;

/** A log that nobody reads. */
export const NOWHERE: LogSink = { write() {}, async close() {} };

/**
 * Appends to the file.
 *
 * @throws Error with the code that open(2) fails with, such as ENOENT
 */
export function openFileSink(path: string): LogSink {
  return new FileSink(openSync(path, 'a', 0o640), true);
}

/** Writes to the standard error stream. */
export function standardErrorSink(): LogSink {
  return new FileSink(2, false);
}

/**
 * A descriptor written to in turn, off the main thread: a full pipe or a slow disk must not keep the plugin from answering
 * in time. Lines still waiting when the process exits are written then.
 */
class FileSink implements LogSink {
  readonly #descriptor: number;
  readonly #owned: boolean;
  #waiting = '';
  #writing = false;
  /** What was written last is a part of a line, the rest of which was dropped: the disk is full, or was. */
  #isTorn = false;
  #closed = false;
  #idle: (() => void) | undefined;
  readonly #onExit = () => this.#writeRest();

  constructor(descriptor: number, owned: boolean) {
    this.#descriptor = descriptor;
    this.#owned = owned;
    process.once('exit', this.#onExit);
  }

  write(lines: string): void {
    if (this.#closed || this.#waiting.length + lines.length > MAX_WAITING) return;
    this.#waiting += lines;
    if (!this.#writing) this.#writeNext();
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#writing) {
      const idle = new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
      await Promise.race([idle, delay(CLOSE_MS, undefined, { ref: false })]);
    }
    process.off('exit', this.#onExit);
    // What is still being written keeps its descriptor: closed, the number could soon be another file's.
    if (this.#owned && !this.#writing) close(this.#descriptor, () => {});
  }

  #writeNext(): void {
    this.#writing = this.#waiting !== '';
    if (!this.#writing) {
      this.#idle?.();
      return;
    }
    const bytes = Buffer.from(this.#isTorn ? `\n${this.#waiting}` : this.#waiting);
    this.#waiting = '';
    this.#writeBytes(bytes);
  }

  #writeBytes(bytes: Buffer): void {
    write(this.#descriptor, bytes, (error, written) => {
      if (error === null) this.#isTorn = bytes[written - 1] !== LINE_END;
      if (error?.code === 'EAGAIN') setTimeout(() => this.#writeBytes(bytes), RETRY_MS).unref();
      else if (error === null && written < bytes.length) this.#writeBytes(bytes.subarray(written));
      else this.#writeNext();
    });
  }

  #writeRest(): void {
    try {
      writeSync(this.#descriptor, this.#waiting);
    } catch {
      // The process is ending: there is nobody left to tell.
    }
  }
}

/**
 * Writes to the systemd journal by its stream socket (`/run/systemd/journal/stdout`), the one that the standard output of
 * services is connected to: a header of seven lines, then log lines that begin with their syslog priority (systemd-journald,
 * `sd-daemon(3)`). Undefined when there is no journal.
 */
export async function openJournalSink(socketPath: string, identifier: string): Promise<LogSink | undefined> {
  const socket = connect(socketPath);
  const connected = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    // Stays for good: a journal that goes away later must not end the process.
    socket.on('error', () => resolve(false));
  });
  if (!connected) return undefined;
  // Identifier, unit, default priority, whether lines begin with a priority, and forwarding to syslog, kmsg and console.
  socket.write(`${identifier}\n\n6\n1\n0\n0\n0\n`);
  socket.unref();
  return journalSink(socket);
}

function journalSink(socket: Socket): LogSink {
  return {
    write(lines, level) {
      if (socket.writable && socket.writableLength + lines.length <= MAX_WAITING) {
        socket.write(`<${syslogPriority(level)}>${lines}`);
      }
    },
    async close() {
      const closed = new Promise<void>((resolve) => socket.end(resolve));
      await Promise.race([closed, delay(CLOSE_MS, undefined, { ref: false })]);
      socket.destroy();
    },
  };
}

function syslogPriority(level: number): number {
  if (level >= 60) return 2;
  if (level >= 50) return 3;
  if (level >= 40) return 4;
  return level >= 30 ? 6 : 7;
}
