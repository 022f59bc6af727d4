import { once } from 'node:events';
import { type AddressInfo, connect, createServer, isIPv6, type Socket } from 'node:net';

import { run, start } from './run.ts';

/** The statement at which a command ends. */
export type KillPoint = Readonly<{
  statement: RegExp;
  /** The search for `statement` begins after a statement that matches this. Default: at the first statement. */
  after?: RegExp;
  /** Whether the server receives the statement. Default: false. */
  delivered?: boolean;
}>;

type Urls = Readonly<Record<string, string>>;

type Command = Readonly<{
  args: readonly string[];
  /** The URLs of the command's databases, by name. */
  urls: Urls;
  /** The name of the database whose statements are compared. */
  on: string;
  /** Returns the environment with other URLs of the same databases. */
  envOf: (urls: Urls) => Readonly<Record<string, string>>;
  moment: KillPoint;
  input?: string;
}>;

/** Returns the address of this machine on the network of a server, which another server there can reach as well. */
async function addressTowards(port: string, hostname: string): Promise<string> {
  const probe = connect(Number(port), hostname);
  await once(probe, 'connect');
  const { localAddress = '127.0.0.1' } = probe;
  probe.destroy();
  return localAddress;
}

/**
 * Opens a proxy to a server that calls `onWrite` with every write before it is sent. `cut` closes all connections, and
 * rejects new ones.
 */
async function openTap(url: string, onWrite: (text: string, send: () => Promise<void>) => void) {
  const { hostname, port } = new URL(url);
  const address = await addressTowards(port, hostname);
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
      onWrite(
        chunk.toString('latin1'),
        () =>
          new Promise((sent) => {
            upstream.write(chunk, () => sent());
          }),
      );
    });
  }).listen(0, address);
  await once(server, 'listening');
  const own = server.address() as AddressInfo;
  const through = new URL(url);
  [through.hostname, through.port] = [isIPv6(address) ? `[${address}]` : address, String(own.port)];
  const closed = once(server, 'close');
  return {
    url: through.href,
    cut: () => {
      server.close();
      for (const socket of sockets) {
        socket.destroy();
      }
    },
    closed,
  };
}

/**
 * Opens a proxy to each database. `onMoment` is called at the statement, with a function that sends it if the server is to
 * receive it. No server receives anything else afterwards.
 */
async function openTaps({ urls, on, moment }: Command, onMoment: (send: () => Promise<void>) => void) {
  const { statement, after = /^/, delivered = false } = moment;
  let [isOver, hasBegun] = [false, false];
  const taps: Record<string, Awaited<ReturnType<typeof openTap>>> = {};
  for (const [name, url] of Object.entries(urls)) {
    taps[name] = await openTap(url, (text, send) => {
      if (isOver) {
        return;
      }
      hasBegun ||= name === on && after.test(text);
      if (name !== on || !hasBegun || !statement.test(text)) {
        void send();
        return;
      }
      isOver = true;
      onMoment(delivered ? send : async () => {});
    });
  }
  const all = Object.entries(taps);
  return {
    urls: Object.fromEntries(all.map(([name, { url }]) => [name, url])),
    isOver: () => isOver,
    cut: () => {
      for (const [, { cut }] of all) {
        cut();
      }
    },
    closed: () => Promise.all(all.map(([, { closed }]) => closed)),
  };
}

/**
 * Runs a command of the served project and kills it (SIGKILL) at its first statement that matches. Returns whether it was
 * killed.
 */
export async function killAt(command: Command): Promise<boolean> {
  let kill = (): void => {};
  const taps = await openTaps(command, (send) => {
    kill();
    void send();
  });
  try {
    const child = await start('served-cli.ts', command.args, command.envOf(taps.urls));
    kill = () => child.kill('SIGKILL');
    child.stdin.on('error', () => {});
    child.stdin.end(command.input ?? '');
    const [, signal] = await once(child, 'close');
    return taps.isOver() && signal === 'SIGKILL';
  } finally {
    taps.cut();
    await taps.closed();
  }
}

/**
 * As `killAt`, in the process of the test: it closes all connections of the command at the statement, and rejects new
 * ones. To the databases this is the end of a killed process, and it takes a fifth of the CPU time. Returns whether the
 * statement came, and the command failed.
 */
export async function disconnectAt(command: Command): Promise<boolean> {
  const taps = await openTaps(command, (send) => void send().then(() => taps.cut()));
  try {
    const { code } = await run('served-cli.ts', command.args, command.envOf(taps.urls), command.input);
    return taps.isOver() && code !== 0;
  } finally {
    taps.cut();
    await taps.closed();
  }
}
