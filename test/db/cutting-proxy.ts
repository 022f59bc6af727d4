import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import type { ExecutionContext } from 'ava';

/** Opens a proxy that drops the responses of a connection when `isCut` is true, and then closes it. */
export async function openCuttingProxy(
  t: ExecutionContext,
  serverUrl: string,
): Promise<{ url: string; cut: (when: boolean) => void }> {
  const target = new URL(serverUrl);
  let isCut = false;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    client.on('data', (data) => upstream.write(data));
    upstream.on('data', (data) => {
      if (isCut) {
        client.destroy();
      } else {
        client.write(data);
      }
    });
    for (const socket of [client, upstream]) {
      socket.on('error', () => {});
    }
    client.on('close', () => upstream.end());
    upstream.on('close', () => client.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => void server.close());
  const through = new URL(target);
  through.hostname = '127.0.0.1';
  through.port = String((server.address() as AddressInfo).port);
  return {
    url: through.href,
    cut: (when) => {
      isCut = when;
    },
  };
}
