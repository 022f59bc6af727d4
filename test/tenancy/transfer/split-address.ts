import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy that connects the commands and other servers to PostgreSQL from different addresses. */
export type SplitAddress = Readonly<{
  /** Returns `url` with the address of the proxy. */
  through: (url: string) => string;
  /** Closes connections of other servers from now on. */
  shut: () => void;
  close: () => Promise<void>;
}>;

/** The address of connections of other servers. The commands connect from 127.0.0.1. */
export const OTHERS = '127.0.0.2';

/**
 * Opens a proxy to the PostgreSQL of `url`. A client whose first packet does not contain
 * "koa-tenants", such as another server that subscribes, connects from `OTHERS`.
 */
export async function openSplitAddress(url: string): Promise<SplitAddress> {
  const { port, hostname } = new URL(url);
  let shut = false;
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on('error', () => {});
    client.on('close', () => clients.delete(client));
    client.once('data', (packet) => {
      const isOurs = packet.includes('koa-tenants');
      if (!isOurs && shut) {
        client.destroy();
        return;
      }
      const upstream = connect({
        port: Number(port),
        host: hostname,
        ...(isOurs ? {} : { localAddress: OTHERS }),
      });
      upstream.on('error', () => client.destroy());
      client.on('close', () => upstream.destroy());
      upstream.write(packet);
      client.pipe(upstream).pipe(client);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return {
    through: (other: string) => {
      const changed = new URL(other);
      [changed.hostname, changed.port] = ['127.0.0.1', String(address.port)];
      return changed.href;
    },
    shut: () => {
      shut = true;
    },
    close: async () => {
      server.close();
      for (const client of clients) {
        client.destroy();
      }
      await once(server, 'close');
    },
  };
}
