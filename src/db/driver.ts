import pg from 'pg';
import { createDriverFactory, type DriverFactory, type DriverQueryResult } from 'slonik';

import { DomainError } from '../errors.ts';
import { slonikError } from './driver-errors.ts';
import { Entry, Flush } from './entry.ts';
import { SESSION_RESET } from './session-reset.ts';
import { assertRowStatement } from './statement.ts';

export type DriverSettings = Readonly<{
  /** A URL, or the same in parts (TLS options, passwords from files). */
  connection: pg.ClientConfig;
  applicationName: string;
  /** Milliseconds for a connection to be made. */
  connectTimeout: number;
  /** Milliseconds without an answer after which the socket is destroyed. A session cannot raise it. */
  queryTimeout: number;
}>;

type Phase = 'idle' | 'begun' | 'entered' | 'broken';

const NOTHING: DriverQueryResult = { command: 'SELECT', fields: [], rowCount: 0, rows: [] };
const SAVEPOINT = /^(SAVEPOINT|ROLLBACK TO SAVEPOINT) slonik_savepoint_\d+$/;

// bigint as a number while that is exact; beyond, its text, which a row schema refuses.
const parseBigint = (text: string): number | string =>
  Number.isSafeInteger(Number(text)) ? Number(text) : text;

const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 ? parseBigint : pg.types.getTypeParser(oid, format),
} as pg.CustomTypesConfig;

/**
 * Slonik's driver for tenants' transactions.
 *
 * Always the extended protocol, one unnamed statement at a time: Slonik 49's own
 * driver runs stacked statements when a query has no values. START TRANSACTION
 * is held back and leaves in one network write with the entry and the first
 * statement; COMMIT leaves with the reset of the session. Nothing runs in a
 * transaction before an `Entry`, and no row is released before it has succeeded.
 *
 * After each query PostgreSQL's own word on the transaction is asked: anything
 * but "in a transaction" ends the request and the connection.
 */
