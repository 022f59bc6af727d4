import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import { networkOf } from '../network.ts';

/** Connections of all clients, or of one network. Both sets are ordered by age, oldest first. */
export class ConnectionGroup {
  open = 0;
  /** Without a complete request: a header or a body is missing, or part of it. */
  readonly waiting = new Set<Socket>();
  /** Between two requests. */
  readonly idle = new Set<Socket>();
}

/** The connections of a server: all of them, and those of each network. */
export type ConnectionGroups = Readonly<{
  all: ConnectionGroup;
  /** Adds a connection until it closes. Returns the group of its network. Null for a proxy. */
  add: (socket: Socket) => ConnectionGroup | null;
  beginRequest: (request: IncomingMessage) => void;
  endRequest: (request: IncomingMessage) => void;
  /** Closes the oldest connection of a group that is waiting, otherwise idle. Returns whether there was one. */
  closeOldest: (group: ConnectionGroup, except: Socket) => boolean;
}>;

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Creates the groups of a server. Networks for which `isProxy` is true have no group: they carry many clients. */
export function createConnectionGroups(isProxy: (address: string) => boolean): ConnectionGroups {
  const all = new ConnectionGroup();
  const networks = new Map<string, ConnectionGroup>();
  const groupsOf = new WeakMap<Socket, readonly ConnectionGroup[]>();
  const requests = new WeakMap<Socket, IncomingMessage>();

  const move = (socket: Socket, to: 'waiting' | 'idle' | 'work' | 'closed'): void => {
    for (const group of groupsOf.get(socket) ?? []) {
      group.waiting.delete(socket);
      group.idle.delete(socket);
      if (to === 'waiting' || to === 'idle') {
        group[to].add(socket);
      }
    }
  };

  return {
    all,
    add: (socket) => {
      const address = socket.remoteAddress ?? '';
      const network = networkOf(address);
      const own = isProxy(address) ? null : (networks.get(network) ?? new ConnectionGroup());
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
      return own;
    },
    beginRequest: (request) => {
      requests.set(request.socket, request);
      move(request.socket, hasBody(request) ? 'waiting' : 'work');
    },
    endRequest: (request) => {
      const { socket } = request;
      // With pipelining, the next request may have started already.
      if (!socket.destroyed && requests.get(socket) === request) {
        requests.delete(socket);
        move(socket, 'idle');
      }
    },
    closeOldest: ({ waiting, idle }, except) => {
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
    },
  };
}
