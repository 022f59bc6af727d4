import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** An address from which the commands and another server reach PostgreSQL on different ways. */
export type Elsewhere = Readonly<{
  /** `url` with this way in place of its server. */
  through: (url: string) => string;
  /** From now on the others do not reach it, and come to a closed door. */
  shut: () => void;
  close: () => Promise<void>;
}>;

/** Where the others come from, to PostgreSQL. The commands come from 127.0.0.1. */
export const OTHERS = '127.0.0.2';

/**
 * Stands in front of the PostgreSQL of `url` on a machine where everything has one
 * address: who does not say in its first words that it is koa-tenants, such as
 * another server that subscribes, comes from `OTHERS`.
 */
export async function openElsewhere(url: string): Promise<Elsewhere> {
  const { port, hostname } = new URL(url);
  let shut = false;
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on('error', () => {});
    client.on('close', () => clients.delete(client));
    client.once('data', (words) => {
      const isOurs = words.includes('koa-tenants');
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
      upstream.write(words);
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