export function createTenantDriver(settings: DriverSettings): DriverFactory {
  return createDriverFactory(async () => ({
    createPoolClient: async ({ clientEventEmitter }) => {
      const client = new pg.Client({
        ...settings.connection,
        application_name: settings.applicationName,
        connectionTimeoutMillis: settings.connectTimeout,
        query_timeout: settings.queryTimeout,
        pipeline: true,
        keepAlive: true,
        types,
      });
      client.on('error', (error) => {
        clientEventEmitter.emit('error', slonikError(error));
      });

      let phase: Phase = 'idle';
      let entry: Entry | null = null;

      const status = (): string | null => client.getTransactionStatus();

      const extended = (text: string, values: readonly unknown[] = []): Promise<pg.QueryResult> => {
        const config = { text, values: [...values], queryMode: 'extended' };
        return client.query(config);
      };

      /** Everything that `send` queues leaves in one write of the socket. */
      const inOneWrite = <T>(send: () => T): T => {
        const { stream } = (client as unknown as { connection: { stream: NodeJS.WritableStream } })
          .connection;
        const socket = stream as unknown as { cork: () => void; uncork: () => void };
        socket.cork();
        try {
          return send();
        } finally {
          socket.uncork();
        }
      };

      /** Ends the request and the connection: Slonik destroys a client that reports an error. */
      const refuse = (message: string): never => {
        phase = 'broken';
        const error = new DomainError('transaction_aborted', message);
        clientEventEmitter.emit('error', error);
        throw error;
      };

      /** BEGIN, the entry and, when there is one, the first statement: one write, judged in order. */
      const enter = async (first?: () => Promise<pg.QueryResult>): Promise<pg.QueryResult | null> => {
        const statements =
          entry?.statements ?? refuse('A transaction runs nothing before it has entered a tenant.');
        phase = 'entered';
        entry = null;
        const answers = inOneWrite(() => [
          extended('start transaction'),
          ...statements.map(({ text, values }) => extended(text, values)),
          ...(first ? [first()] : []),
        ]);
        const settled = await Promise.allSettled(answers);
        // In order: the first failure is the cause, the rest are its echoes.
        for (const [index, answer] of settled.entries()) {
          if (answer.status === 'rejected') {
            throw slonikError(answer.reason);
          }
          statements[index - 1]?.verify(answer.value.rows);
        }
        if (status() !== 'T') {
          refuse('The transaction ended underneath its work.');
        }
        const last = settled.at(-1);
        return first && last?.status === 'fulfilled' ? last.value : null;
      };

      const commit = async (): Promise<void> => {
        const aborted = status() === 'E';
        const [end, reset] = inOneWrite(() => [
          extended(aborted ? 'rollback' : 'commit'),
          client.query(SESSION_RESET),
        ]);
        const [ended, wasReset] = await Promise.allSettled([end, reset]);
        phase = 'idle';
        if (ended?.status === 'rejected') {
          throw slonikError(ended.reason);
        }
        if (wasReset?.status === 'rejected' || status() !== 'I') {
          refuse('The session could not be reset.');
        }
        // A failed query whose error was swallowed must not look like success.
        if (aborted || ended?.value.command !== 'COMMIT') {
          throw new DomainError(
            'transaction_aborted',
            'A query of this transaction failed, so nothing was saved.',
          );
        }
      };

      const rollback = async (): Promise<void> => {
        const sent = phase === 'entered';
        entry = null;
        if (phase === 'broken') {
          return;
        }
        phase = 'idle';
        if (!sent) {
          return;
        }
        const answers = await Promise.allSettled(
          inOneWrite(() => [extended('rollback'), client.query(SESSION_RESET)]),
        );
        if (answers.some((answer) => answer.status === 'rejected') || status() !== 'I') {
          refuse('The session could not be reset.');
        }
      };

      /** Slonik's own words, which come without values; nobody else's do. */
      const control = async (text: string): Promise<void> => {
        if (text === 'START TRANSACTION') {
          if (phase !== 'idle') {
            refuse('The connection was given back in the middle of a transaction.');
          }
          phase = 'begun';
        } else if (text === 'COMMIT') {
          if (phase === 'begun') {
            await enter();
          }
          await (phase === 'entered' ? commit() : refuse('There is no transaction to commit.'));
        } else if (text === 'ROLLBACK') {
          await rollback();
        } else if (SAVEPOINT.test(text)) {
          if (phase === 'begun') {
            await enter();
          }
          await extended(text).catch((error: unknown) => {
            throw slonikError(error);
          });
        } else {
          assertRowStatement(text);
          refuse("A query without values is not Slonik's own.");
        }
      };

      const run = async (text: string, values: readonly unknown[]): Promise<pg.QueryResult | null> => {
        assertRowStatement(text);
        if (phase === 'begun') {
          return enter(() => extended(text, values));
        }
        const inside = phase === 'entered';
        const result = await extended(text, values).catch((error: unknown) => {
          throw slonikError(error);
        });
        if (status() !== (inside ? 'T' : 'I')) {
          refuse('The transaction ended underneath its work.');
        }
        return result;
      };

      return {
        connect: async () => {
          await client.connect();
        },
        end: async () => {
          await client.end();
        },
        query: async (text: string, values?: unknown) => {
          if (phase === 'broken' && text !== 'ROLLBACK' && !(values instanceof Flush)) {
            return refuse('The connection is no longer usable.');
          }
          if (values instanceof Entry) {
            if (phase !== 'begun' || entry !== null) {
              return refuse('An entry comes first in its transaction, and once.');
            }
            entry = values;
            return NOTHING;
          }
          if (values instanceof Flush) {
            if (phase === 'begun') {
              await enter();
            }
            return NOTHING;
          }
          const result =
            values === undefined ? await control(text) : await run(text, values as readonly unknown[]);
          return result
            ? {
                command: result.command as DriverQueryResult['command'],
                fields: result.fields.map(({ dataTypeID, name }) => ({ dataTypeId: dataTypeID, name })),
                rowCount: result.rowCount,
                rows: result.rows as Array<Record<string, unknown>>,
              }
            : NOTHING;
        },
        stream: () => {
          throw new DomainError(
            'statement_refused',
            'A cursor outlives its statement: use a direct connection.',
          );
        },
      };
    },
  }));
}
