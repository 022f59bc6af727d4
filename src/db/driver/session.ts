import type pg from 'pg';

import { ApiError } from '../../errors.ts';
import type { Batch } from './batch.ts';
import type { Connection } from './connection.ts';
import type { Statement } from './encode-batch.ts';
import type { Entry, RowCursor, SingleStatement, TransactionOptions } from './entry.ts';
import { assertEntered, outcomeUnknown } from './entry-outcome.ts';
import { lastResult, type Outcome, type StatementResult } from './outcome.ts';
import type { PreparedStatements } from './prepared-statements.ts';
import { RoundTrips } from './round-trips.ts';
import { SessionBatches, type Work } from './session-batches.ts';
import { runSingleTransaction, type SingleTransactionContext } from './single-transaction.ts';
import { assertRowStatement } from './statement.ts';

/**
 * `idle`: no transaction. `begun`: Slonik has begun one, and nothing was sent yet. `entered`: the entry
 * was sent.
 */
type Phase = 'idle' | 'begun' | 'entered';

export type SessionSettings = Readonly<{
  /** Milliseconds until a statement is cancelled. */
  queryTimeout: number;
  types: pg.CustomTypesConfig;
  /** Null: statements have no names. */
  preparedStatements: PreparedStatements | null;
  /** Called when the connection must be closed. Its transaction can still fail with its own error. */
  retire: (error: Error) => void;
  /** Called when the connection is unusable. */
  lose: (error: Error) => void;
}>;

const NO_OPTIONS: TransactionOptions = {};
const SAVEPOINT = /^(SAVEPOINT|ROLLBACK TO SAVEPOINT) slonik_savepoint_\d+$/;

/**
 * The transactions of one connection.
 *
 * - An ordinary transaction: Slonik's START TRANSACTION is held back, and leaves in one network write,
 *   under one Sync, with the entry and the first statement. Each further statement is a round trip.
 *   COMMIT or ROLLBACK leaves in one write with the reset of the session.
 * - A single statement: entry and statement leave under one Sync, which makes them one implicit
 *   transaction, in one write with the reset.
 *
 * Nothing runs before an entry, and no row is released before the entry has succeeded. After each round
 * trip PostgreSQL's transaction status is compared with the expected one. Any other status ends the
 * request and the connection.
 */
export class Session {
  readonly #connection: Connection;
  readonly #settings: SessionSettings;
  readonly #batches: SessionBatches;
  readonly #roundTrips: RoundTrips;
  readonly #context: SingleTransactionContext;
  #phase: Phase = 'idle';
  #entry: Entry | null = null;
  #options = NO_OPTIONS;

