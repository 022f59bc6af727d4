import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

import { start } from './run.ts';

/** The statement at which a command is killed. */
export type KillPoint = Readonly<{
  statement: RegExp;
  /** The search for `statement` begins after a statement that matches this. Default: at the first statement. */
  after?: RegExp;
  /** Whether the server receives the statement. Default: false. */
  delivered?: boolean;
}>;

/** Opens a proxy to a server that calls `onWrite` with every write before it is sent. */
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
 * that matches `statement` to the server of `url`. Returns whether it was killed.
 */
export async function killAt(
  args: readonly string[],
  {
    url,
    envOf,
    moment: { statement, after = /^/, delivered = false },
    input = '',
  }: {
    url: string;
    /** Returns the environment with the URLs changed by `through`. */
    envOf: (through: (url: string) => string) => Readonly<Record<string, string>>;
    moment: KillPoint;
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
    if (!begun || !statement.test(text)) {
      return 'pass';
    }
    dead = true;
    kill();
    return delivered ? 'pass' : 'swallow';
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
