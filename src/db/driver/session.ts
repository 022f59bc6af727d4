import type pg from 'pg';
import { ApiError } from '../../errors.ts';
import { SQLSTATE } from '../sqlstate.ts';
import { Batch, type Outcome, type Statement, type StatementResult } from './batch.ts';
import type { Connection } from './connection.ts';
import type { Entry, EntryStatement, RowCursor, SingleStatement, Terms } from './entry.ts';
import { assertEntered, outcomeUnknown } from './entry-outcome.ts';
import { createIdleTimeout, type IdleTimeout } from './idle-timeout.ts';
import type { PreparedStatements } from './prepared-statements.ts';
import { SESSION_RESET, SESSION_RESET_WITH_NAMES } from './session-reset.ts';
import { assertRowStatement } from './statement.ts';

/**
 * `idle`: no transaction. `begun`: Slonik has begun one, and nothing was sent yet. `entered`: the entry
 * was sent.
 */
type Phase = 'idle' | 'begun' | 'entered';

/** A statement of the work. */
type Work = Pick<Statement, 'text' | 'values' | 'part'>;

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

const NO_TERMS: Terms = {};
/** The scope of the driver's own statements, and of entries that all tenants share. */
const SHARED = '';
const SAVEPOINT = /^(SAVEPOINT|ROLLBACK TO SAVEPOINT) slonik_savepoint_\d+$/;
const ROW_COMMANDS: ReadonlySet<string | undefined> = new Set([
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'MERGE',
]);

