import pg from 'pg';
import { createDriverFactory, type DriverFactory, type DriverQueryResult } from 'slonik';

import { DomainError } from '../../errors.ts';
import { type Answer, createConnection, type Outgoing } from './connection.ts';
import { slonikError } from './driver-errors.ts';
import { ASSERT_REUSABLE, Entry, Flush, type Terms } from './entry.ts';
import { createIdleTimeout } from './idle-timeout.ts';
import { SESSION_RESET } from './session-reset.ts';
import { assertRowStatement } from './statement.ts';

export type DriverSettings = Readonly<{
  /** A URL, or its parts (TLS options, passwords from files). */
  connection: pg.ClientConfig;
  applicationName: string;
  /** Milliseconds until connecting times out. */
  connectTimeout: number;
  /** Milliseconds until a statement is cancelled. A session cannot raise it. */
  queryTimeout: number;
  /** How values are parsed. Default: as pg does, with exact bigints. */
  types?: pg.CustomTypesConfig;
  /**
   * Whether the backend with this process id still runs a transaction. Called, once a second, for statements
   * that did not end after they were cancelled. Rejects when that is unknown.
   */
  isWorking?: ((backendPid: number) => Promise<boolean>) | undefined;
}>;

type Phase = 'idle' | 'begun' | 'entered';

const NO_TERMS: Terms = {};

/** Milliseconds of silence after which the kernel probes a connection. A dead host is found within 20 seconds. */
const KEEP_ALIVE_DELAY = 10_000;

const NOTHING: DriverQueryResult = { command: 'SELECT', fields: [], rowCount: 0, rows: [] };
const START: Outgoing = { text: 'start transaction', values: [] };
const SAVEPOINT = /^(SAVEPOINT|ROLLBACK TO SAVEPOINT) slonik_savepoint_\d+$/;

// bigint as a number if that is exact; otherwise its text, which a row schema rejects.
const parseBigint = (text: string): number | string =>
  Number.isSafeInteger(Number(text)) ? Number(text) : text;

const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  [pg.types.builtins.INT8]: parseBigint,
  // A date has no time zone: pg would convert it to local midnight.
  [pg.types.builtins.DATE]: (text) => text,
};

const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    PARSERS[oid] ?? pg.types.getTypeParser(oid, format),
} as pg.CustomTypesConfig;

const resultOf = (answer: Answer | undefined): pg.QueryResult => {
  if (answer?.status !== 'fulfilled') {
    throw answer?.reason ?? new TypeError('A statement has no answer.');
  }
  return answer.value;
};

/**
 * Creates Slonik's driver for tenants' transactions.
 *
 * Always uses the extended protocol, with one unnamed statement at a time: Slonik 49's own driver runs
 * stacked statements when a query has no values. START TRANSACTION is held back and leaves in one
 * network write with the entry and the first statement; COMMIT leaves with the reset of the session.
 * Nothing runs in a transaction before an `Entry`, and no row is released before it has succeeded.
 *
 * After each query the driver checks PostgreSQL's transaction status. Any status except "in a
 * transaction" ends the request and the connection.
 */
