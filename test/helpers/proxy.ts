import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy between the service and PostgreSQL that can interrupt connections. */
export type DatabaseProxy = Readonly<{
  /** Returns `url` with this proxy instead of its server. */
  through: (url: string) => string;
  /** Closes every connection and rejects new ones. */
  cut: () => Promise<void>;
  restore: () => Promise<void>;
  /** Accepts new connections and drops all data, on existing ones too, like a network that loses packets. */
  swallow: () => void;
  pass: () => void;
  /** Forwards new connections again. Existing ones stay silent, as after a firewall dropped their state. */
  forward: () => void;
  /** Returns the number of network round trips so far: data from the client after data from the server. */
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
    let serverResponded = true;
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
      if (serverResponded) {
        roundTrips += 1;
        serverResponded = false;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (swallowing || isDead) {
        return;
      }
      serverResponded = true;
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
      // Dropped data is lost, so existing connections cannot continue.
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
