import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { networkOf } from '../network.ts';

/** Connections of all clients, or of one network. Both sets are ordered by age, oldest first. */
class Group {
  open = 0;
  /** Without a complete request: a header or a body is missing, or part of it. */
  readonly waiting = new Set<Socket>();
  /** Between two requests. */
  readonly idle = new Set<Socket>();
}

/** Maximum milliseconds between two checks for responses that are received too slowly. */
const CHECK_INTERVAL_MS = 500;

/** Connections kept free below the limit: a burst is accepted before closed connections are gone. */
const reserveOf = (max: number): number => Math.min(512, Math.ceil(max / 10));

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/**
 * Limits the connections of a server, and those from one network (an IPv4 address, or a /64 of
 * IPv6).
 *
 * When `max` is near, or a network has `maxPerAddress`, the oldest connection without a complete
 * request is closed for each new one, then the one that has been idle longest. When all are busy,
 * the new one is closed. Networks for which `isProxy` is true have no limit of their own: they
 * carry many clients.
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
  const all = new Group();
  const networks = new Map<string, Group>();
  const groupsOf = new WeakMap<Socket, readonly Group[]>();
  const requests = new WeakMap<Socket, IncomingMessage>();
  const threshold = max - reserveOf(max);
  /** When to close the connections of finished responses, oldest first. One timer for all is cheaper than one each. */
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
  const checks = setInterval(closeSlow, Math.min(CHECK_INTERVAL_MS, responseTimeoutMs / 2)).unref();
  server.once('close', () => clearInterval(checks));

  const move = (socket: Socket, to: 'waiting' | 'idle' | 'work' | 'closed'): void => {
    for (const group of groupsOf.get(socket) ?? []) {
      group.waiting.delete(socket);
      group.idle.delete(socket);
      if (to === 'waiting' || to === 'idle') {
        group[to].add(socket);
      }
    }
  };

  /** Closes one connection that is not busy. Returns whether there was one. */
  const closeOldest = ({ waiting, idle }: Group, except: Socket): boolean => {
    for (const socket of waiting) {
      // The body has arrived since. No event reports that before a handler reads it.
      if (requests.get(socket)?.complete) {
        move(socket, 'work');
      } else if (socket !== except) {
        move(socket, 'closed');
        socket.destroy();
        return true;
      }
    }
    for (const socket of idle) {
      move(socket, 'closed');
      socket.destroy();
      return true;
    }
    return false;
  };

  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? '';
    const network = networkOf(address);
    const own = isProxy(address) ? null : (networks.get(network) ?? new Group());
    if (own) {
      networks.set(network, own);
    }
    const groups = own ? [all, own] : [all];
    groupsOf.set(socket, groups);
    for (const group of groups) {
      group.open += 1;
    }
    move(socket, 'waiting');
    socket.once('close', () => {
      move(socket, 'closed');
      for (const group of groups) {
        group.open -= 1;
      }
      if (own?.open === 0) {
        networks.delete(network);
      }
    });
    if (own && own.open > maxPerAddress && !closeOldest(own, socket)) {
      socket.destroy();
    } else if (all.open > threshold) {
      closeOldest(all, socket);
    }
  });

  server.on('request', (request, response) => {
    const { socket } = request;
    requests.set(socket, request);
    move(socket, hasBody(request) ? 'waiting' : 'work');
    // The response is completely written to the socket's buffer, but possibly not sent.
    response.once('prefinish', () => {
      deadlines.set(response, performance.now() + responseTimeoutMs);
    });
    response.once('close', () => {
      deadlines.delete(response);
      // With pipelining, the next request may have started already.
      if (!socket.destroyed && requests.get(socket) === request) {
        requests.delete(socket);
        move(socket, 'idle');
      }
    });
  });
}
