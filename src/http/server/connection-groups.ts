import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import { networkOf } from '../network.ts';

type ConnectionState = 'waiting' | 'idle' | 'working' | 'closed';

/** A connection of a client. */
export type Connection = {
  readonly socket: Socket;
  readonly groups: readonly ConnectionGroup[];
  state: ConnectionState;
  /** The newest request that has begun and not ended. Null between two requests. */
  request: IncomingMessage | null;
};

/** Connections of all clients, or of one network. Both sets are ordered by age, oldest first. */
export class ConnectionGroup {
  open = 0;
  /** Without a complete request: a header or a body is missing, or part of it. */
  readonly waiting = new Set<Connection>();
  /** Between two requests. */
  readonly idle = new Set<Connection>();
}

/** The connections of a server: all of them, and those of each network. */
export type ConnectionGroups = Readonly<{
  all: ConnectionGroup;
  /** Adds a connection until it closes. Returns the group of its network. Null for a proxy. */
  add: (socket: Socket) => ConnectionGroup | null;
  /** Returns the connection of a request. Undefined when it was not added. */
  beginRequest: (request: IncomingMessage) => Connection | undefined;
  endRequest: (connection: Connection | undefined, request: IncomingMessage) => void;
  /** Closes the oldest connection of a group that is waiting, otherwise idle. Returns whether there was one. */
  closeOldest: (group: ConnectionGroup, except: Socket) => boolean;
}>;

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

function move(connection: Connection, to: ConnectionState): void {
  const { state: from, groups } = connection;
  connection.state = to;
  for (const group of groups) {
    if (from === 'waiting' || from === 'idle') {
      group[from].delete(connection);
    }
    if (to === 'waiting' || to === 'idle') {
      group[to].add(connection);
    }
  }
}

/** Creates the groups of a server. Networks for which `isProxy` is true have no group: they carry many clients. */
export function createConnectionGroups(isProxy: (address: string) => boolean): ConnectionGroups {
  const all = new ConnectionGroup();
  const networks = new Map<string, ConnectionGroup>();
  const connections = new WeakMap<Socket, Connection>();

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
      const connection: Connection = { socket, groups, state: 'closed', request: null };
      connections.set(socket, connection);
      for (const group of groups) {
        group.open += 1;
      }
      move(connection, 'waiting');
      socket.once('close', () => {
        move(connection, 'closed');
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
      const connection = connections.get(request.socket);
      if (connection) {
        connection.request = request;
        move(connection, hasBody(request) ? 'waiting' : 'working');
      }
      return connection;
    },
    endRequest: (connection, request) => {
      // With pipelining, the next request may have started already.
      if (connection && !connection.socket.destroyed && connection.request === request) {
        connection.request = null;
        move(connection, 'idle');
      }
    },
    closeOldest: ({ waiting, idle }, except) => {
      for (const connection of waiting) {
        // The body has arrived since. No event reports that before a handler reads it.
        if (connection.request?.complete) {
          move(connection, 'working');
        } else if (connection.socket !== except) {
          move(connection, 'closed');
          connection.socket.destroy();
          return true;
        }
      }
      for (const connection of idle) {
        move(connection, 'closed');
        connection.socket.destroy();
        return true;
      }
      return false;
    },
  };
}
