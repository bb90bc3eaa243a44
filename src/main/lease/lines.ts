import type { Socket } from 'node:net';

const MAX_LENGTH = 1024;

/**
 * Calls `take` with the value of each line of JSON that comes. Whoever sends something that is none, or too long, or that
 * `take` throws at, is not listened to any more.
 */
export function readLines(socket: Socket, take: (value: unknown) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = (text + chunk).split('\n');
    text = lines.pop()!;
    try {
      if (text.length > MAX_LENGTH) throw new Error('a line is too long');
      for (const line of lines) take(JSON.parse(line));
    } catch {
      socket.destroy();
    }
  });
}

export function writeLine(socket: Socket, value: object): void {
  if (socket.writable) socket.write(`${JSON.stringify(value)}\n`);
}
