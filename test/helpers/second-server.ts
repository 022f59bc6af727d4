import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';

import { startTestServer, type TestServer } from './postgres.ts';

type Answer = Readonly<{ url: string }> | Readonly<{ reason: string }>;

/**
 * Starts a second server of PostgreSQL when the first process asks for it at the Unix-domain socket `path`, and sends its URL
 * to all that ask. `stop` stops it.
 */
export async function offerSecondServer(path: string): Promise<Readonly<{ stop: () => Promise<void> }>> {
  let started: Promise<TestServer> | undefined;
  const offer = createServer((socket) => {
    socket.on('error', () => {});
    started ??= startTestServer();
    started.then(
      ({ url }) => socket.end(JSON.stringify({ url } satisfies Answer)),
      (error: Error) => socket.end(JSON.stringify({ reason: error.message } satisfies Answer)),
    );
  }).listen(path);
  await once(offer, 'listening');
  return {
    stop: async () => {
      offer.close();
      await (await started?.catch(() => undefined))?.stop();
    },
  };
}

async function askForServer(path: string): Promise<string> {
  const answer = JSON.parse(await text(connect(path))) as Answer;
  if ('reason' in answer) {
    throw new Error(answer.reason);
  }
  return answer.url;
}

let url: Promise<string> | undefined;

/** Returns the URL of the second server: of the run, or of this process if test/run.ts does not run the tests. */
export function secondServer(): Promise<string> {
  const { TEST_SECOND_SERVER: path } = process.env;
  url ??= path ? askForServer(path) : startTestServer().then((server) => server.url);
  return url;
}
