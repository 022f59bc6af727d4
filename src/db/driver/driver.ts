import type { EventEmitter } from 'node:events';
import pg from 'pg';
import { createDriverFactory, type DriverFactory, type DriverQueryResult } from 'slonik';

import { ApiError } from '../../errors.ts';
import { Connection } from './connection.ts';
import { connectionTerminated, slonikError } from './driver-errors.ts';
import { ASSERT_REUSABLE, Entry, Flush, RowCursor, SingleStatement } from './entry.ts';
import type { StatementResult } from './outcome.ts';
import { type PreparedStatementLimits, PreparedStatements } from './prepared-statements.ts';
import { Session } from './session.ts';
import { TYPE_PARSERS } from './type-parsers.ts';

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
   * Limits of the prepared statements of each connection. They are used only while the backend is the
   * connection's own, and not lent by a pooler. Default: none are used.
   */
  preparedStatements?: PreparedStatementLimits | undefined;
  /**
   * Whether the backend with this process id still runs a transaction. Called, once a second, for statements
   * that did not end after they were cancelled. Rejects when that is unknown.
   */
  isWorking?: ((backendPid: number) => Promise<boolean>) | undefined;
}>;

/** Milliseconds of silence after which the kernel probes a connection. A dead host is found within 20 seconds. */
const KEEP_ALIVE_DELAY = 10_000;

const NOTHING: DriverQueryResult = { command: 'SELECT', fields: [], rowCount: 0, rows: [] };

/**
 * One connection of a Slonik pool: passes Slonik's calls on to its session, and reports to Slonik when
 * the connection is lost.
 */
class PoolClient {
  readonly #emitter: EventEmitter;
  readonly #connection: Connection;
  readonly #session: Session;
  /** The reason why the connection must not be used again. */
  #lost: Error | null = null;
  /** Whether the connection is open but must not be reused: Slonik closes it when it is released. */
  #isRetired = false;
  #isUsed = false;
  #isEnding = false;

  constructor(settings: DriverSettings, emitter: EventEmitter) {
    this.#emitter = emitter;
    const client = new pg.Client({
      ...settings.connection,
      application_name: settings.applicationName,
      connectionTimeoutMillis: settings.connectTimeout,
      pipeline: true,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY,
    });
    client.on('error', (error) => this.#lose(slonikError(error)));
    client.on('end', () => {
      // Slonik ends a client after an error that its caller must still receive.
      if (!this.#isEnding) {
        this.#lose(slonikError(connectionTerminated()));
      }
    });
    const retire = (error: Error): void => this.#retire(error);
    const lose = (error: Error): void => this.#lose(error);
    this.#connection = new Connection(client, {
      onRetired: retire,
      onLost: lose,
      isWorking: settings.isWorking,
    });
    const { preparedStatements: limits } = settings;
    this.#session = new Session(this.#connection, {
      queryTimeout: settings.queryTimeout,
      types: settings.types ?? TYPE_PARSERS,
      preparedStatements: limits ? new PreparedStatements(limits) : null,
      retire,
      lose,
    });
  }

  readonly connect = async (): Promise<void> => {
    await this.#connection.connect();
  };

  readonly end = async (): Promise<void> => {
    this.#isEnding = true;
    this.#session.close();
    await this.#connection.close();
  };

  readonly query = async (text: string, values?: unknown): Promise<DriverQueryResult> => {
    this.#isUsed = true;
    if (text === ASSERT_REUSABLE && values === undefined) {
      await this.#assertReusable();
      return NOTHING;
    }
    if (text === 'ROLLBACK' && values === undefined) {
      await this.#session.rollback(this.#lost !== null);
      return NOTHING;
    }
    if (this.#lost && !(values instanceof Flush)) {
      if (!this.#isRetired) {
        this.#lose(this.#lost);
      }
      throw this.#lost;
    }
    if (values instanceof SingleStatement) {
      return toDriverResult(await this.#session.runSingle(text, values));
    }
    const result = await this.#dispatch(text, values);
    return result ? toDriverResult(result) : NOTHING;
  };

  readonly stream = (): never => {
    throw new ApiError(
      'statement_refused',
      "Slonik's streams are not supported. Use fetchRows, in the transaction.",
    );
  };

  async #dispatch(text: string, values: unknown): Promise<StatementResult | null> {
    const session = this.#session;
    if (values instanceof Entry) {
      session.setEntry(values);
    } else if (values instanceof Flush) {
      await session.flush();
    } else if (values instanceof RowCursor) {
      return session.fetch(text, values);
    } else if (values === undefined) {
      await session.control(text);
    } else {
      return session.run(text, values as readonly unknown[]);
    }
    return null;
  }

  async #assertReusable(): Promise<void> {
    const isReusable = await this.#session.isReusable();
    if (this.#lost || !isReusable) {
      throw this.#lost ?? new Error('The connection was released during a transaction.');
    }
  }

  /** Marks the connection as not reusable. Its transaction can still fail with its own error. */
  #retire(error: Error): void {
    if (!this.#lost) {
      this.#lost = error;
      this.#isRetired = true;
    }
  }

  /**
   * Slonik destroys a client that reports an error, and then removes its listener. A client that
   * is lost before its first use throws at that use: until then Slonik 49's pool considers it
   * alive, and a waiting request would never end.
   */
  #lose(error: Error): void {
    this.#lost ??= error;
    this.#isRetired = false;
    if (this.#isUsed && this.#emitter.listenerCount('error') > 0) {
      this.#emitter.emit('error', this.#lost);
    }
  }
}

/** Columns as Slonik names their members. A prepared statement has the same array each time. */
const driverFields = new WeakMap<StatementResult['fields'], DriverQueryResult['fields']>();

function toDriverResult({ command, fields, rowCount, rows }: StatementResult): DriverQueryResult {
  const known =
    driverFields.get(fields) ?? fields.map(({ dataTypeID, name }) => ({ dataTypeId: dataTypeID, name }));
  driverFields.set(fields, known);
  return {
    command: command as DriverQueryResult['command'],
    fields: known,
    rowCount,
    rows: rows as DriverQueryResult['rows'],
  };
}

/**
 * Creates Slonik's driver for tenants' transactions.
 *
 * Always uses the extended protocol, with one statement for each query: Slonik 49's own driver runs
 * stacked statements when a query has no values. The phases of a transaction are those of `Session`.
 */
export function createTenantDriver(settings: DriverSettings): DriverFactory {
  return createDriverFactory(async () => ({
    createPoolClient: async ({ clientEventEmitter }) => new PoolClient(settings, clientEventEmitter),
  }));
}
