import type { Socket } from 'node:net';
import pg from 'pg';

type Raw = pg.Connection & {
  connect: (port: number | string, host?: string) => void;
  requestSsl: () => void;
  cancel: (processId: number, secretKey: number) => void;
};
type Target = Readonly<{ host: string; port: number; ssl: unknown; processID: number; secretKey: number }>;

/** Maximum milliseconds until the server has closed the socket of a cancel request. */
const TIMEOUT_MS = 5_000;

/**
 * Requests that PostgreSQL cancels the running statement of a connection, over a separate socket. A
 * session can raise its own timeouts, but cannot prevent this.
 *
 * There is no result, and the request may arrive too late. A caller that needs certainty must destroy
 * the connection's socket afterwards.
 *
 * @returns a promise that resolves when the server has read the request, or cannot be reached
 */
export function cancelStatement(client: pg.Client): Promise<void> {
  const { host, port, ssl, processID, secretKey } = client as unknown as Target;
  const { Connection } = pg as unknown as { Connection: new (config: { ssl: unknown }) => Raw };
  const connection = new Connection({ ssl });
  const { promise, resolve } = Promise.withResolvers<void>();
  connection.on('error', () => resolve());
  connection.on('end', resolve);
  const send = (): void => {
    connection.cancel(processID, secretKey);
    // PgBouncer drops the request if the client closes the socket. As libpq, wait until the server
    // closes it.
    (connection.stream as Socket).setTimeout(TIMEOUT_MS, () => connection.stream.destroy());
  };
  if (ssl) {
    connection.on('connect', () => connection.requestSsl());
    connection.on('sslconnect', send);
  } else {
    connection.on('connect', send);
  }
  if (host.startsWith('/')) {
    connection.connect(`${host}/.s.PGSQL.${port}`);
  } else {
    connection.connect(port, host);
  }
  return promise;
}