export function createTenantDriver(settings: DriverSettings): DriverFactory {
  return createDriverFactory(async () => ({
    createPoolClient: async ({ clientEventEmitter }) => {
      const client = new pg.Client({
        ...settings.connection,
        application_name: settings.applicationName,
        connectionTimeoutMillis: settings.connectTimeout,
        pipeline: true,
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY,
        types: settings.types ?? types,
      });
      let phase: Phase = 'idle';
      let entry: Entry | null = null;
      let terms = NO_TERMS;

      /** The reason why the connection must not be used again. */
      let lost: Error | null = null;
      /** Whether the connection is open but must not be reused: Slonik closes it when it is released. */
      let retired = false;
      let used = false;
      let backendPid: number | null = null;

      /** Marks the connection as not reusable. Its transaction can still fail with its own error. */
      const retire = (error: Error): void => {
        if (!lost) {
          lost = error;
          retired = true;
        }
      };

      /**
       * Slonik destroys a client that reports an error, and then removes its listener. A client that
       * is lost before its first use throws at that use: until then Slonik 49's pool considers it
       * alive, and a waiting request would never end.
       */
      const lose = (error: Error): void => {
        lost ??= error;
        retired = false;
        if (used && clientEventEmitter.listenerCount('error') > 0) {
          clientEventEmitter.emit('error', lost);
        }
      };
      client.on('error', (error) => lose(slonikError(error)));
      let ending = false;
      client.on('end', () => {
        // Slonik ends a client after an error that its caller must still receive.
        if (!ending) {
          lose(slonikError(new Error('Connection terminated')));
        }
      });

      const {
        roundTrip,
        end: endSocket,
        status,
      } = createConnection(client, {
        onRetired: retire,
        onLost: lose,
        isWorking: settings.isWorking,
        // Behind PgBouncer the id that the client received is not a backend's. The entry returns the
        // real one.
        backendPid: () => backendPid,
      });
      const idle = createIdleTimeout(endSocket);

      /** Sends one round trip and reports it to `onRound`. `text` is the statement of the work. */
      const exchange = async (
        text: string | null,
        ...outgoing: readonly Outgoing[]
      ): Promise<readonly Answer[]> => {
        const { idleTimeout, onRound } = terms;
        idle.stop();
        const started = onRound && performance.now();
        const limits = {
          timeout: terms.queryTimeout ?? settings.queryTimeout,
          bytes: terms.resultBytes ?? null,
          onOverdue: terms.onOverdue,
        };
        const answers = await roundTrip(limits, ...outgoing);
        if (onRound && started !== undefined) {
          const failed = answers.some((answer) => answer.status === 'rejected');
          onRound({ text, started, ended: performance.now(), failed });
        }
        if (idleTimeout && status() !== 'I') {
          idle.start(idleTimeout);
        }
        return answers;
      };

      const commented = (text: string): string => (terms.comment ? `${terms.comment} ${text}` : text);

      /** Fails the request and closes the connection. */
      const refuse = (message: string): never => {
        const error = new DomainError('transaction_aborted', message);
        lose(error);
        throw error;
      };

      /**
       * Sends BEGIN, the entry and the first statement, if there is one, in one write, and checks the
       * results in order.
       */
      const enter = async (
        text?: string,
        values: readonly unknown[] = [],
      ): Promise<pg.QueryResult | null> => {
        const statements =
          entry?.statements ?? refuse('A transaction runs nothing before it has entered a tenant.');
        phase = 'entered';
        entry = null;
        const first = text === undefined ? [] : [{ text: commented(text), values }];
        backendPid = null;
        const entering = statements.map(({ text, values, backendPid: pidOf }) => ({
          text,
          values,
          onRows: pidOf
            ? (rows: ReadonlyArray<Record<string, unknown>>) => {
                backendPid = pidOf(rows);
              }
            : undefined,
        }));
        const answers = await exchange(text ?? null, START, ...entering, ...first);
        // In order: the first failure is the cause of the others.
        for (const [index, answer] of answers.entries()) {
          const { rows } = resultOf(answer);
          statements[index - 1]?.verify(rows);
        }
        if (status() !== 'T') {
          refuse('The transaction ended underneath its work.');
        }
        return text === undefined ? null : resultOf(answers.at(-1));
      };

      /** Sends COMMIT or ROLLBACK with the reset of the session in one write. */
      const end = async (text: 'commit' | 'rollback'): Promise<pg.QueryResult> => {
        const [ended, reset] = await exchange(null, { text, values: [] }, { script: SESSION_RESET });
        terms = NO_TERMS;
        phase = 'idle';
        const isClean =
          reset?.status === 'fulfilled' &&
          status() === 'I' &&
          (text === 'commit' || ended?.status === 'fulfilled');
        if (!isClean) {
          // The connection is closed. A commit that PostgreSQL confirmed is final, so its result is
          // returned.
          retire(new DomainError('transaction_aborted', 'The session could not be reset.'));
        }
        return resultOf(ended);
      };

      const commit = async (): Promise<void> => {
        const aborted = status() === 'E';
        const { command } = await end(aborted ? 'rollback' : 'commit');
        // A failed query whose error was swallowed must not look like success.
        if (command !== 'COMMIT') {
          throw new DomainError(
            'transaction_aborted',
            'A query of this transaction failed, so nothing was saved.',
          );
        }
      };

      const rollback = async (): Promise<void> => {
        if (phase === 'entered' && !lost && status() !== 'I') {
          // A ROLLBACK that failed or was cancelled has retired the connection, and closing it rolls back.
          await end('rollback').catch(() => {});
        }
        entry = null;
        terms = NO_TERMS;
        phase = 'idle';
      };

      /**
       * Handles Slonik's own transaction statements, which have no values. Such statements from other
       * callers are rejected.
       */
      const control = async (text: string): Promise<void> => {
        if (text === 'START TRANSACTION') {
          if (phase !== 'idle') {
            refuse('The connection was given back in the middle of a transaction.');
          }
          phase = 'begun';
        } else if (text === 'ROLLBACK') {
          await rollback();
        } else if (text === 'COMMIT' || SAVEPOINT.test(text)) {
          if (phase === 'begun') {
            await enter();
          }
          if (phase !== 'entered') {
            refuse('There is no transaction.');
          }
          await (text === 'COMMIT'
            ? commit()
            : exchange(null, { text, values: [] }).then(([answer]) => resultOf(answer)));
        } else {
          assertRowStatement(text);
          refuse("A query without values is not Slonik's own.");
        }
      };

      const run = async (text: string, values: readonly unknown[]): Promise<pg.QueryResult | null> => {
        assertRowStatement(text);
        if (phase === 'begun') {
          return enter(text, values);
        }
        const inside = phase === 'entered';
        const [answer] = await exchange(text, { text: commented(text), values });
        const result = resultOf(answer);
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
          ending = true;
          idle.stop();
          await client.end();
        },
        query: async (text: string, values?: unknown) => {
          used = true;
          if (text === ASSERT_REUSABLE && values === undefined) {
            if (lost || phase !== 'idle') {
              throw lost ?? new Error('The connection was released in the middle of a transaction.');
            }
            return NOTHING;
          }
          if (lost && text !== 'ROLLBACK' && !(values instanceof Flush)) {
            if (!retired) {
              lose(lost);
            }
            throw lost;
          }
          if (values instanceof Entry) {
            if (phase !== 'begun' || entry !== null) {
              return refuse('An entry comes first in its transaction, and once.');
            }
            entry = values;
            terms = values.terms;
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
