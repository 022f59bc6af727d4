import { connect } from 'node:net';

/**
 * Sends GET requests on one connection, each after the response to the last one, and returns the statuses. Takes a
 * fraction of the time of Node's client, which costs as much as the service.
 */
export function requestsInTurn(
  port: number,
  requests: readonly Readonly<{ host: string; path: string }>[],
): Promise<readonly number[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
  const statuses: number[] = [];
  const socket = connect(port, '127.0.0.1');
  const send = (): void => {
    const next = requests[statuses.length];
    if (next) {
      socket.write(`GET ${next.path} HTTP/1.1\r\nHost: ${next.host}\r\n\r\n`);
    } else {
      socket.end();
    }
  };
  socket.setEncoding('latin1').on('data', (text) => {
    const [, status] = /^HTTP\/1\.1 (\d+) /.exec(String(text)) ?? [];
    if (status) {
      statuses.push(Number(status));
      send();
    }
  });
  socket.on('error', reject);
  socket.on('close', () => resolve(statuses));
  send();
  return promise;
}
