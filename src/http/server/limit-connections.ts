import type { Server } from 'node:http';

/**
 * Keeps connections from standing open for nothing.
 *
 * When there are `max`, those that wait for a next request are ended; while all
 * of them are at work a further one is refused. A client that has not taken the
 * whole of a finished answer after `patience` milliseconds loses its connection:
 * Node has limits for how requests arrive, and none for how answers leave.
 */
export function boundConnections(server: Server, { max, patience }: { max: number; patience: number }): void {
  let open = 0;
  // Dropped, or several processes on one port would hand it to each other, round and round.
  Object.assign(server, { maxConnections: max, dropMaxConnection: true });
  server.on('connection', (socket) => {
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
    if (open >= max) {
      server.closeIdleConnections();
    }
  });
  server.on('request', ({ socket }, response) => {
    let timer: NodeJS.Timeout | undefined;
    // All of it is written, and none of it may have left.
    response.once('prefinish', () => {
      timer = setTimeout(() => socket.destroy(), patience);
    });
    response.once('close', () => clearTimeout(timer));
  });
}
