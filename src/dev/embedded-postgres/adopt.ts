import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

import { hasSqlState, SQLSTATE } from '../../db/sqlstate.ts';
import { preconditionFailed } from './precondition-failed.ts';
import { runningServer, serverUrl } from './running-server.ts';

/** Milliseconds that a running server may take to accept connections. */
const TIMEOUT_MS = 60_000;

/** Connects and disconnects. Rejects when that fails. */
async function tryConnecting(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  // An unhandled error of the connection would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * Waits until the running server of a cluster accepts connections, and returns its port. Returns
 * undefined when it does not run.
 *
 * @throws OperatorError `precondition_failed` when it does not accept connections in time, or has
 *   another password
 */
export async function adopt(cluster: string, password: string): Promise<number | undefined> {
  const deadline = Date.now() + TIMEOUT_MS;
  let reason: unknown;
  for (;;) {
    const running = await runningServer(cluster);
    if (!running) {
      return undefined;
    }
    if (Date.now() > deadline) {
      throw preconditionFailed(
        `The running PostgreSQL of ${cluster} does not respond. Stop process ${running.pid}.`,
        reason,
      );
    }
    if (running.port) {
      try {
        await tryConnecting(serverUrl(running.port, password));
        return running.port;
      } catch (error) {
        if (hasSqlState(error, SQLSTATE.INVALID_PASSWORD)) {
          throw preconditionFailed(
            `The running PostgreSQL of ${cluster} rejects the password stored next to it.`,
            error,
          );
        }
        reason = error;
      }
    }
    await sleep(100);
  }
}
