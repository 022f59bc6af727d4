import type { Server } from 'node:http';

import { createConnectionGroups } from './connection-groups.ts';

/** Connections kept free below the limit: a burst is accepted before closed connections are gone. */
const reserveOf = (max: number): number => Math.min(512, Math.ceil(max / 10));

/**
 * Limits the connections of a server, and those from one network (an IPv4 address, or a /64 of
 * IPv6).
 *
 * When `max` is near, or a network has `maxPerAddress`, the oldest connection without a complete
 * request is closed for each new one, then the one that has been idle longest. When all are busy,
 * the new one is closed. Networks for which `isProxy` is true have no limit of their own.
 */
export function limitConnections(
  server: Server,
  {
    max,
    maxPerAddress,
    isProxy,
  }: {
    max: number;
    maxPerAddress: number;
    isProxy: (address: string) => boolean;
  },
): void {
  // Dropped here: otherwise several processes on one port would pass the connection to each other endlessly.
  Object.assign(server, { maxConnections: max, dropMaxConnection: true });
  const groups = createConnectionGroups(isProxy);
  const threshold = max - reserveOf(max);

  server.on('connection', (socket) => {
    const network = groups.add(socket);
    if (network && network.open > maxPerAddress && !groups.closeOldest(network, socket)) {
      socket.destroy();
    } else if (groups.all.open > threshold) {
      groups.closeOldest(groups.all, socket);
    }
  });

  server.on('request', (request, response) => {
    const connection = groups.beginRequest(request);
    // `close` is emitted once, and `on` is cheaper than `once`.
    response.on('close', () => groups.endRequest(connection, request));
  });
}
