import type pg from 'pg';

import { SQLSTATE } from '../sqlstate.ts';
import { Batch } from './batch.ts';
import type { Connection } from './connection.ts';
import type { Statement } from './encode-batch.ts';
import type { EntryStatement, TransactionOptions } from './entry.ts';
import type { Outcome } from './outcome.ts';
import type { PreparedStatements } from './prepared-statements.ts';
import { SESSION_RESET, SESSION_RESET_WITH_NAMES } from './session-reset.ts';

/** A statement of the work. */
export type Work = Pick<Statement, 'text' | 'values' | 'part'>;

/** The scope of the driver's own statements, and of entries that all tenants share. */
const SHARED = '';

/** A plan whose result has changed, and a name that PostgreSQL does not know. */
const STALE: ReadonlySet<unknown> = new Set([
  SQLSTATE.FEATURE_NOT_SUPPORTED,
  SQLSTATE.INVALID_SQL_STATEMENT_NAME,
]);

/** Creates the batches of one session, with the names of its prepared statements. */
export class SessionBatches {
  readonly #connection: Connection;
  readonly #types: pg.CustomTypesConfig;
  readonly #preparedStatements: PreparedStatements | null;

  /** `preparedStatements` is null if statements have no names. */
  constructor(
    connection: Connection,
    types: pg.CustomTypesConfig,
    preparedStatements: PreparedStatements | null,
  ) {
    this.#connection = connection;
    this.#types = types;
    this.#preparedStatements = preparedStatements;
  }

  /** Creates a batch of a script that returns no rows. Its text must be constant. */
  script(text: string): Batch {
    return Batch.script(text, this.#types);
  }

  /** Creates the batch that resets the session. */
  reset(): Batch {
    return this.script(this.#prepares ? SESSION_RESET_WITH_NAMES : SESSION_RESET);
  }

  /** Creates a batch of the extended protocol. */
  of(statements: readonly Statement[]): Batch {
    const preparedStatements = this.#preparedStatements;
    return Batch.of(statements, {
      types: this.#types,
      closing: preparedStatements?.takeUnused() ?? [],
      onParsed: (statement) => preparedStatements?.add(statement),
    });
  }

  /** Returns the statement that begins a transaction. */
  begin({ readOnly }: TransactionOptions): Statement {
    const text = readOnly ? 'start transaction read only' : 'start transaction';
    return this.#named({ text, values: [] }, SHARED);
  }

  /** Returns the statements of an entry. The process id of the backend is unknown until they have run. */
  entry(statements: readonly EntryStatement[], options: TransactionOptions): readonly Statement[] {
    this.#connection.setBackendPid(null);
    return statements.map(({ text, values, backendPid, isShared }) =>
      this.#named(
        {
          text,
          values,
          onRows: backendPid && ((rows) => this.#connection.setBackendPid(backendPid(rows))),
        },
        isShared ? SHARED : options.statementScope,
      ),
    );
  }

  /** Returns a statement of the work. Its comment is sent only when the statement is parsed. */
  work(work: Work, options: TransactionOptions): Statement {
    if (work.part?.isOpen) {
      return work;
    }
    const named = this.#named(work, options.statementScope);
    const comment = named.prepared?.isParsed ? null : options.comment?.();
    return comment ? { ...named, text: `${comment} ${named.text}` } : named;
  }

  /**
   * Sends the first batch of a transaction. When it fails because of a stale statement, it has changed
   * nothing, and is sent once more with new names. Nothing else is ever sent again.
   */
  async sendFirst(
    build: () => Batch,
    send: (batch: Batch) => Promise<Outcome>,
    undo: () => Promise<boolean> = async () => true,
  ): Promise<Outcome> {
    const batch = build();
    const outcome = await send(batch);
    return this.removeStaleNames(batch, outcome) && (await undo()) ? send(build()) : outcome;
  }

  /** Removes the names of a batch that failed because one of them is stale. Returns whether it did. */
  removeStaleNames(batch: Batch, { error, status }: Outcome): boolean {
    if (status === null || error === null || !STALE.has((error as { code?: unknown }).code)) {
      return false;
    }
    const { reused } = batch;
    for (const statement of reused) {
      this.#preparedStatements?.remove(statement);
    }
    return reused.length > 0;
  }

  /** Whether statements get names. A pooler would rename them, and share them among its clients. */
  get #prepares(): boolean {
    return this.#preparedStatements !== null && this.#connection.isDirect;
  }

  #named(statement: Statement, scope: string | undefined): Statement {
    const prepared =
      scope !== undefined && this.#prepares
        ? this.#preparedStatements?.find(scope, statement.text)
        : undefined;
    return prepared ? { ...statement, prepared } : statement;
  }
}
