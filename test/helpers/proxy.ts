import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between the service and PostgreSQL, and can be cut. */
export type DatabaseProxy = Readonly<{
  /** `url` with this proxy in place of its server. */
  through: (url: string) => string;
  /** Breaks every connection and refuses new ones. */
  cut: () => Promise<void>;
  restore: () => Promise<void>;
  /** Takes new connections and lets nothing pass, on old ones either: a network that swallows. */
  swallow: () => void;
  pass: () => void;
  /** The same for new connections. Those of before stay silent, as after a firewall forgot them. */
  forward: () => void;
  /** Client's word after the server's: the number of network round trips so far. */
  roundTrips: () => number;
  close: () => Promise<void>;
}>;

/** Listens on a free port of this machine in front of the PostgreSQL of `url`. */
export async function openProxy(url: string): Promise<DatabaseProxy> {
  const target = new URL(url);
  const pairs = new Set<readonly [Socket, Socket]>();
  let swallowing = false;
  let roundTrips = 0;
  const forget = new Set<() => void>();

  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    let serverSpoke = true;
    let isDead = false;
    forget.add(() => {
      isDead = true;
    });
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    client.on('data', (chunk) => {
      if (swallowing || isDead) {
        return;
      }
      if (serverSpoke) {
        roundTrips += 1;
        serverSpoke = false;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (swallowing || isDead) {
        return;
      }
      serverSpoke = true;
      client.write(chunk);
    });
  });

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const drop = (): void => {
    for (const [client, upstream] of pairs) {
      client.destroy();
      upstream.destroy();
    }
    pairs.clear();
  };
  const cut = async (): Promise<void> => {
    const closed = server.listening ? once(server, 'close') : null;
    server.close();
    drop();
    await closed;
  };
  return {
    through: (other) => {
      const changed = new URL(other);
      changed.hostname = '127.0.0.1';
      changed.port = String(port);
      return changed.href;
    },
    cut,
    restore: async () => {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    swallow: () => {
      swallowing = true;
    },
    pass: () => {
      swallowing = false;
      // What was swallowed is gone: no connection of before can go on.
      drop();
    },
    forward: () => {
      swallowing = false;
      for (const kill of forget) {
        kill();
      }
      forget.clear();
    },
    roundTrips: () => roundTrips,
    close: cut,
  };
}
