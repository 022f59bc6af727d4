import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

import { start } from './run.ts';

/** What a command says to PostgreSQL when it is to die, `after` what, and whether the server still hears it. */
export type Moment = Readonly<{ says: RegExp; after?: RegExp; heard?: boolean }>;

/** In front of a server, for one command: tells of every write to it before it passes. */
async function openTap(url: string, onWrite: (text: string) => 'pass' | 'swallow') {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.pipe(client);
    client.on('data', (chunk) => {
      if (onWrite(chunk.toString('latin1')) === 'pass') {
        upstream.write(chunk);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = server.address() as AddressInfo;
  return {
    through: (other: string): string => {
      const changed = new URL(other);
      [changed.hostname, changed.port] = ['127.0.0.1', String(own.port)];
      return changed.href;
    },
    close: async () => {
      server.close();
      for (const socket of sockets) {
        socket.destroy();
      }
      await once(server, 'close');
    },
  };
}

/**
 * Runs a command of the served project and kills it (SIGKILL) at its first statement
 * that `says` so to the server of `url`. Answers whether it came to that.
 */
export async function killAt(
  args: readonly string[],
  {
    url,
    envOf,
    moment: { says, after = /^/, heard = false },
    input = '',
  }: {
    url: string;
    /** The environment, with the way to that server that is given in place of its own. */
    envOf: (through: (url: string) => string) => Readonly<Record<string, string>>;
    moment: Moment;
    input?: string;
  },
): Promise<boolean> {
  let [dead, begun] = [false, false];
  let kill = (): void => {};
  const tap = await openTap(url, (text) => {
    if (dead) {
      return 'swallow';
    }
    begun ||= after.test(text);
    if (!begun || !says.test(text)) {
      return 'pass';
    }
    dead = true;
    kill();
    return heard ? 'pass' : 'swallow';
  });
  try {
    const child = await start('served-cli.ts', args, envOf(tap.through));
    kill = () => child.kill('SIGKILL');
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [, signal] = await once(child, 'close');
    return dead && signal === 'SIGKILL';
  } finally {
    await tap.close();
  }
}
