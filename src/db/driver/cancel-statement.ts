import type { Socket } from 'node:net';
import pg from 'pg';

type Raw = pg.Connection & {
  connect: (port: number | string, host?: string) => void;
  requestSsl: () => void;
  cancel: (processId: number, secretKey: number) => void;
};
type Target = Readonly<{ host: string; port: number; ssl: unknown; processID: number; secretKey: number }>;

/** Milliseconds that the other end has to take the request and close the socket. */
const PATIENCE = 5_000;

/**
 * Asks PostgreSQL to end what a connection is running, over a socket of its own:
 * a session may raise its own timeouts, and cannot refuse this.
 *
 * Nothing is answered, and it may come too late: whoever needs certainty
 * destroys the socket afterwards.
 */
export function cancelStatement(client: pg.Client): void {
  const { host, port, ssl, processID, secretKey } = client as unknown as Target;
  const { Connection } = pg as unknown as { Connection: new (config: { ssl: unknown }) => Raw };
  const connection = new Connection({ ssl });
  connection.on('error', () => {});
  const send = (): void => {
    connection.cancel(processID, secretKey);
    // PgBouncer forgets the request of a client that has ended: as libpq, wait until it closes.
    (connection.stream as Socket).setTimeout(PATIENCE, () => connection.stream.destroy());
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
}
