import type { Server, ServerResponse } from 'node:http';

import { createConnectionGroups } from './connection-groups.ts';

/** Maximum milliseconds between two checks for responses that are received too slowly. */
const CHECK_INTERVAL_MS = 500;

/** Connections kept free below the limit: a burst is accepted before closed connections are gone. */
const reserveOf = (max: number): number => Math.min(512, Math.ceil(max / 10));

/**
 * Closes the connections of finished responses that are received too slowly. One timer for all is
 * cheaper than one each.
 */
function createResponseDeadlines(
  server: Server,
  timeoutMs: number,
): Readonly<{ start: (response: ServerResponse) => void; cancel: (response: ServerResponse) => void }> {
  /** Oldest first. */
  const deadlines = new Map<ServerResponse, number>();
  const closeSlow = (): void => {
    for (const [response, deadline] of deadlines) {
      if (deadline > performance.now()) {
        return;
      }
      deadlines.delete(response);
      response.socket?.destroy();
    }
  };
  const checks = setInterval(closeSlow, Math.min(CHECK_INTERVAL_MS, timeoutMs / 2)).unref();
  server.once('close', () => clearInterval(checks));
  return {
    start: (response) => deadlines.set(response, performance.now() + timeoutMs),
    cancel: (response) => deadlines.delete(response),
  };
}

/**
 * Limits the connections of a server, and those from one network (an IPv4 address, or a /64 of
 * IPv6).
 *
 * When `max` is near, or a network has `maxPerAddress`, the oldest connection without a complete
 * request is closed for each new one, then the one that has been idle longest. When all are busy,
 * the new one is closed. Networks for which `isProxy` is true have no limit of their own.
 *
 * A connection is closed if its client has not received a finished response completely after
 * `responseTimeoutMs` milliseconds: Node limits how long requests may take to arrive, but not how long
 * responses may take to send.
 */
export function limitConnections(
  server: Server,
  {
    max,
    maxPerAddress,
    isProxy,
    responseTimeoutMs,
  }: {
    max: number;
    maxPerAddress: number;
    isProxy: (address: string) => boolean;
    responseTimeoutMs: number;
  },
): void {
  // Dropped here: otherwise several processes on one port would pass the connection to each other endlessly.
  Object.assign(server, { maxConnections: max, dropMaxConnection: true });
  const groups = createConnectionGroups(isProxy);
  const deadlines = createResponseDeadlines(server, responseTimeoutMs);
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
    groups.beginRequest(request);
    // The response is completely written to the socket's buffer, but possibly not sent.
    response.once('prefinish', () => deadlines.start(response));
    response.once('close', () => {
      deadlines.cancel(response);
      groups.endRequest(request);
    });
  });
}