/** A plan whose result has changed, and a name that PostgreSQL does not know. */
const STALE: ReadonlySet<unknown> = new Set([
  SQLSTATE.FEATURE_NOT_SUPPORTED,
  SQLSTATE.INVALID_SQL_STATEMENT_NAME,
]);

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
  readonly #idle: IdleTimeout;
  #phase: Phase = 'idle';
  #entry: Entry | null = null;
  #terms = NO_TERMS;
  /** The reset that was sent last. */
  #resetting: Promise<void> | null = null;

  constructor(connection: Connection, settings: SessionSettings) {
    this.#connection = connection;
    this.#settings = settings;
    this.#idle = createIdleTimeout(() => connection.destroy());
  }

  close(): void {
    this.#idle.stop();
  }

  /** Whether another transaction may begin. Waits until the session is reset. */
  async isReusable(): Promise<boolean> {
    await this.#resetting;
    return this.#phase === 'idle';
  }

  /** Stores the entry of the transaction that has begun. */
  setEntry(entry: Entry): void {
    if (this.#phase !== 'begun' || this.#entry !== null) {
      this.#refuse('An entry must be the first statement of its transaction, and the only entry.');
    }
    this.#entry = entry;
    this.#terms = entry.terms;
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
    const batch = this.#batch([this.#statementOf({ text, values, part })]);
    const outcome = await this.#exchange(text, batch);
    this.#forgetStale(batch, outcome);
    const result = lastOf(outcome);
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
  async runSingle(text: string, { entry, values }: SingleStatement): Promise<StatementResult> {
    assertRowStatement(text);
    if (this.#phase !== 'idle') {
      this.#refuse('A single statement is a transaction of its own.');
    }
    const { statements, terms } = entry;
    const isWriting = terms.readOnly !== true;
    if (isWriting && !statements.every(({ raises }) => raises)) {
      throw new TypeError('A single statement that writes needs guards that raise an error in SQL.');
    }
    this.#terms = terms;
    const build = () =>
      this.#batch([...this.#entryStatements(statements), this.#statementOf({ text, values })]);
    const send = (batch: Batch) => this.#exchange(text, batch, { isLast: true });
    const outcome = await this.#sendFirst(build, send);
    this.#terms = NO_TERMS;

    const { results, error, status, isReported } = outcome;
    const isComplete = results.length === statements.length + 1;
    if (error && status === null && isWriting && (isComplete || !isReported)) {
      throw outcomeUnknown(error);
    }
    assertEntered(statements, results, error);
    if (error) {
      throw error;
    }
    const last = results.at(-1);
    if (status !== 'I' || !isComplete || !ROW_COMMANDS.has(last?.command)) {
      this.#refuse('The transaction ended while its work was running.');
    }
    return last as StatementResult;
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
    this.#terms = NO_TERMS;
    this.#phase = 'idle';
  }

  /** Sends BEGIN, the entry and the first statement, if there is one, and checks the results in order. */
  async #enter(work: Work | null): Promise<StatementResult | null> {
    const { statements, terms } =
      this.#entry ?? this.#refuse('A transaction must enter a tenant before it runs statements.');
    const begin = { text: terms.readOnly ? 'start transaction read only' : 'start transaction', values: [] };
    const build = () =>
      this.#batch([
        this.#named(begin, SHARED),
        ...this.#entryStatements(statements),
        ...(work ? [this.#statementOf(work)] : []),
      ]);
    const send = async (batch: Batch) => {
      this.#phase = 'entered';
      this.#entry = null;
      return this.#exchange(work?.text ?? null, batch);
    };
    const outcome = await this.#sendFirst(build, send, async () => {
      const { status } = await this.#exchange(null, this.#script('rollback'));
      return status === 'I';
    });
    assertEntered(statements, outcome.results.slice(1), outcome.error);
    const result = lastOf(outcome);
    if (outcome.status !== 'T') {
      this.#refuse('The transaction ended while its work was running.');
    }
    return work && result;
  }

  /**
   * Sends the first batch of a transaction. When it fails because of a stale statement, it has changed
   * nothing, and is sent once more with new names. Nothing else is ever sent again.
   */
  async #sendFirst(
    build: () => Batch,
    send: (batch: Batch) => Promise<Outcome>,
    undo: () => Promise<boolean> = async () => true,
  ): Promise<Outcome> {
    const batch = build();
    const outcome = await send(batch);
    return this.#forgetStale(batch, outcome) && (await undo()) ? send(build()) : outcome;
  }

  /** Removes the names of a batch that failed because one of them is stale. Returns whether it did. */
  #forgetStale(batch: Batch, { error, status }: Outcome): boolean {
    if (status === null || error === null || !STALE.has((error as { code?: unknown }).code)) {
      return false;
    }
    const { reused } = batch;
    for (const statement of reused) {
      this.#settings.preparedStatements?.remove(statement);
    }
    return reused.length > 0;
  }

  async #savepoint(text: string): Promise<void> {
    lastOf(await this.#exchange(null, this.#batch([{ text, values: [] }])));
  }

  async #commit(): Promise<void> {
    // A failed query whose error was swallowed must not look like success.
    const isAborted = this.#connection.status === 'E';
    const terms = this.#terms;
    const { results, error, status } = await this.#end(isAborted ? 'rollback' : 'commit');
    const [result] = results;
    if (!result && error && status === null && !isAborted && !terms.readOnly) {
      const unknown = outcomeUnknown(error);
      terms.onOutcomeUnknown?.(unknown);
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
    const outcome = await this.#exchange(null, this.#script(text), { isLast: true });
    this.#leave();
    if (outcome.error && text === 'rollback') {
      this.#settings.retire(new ApiError('transaction_aborted', 'The transaction could not be ended.'));
    }
    return outcome;
  }

  /** Sends one round trip and reports it to `onRound`. `text` is the statement of the work. */
  async #exchange(
    text: string | null,
    batch: Batch,
    { isLast = false }: Readonly<{ isLast?: boolean }> = {},
  ): Promise<Outcome> {
    const { idleTimeout, onRound, queryTimeout, resultBytes, onOverdue } = this.#terms;
    this.#idle.stop();
    const started = onRound && performance.now();
    const limits = {
      timeout: queryTimeout ?? this.#settings.queryTimeout,
      bytes: resultBytes ?? null,
      onOverdue,
    };
    const reset = isLast ? this.#script(this.#prepares ? SESSION_RESET_WITH_NAMES : SESSION_RESET) : null;
    const [answer] = this.#connection.send(limits, reset ? [batch, reset] : [batch]);
    if (reset) {
      this.#resetting = this.#awaitReset(reset);
    }
    const outcome = (await answer) as Outcome;
    if (onRound && started !== undefined) {
      onRound({ text, started, ended: performance.now(), failed: outcome.error !== null });
    }
    if (idleTimeout && !isLast && this.#connection.status !== 'I') {
      this.#idle.start(idleTimeout);
    }
    return outcome;
  }

  /** Retires the connection unless the reset has succeeded. What was committed before it is final. */
  async #awaitReset(reset: Batch): Promise<void> {
    const { error, status } = await reset.answer;
    if (error || status !== 'I') {
      this.#settings.retire(new ApiError('transaction_aborted', 'The session could not be reset.'));
    }
  }

  #script(text: string): Batch {
    return Batch.script(text, this.#settings.types);
  }

  #batch(statements: readonly Statement[]): Batch {
    const { types, preparedStatements } = this.#settings;
    return Batch.of(statements, {
      types,
      closing: preparedStatements?.takeUnused() ?? [],
      onParsed: (statement) => preparedStatements?.add(statement),
    });
  }

  /** Whether statements get names. A pooler would rename them, and share them among its clients. */
  get #prepares(): boolean {
    return this.#settings.preparedStatements !== null && this.#connection.isDirect;
  }

  #named(statement: Statement, scope: string | undefined): Statement {
    const prepared =
      scope !== undefined && this.#prepares
        ? this.#settings.preparedStatements?.find(scope, statement.text)
        : undefined;
    return prepared ? { ...statement, prepared } : statement;
  }

  #statementOf(work: Work): Statement {
    if (work.part?.isOpen) {
      return work;
    }
    const named = this.#named(work, this.#terms.statementScope);
    const comment = named.prepared?.isParsed ? null : this.#terms.comment?.();
    return comment ? { ...named, text: `${comment} ${named.text}` } : named;
  }

  #entryStatements(statements: readonly EntryStatement[]): readonly Statement[] {
    this.#connection.setBackendPid(null);
    return statements.map(({ text, values, backendPid, isShared }) =>
      this.#named(
        {
          text,
          values,
          onRows: backendPid && ((rows) => this.#connection.setBackendPid(backendPid(rows))),
        },
        isShared ? SHARED : this.#terms.statementScope,
      ),
    );
  }

  /** Fails the request and closes the connection. */
  #refuse(message: string): never {
    const error = new ApiError('transaction_aborted', message);
    this.#settings.lose(error);
    throw error;
  }
}

function lastOf({ results, error }: Outcome): StatementResult {
  const last = results.at(-1);
  if (error || !last) {
    throw error ?? new TypeError('A statement has no result.');
  }
  return last;
}