  constructor(connection: Connection, settings: SessionSettings) {
    this.#connection = connection;
    this.#settings = settings;
    this.#batches = new SessionBatches(connection, settings.types, settings.preparedStatements);
    this.#roundTrips = new RoundTrips(connection, settings.queryTimeout, settings.retire);
    this.#context = {
      batches: this.#batches,
      roundTrips: this.#roundTrips,
      refuse: (message) => this.#refuse(message),
    };
  }

  close(): void {
    this.#roundTrips.close();
  }

  /** Whether another transaction may begin. Waits until the session is reset. */
  async isReusable(): Promise<boolean> {
    await this.#roundTrips.resetting;
    return this.#phase === 'idle';
  }

  /** Stores the entry of the transaction that has begun. */
  setEntry(entry: Entry): void {
    if (this.#phase !== 'begun' || this.#entry !== null) {
      this.#refuse('An entry must be the first statement of its transaction, and the only entry.');
    }
    this.#entry = entry;
    this.#options = entry.options;
  }

  /** Sends the beginning of the transaction, if it was held back until now. */
  async flush(): Promise<void> {
    if (this.#phase === 'begun') {
      await this.#enter(null);
    }
  }

  /**
   * Handles Slonik's own transaction statements, which have no values. Such statements from other
   * callers are rejected.
   */
  async control(text: string): Promise<void> {
    if (text === 'START TRANSACTION') {
      if (this.#phase !== 'idle') {
        this.#refuse('The connection was released during a transaction.');
      }
      this.#phase = 'begun';
    } else if (text === 'COMMIT' || SAVEPOINT.test(text)) {
      await this.flush();
      if (this.#phase !== 'entered') {
        this.#refuse('No transaction is open.');
      }
      await (text === 'COMMIT' ? this.#commit() : this.#savepoint(text));
    } else {
      assertRowStatement(text);
      this.#refuse("Only Slonik's own queries may have no values.");
    }
  }

  /** Runs one statement of the work, in the transaction if there is one. */
  async run(text: string, values: readonly unknown[], part?: Statement['part']): Promise<StatementResult> {
    assertRowStatement(text);
    if (this.#phase === 'begun') {
      return (await this.#enter({ text, values, part })) as StatementResult;
    }
    const expected = this.#phase === 'entered' ? 'T' : 'I';
    const batch = this.#batches.of([this.#batches.work({ text, values, part }, this.#options)]);
    const outcome = await this.#roundTrips.send(batch, text, this.#options);
    this.#batches.removeStaleNames(batch, outcome);
    const result = lastResult(outcome);
    if (outcome.status !== expected) {
      this.#refuse('The transaction ended while its work was running.');
    }
    return result;
  }

  /** Returns the next rows of a cursor, in the transaction. */
  async fetch(text: string, cursor: RowCursor): Promise<StatementResult> {
    if (this.#phase === 'idle') {
      this.#refuse('A cursor needs a transaction.');
    }
    const { portal, count, isOpen, values } = cursor;
    cursor.isOpen = true;
    return this.run(text, isOpen ? [] : values, { portal, count, isOpen });
  }

  /** Runs one statement as a transaction of its own, with its entry, in one network write. */
  runSingle(text: string, single: SingleStatement): Promise<StatementResult> {
    assertRowStatement(text);
    if (this.#phase !== 'idle') {
      this.#refuse('A single statement is a transaction of its own.');
    }
    return runSingleTransaction(text, single, this.#context);
  }

  async rollback(isLost: boolean): Promise<void> {
    if (this.#phase === 'entered' && !isLost && this.#connection.status !== 'I') {
      // A ROLLBACK that failed or was cancelled has retired the connection, and closing it rolls back.
      await this.#end('rollback');
    }
    this.#leave();
  }

  #leave(): void {
    this.#entry = null;
    this.#options = NO_OPTIONS;
    this.#phase = 'idle';
  }

  /** Sends BEGIN, the entry and the first statement, if there is one, and checks the results in order. */
  async #enter(work: Work | null): Promise<StatementResult | null> {
    const { statements, options } =
      this.#entry ?? this.#refuse('A transaction must enter a tenant before it runs statements.');
    const build = () =>
      this.#batches.of([
        this.#batches.begin(options),
        ...this.#batches.entry(statements, options),
        ...(work ? [this.#batches.work(work, options)] : []),
      ]);
    const send = async (batch: Batch) => {
      this.#phase = 'entered';
      this.#entry = null;
      return this.#roundTrips.send(batch, work?.text ?? null, options);
    };
    const outcome = await this.#batches.sendFirst(build, send, async () => {
      const { status } = await this.#roundTrips.send(this.#batches.script('rollback'), null, options);
      return status === 'I';
    });
    assertEntered(statements, outcome.results.slice(1), outcome.error);
    const result = lastResult(outcome);
    if (outcome.status !== 'T') {
      this.#refuse('The transaction ended while its work was running.');
    }
    return work && result;
  }

  async #savepoint(text: string): Promise<void> {
    const batch = this.#batches.of([{ text, values: [] }]);
    lastResult(await this.#roundTrips.send(batch, null, this.#options));
  }

  async #commit(): Promise<void> {
    // A failed query whose error was swallowed must not look like success.
    const isAborted = this.#connection.status === 'E';
    const options = this.#options;
    const { results, error, status } = await this.#end(isAborted ? 'rollback' : 'commit');
    const [result] = results;
    if (!result && error && status === null && !isAborted && !options.readOnly) {
      const unknown = outcomeUnknown(error);
      options.onOutcomeUnknown?.(unknown);
      throw unknown;
    }
    if (!result && error) {
      throw error;
    }
    if (result?.command !== 'COMMIT') {
      throw new ApiError('transaction_aborted', 'A query of this transaction failed, so nothing was saved.');
    }
  }

  /** Sends COMMIT or ROLLBACK with the reset of the session in one write. */
  async #end(text: 'commit' | 'rollback'): Promise<Outcome> {
    const reset = this.#batches.reset();
    const outcome = await this.#roundTrips.sendLast(this.#batches.script(text), reset, null, this.#options);
    this.#leave();
    if (outcome.error && text === 'rollback') {
      this.#settings.retire(new ApiError('transaction_aborted', 'The transaction could not be ended.'));
    }
    return outcome;
  }

  /** Fails the request and closes the connection. */
  #refuse(message: string): never {
    const error = new ApiError('transaction_aborted', message);
    this.#settings.lose(error);
    throw error;
  }
}
