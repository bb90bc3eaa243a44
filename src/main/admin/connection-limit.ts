import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Limits the connections of a server. A further one takes the place of the oldest to which no answer is under way: whoever
 * holds many and asks nothing keeps nobody out, least of all the probes, by whose failure the plugin would be ended. It is
 * turned away only while all others are being answered.
 */
export function limitConnections(server: Server, most: number): void {
  /** Oldest first. */
  const open = new Set<Socket>();
  const answered = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (open.size <= most) return;
    // If there is no other, it is the new one.
    const idle = [...open].find((each) => !answered.has(each))!;
    open.delete(idle);
    idle.destroy();
  });
  server.on('request', ({ socket }, response) => {
    answered.add(socket);
    response.once('close', () => answered.delete(socket));
  });
}
