import type pg from 'pg';
import { serialize } from 'pg-protocol';

import {
  encodeScript,
  encodeStatements,
  isParsedNow,
  prepareValues,
  type Statement,
} from './encode-batch.ts';
import { attachStatement } from './failed-statement.ts';
import { MESSAGE, readError, readFields } from './message-reader.ts';
import type { Parameter } from './message-writer.ts';
import {
  type CommandTag,
  isFatal,
  isReported,
  type Outcome,
  readTag,
  type StatementResult,
} from './outcome.ts';
import type { PreparedStatement } from './prepared-statements.ts';
import { type Row, RowShape } from './row-shape.ts';

const NO_FIELDS: readonly never[] = [];
const COPY_FAIL = serialize.copyFail('No source stream defined');

type BatchOptions = Readonly<{
  types: pg.CustomTypesConfig;
  /** Names of prepared statements to deallocate. */
  closing: readonly string[];
  /** Called when PostgreSQL has confirmed a name. */
  onParsed: (statement: PreparedStatement) => void;
}>;

/**
 * Statements that share one Sync, so that PostgreSQL responds with one ReadyForQuery: either statements
 * of the extended protocol, or a fixed script of the driver, sent with the simple protocol.
 *
 * After an error PostgreSQL skips the other statements of the batch. Outside a transaction block all
 * statements of a batch are one implicit transaction, which is committed at the Sync.
 *
 * Rows are buffered. `outcome` resolves at ReadyForQuery, never earlier, and never rejects.
 */
export class Batch {
  readonly outcome: Promise<Outcome>;
  /** Called when PostgreSQL has finished the batch, or the connection has ended. */
  onFinished: (batch: Batch) => void = () => {};
  /** Returns the error to report in place of one of pg. */
  translate: (error: Error) => Error = (error) => error;
  /** The SQL texts. Tests replace them before they are sent. */
  texts: string[];

  readonly #statements: readonly Statement[];
  readonly #values: ReadonlyArray<readonly Parameter[]>;
  readonly #isScript: boolean;
  readonly #types: pg.CustomTypesConfig;
  readonly #closing: readonly string[];
  readonly #onParsed: (statement: PreparedStatement) => void;
  readonly #results: StatementResult[] = [];
  /** The indexes of the statements that are parsed with this batch. */
  readonly #parsed: number[] = [];
  #parsing = 0;
  #shape: RowShape | null = null;
  #rows: Row[] = [];
  #error: Error | null = null;
  #isFinished = false;
  #resolve: ((outcome: Outcome) => void) | null;

  /** @throws TypeError when a value cannot be sent */
  private constructor(
    statements: readonly Statement[],
    isScript: boolean,
    { types, closing, onParsed }: BatchOptions,
  ) {
    this.#statements = statements;
    this.texts = statements.map(({ text }) => text);
    this.#values = statements.map(({ values }) => prepareValues(values));
    this.#isScript = isScript;
    this.#types = types;
    this.#closing = closing;
    this.#onParsed = onParsed;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.outcome = promise;
    this.#resolve = resolve;
  }

  /** Creates a batch of the extended protocol. */
  static of(statements: readonly Statement[], options: BatchOptions): Batch {
    return new Batch(statements, false, options);
  }

  /** Creates a batch of a script that returns no rows. Its text must be constant. */
  static script(text: string, types: pg.CustomTypesConfig): Batch {
    return new Batch([{ text, values: [] }], true, { types, closing: [], onParsed: () => {} });
  }

  /** The names that PostgreSQL should have had before this batch. */
  get reused(): readonly PreparedStatement[] {
    return this.#statements.flatMap(({ prepared }, index) =>
      prepared && !this.#parsed.includes(index) ? [prepared] : [],
    );
  }

  /** Returns all messages. Called once. */
  encode(): Buffer {
    if (this.#isScript) {
      return encodeScript(this.texts[0] ?? '');
    }
    for (const [index, statement] of this.#statements.entries()) {
      if (isParsedNow(statement)) {
        this.#parsed.push(index);
      }
    }
    return encodeStatements(this.#statements, this.texts, this.#values, this.#closing);
  }

  /** Fails the batch without a response of PostgreSQL. It is finished when ReadyForQuery arrives or the connection ends. */
  abort(error: Error): void {
    this.#error ??= error;
    this.#settle(null);
  }

  /** Ends the batch, because the connection has ended. */
  finish(error: Error): void {
    this.abort(error);
    this.#finish();
  }

  #settle(status: string | null): void {
    const resolve = this.#resolve;
    if (resolve) {
      this.#resolve = null;
      const error = this.#error;
      resolve({
        results: this.#results,
        error: error && this.translate(error),
        isReported: error !== null && isReported(error),
        status,
      });
    }
  }

  #finish(): void {
    if (!this.#isFinished) {
      this.#isFinished = true;
      this.onFinished(this);
    }
  }

  /**
   * Handles a message of PostgreSQL. Returns what must be sent in response, or null. ReadyForQuery ends the batch, and so
   * does an error after which PostgreSQL closes the connection.
   */
  handle(code: number, bytes: Buffer, start: number, end: number): Buffer | null {
    switch (code) {
      case MESSAGE.dataRow:
        this.#addRow(bytes, start);
        break;
      case MESSAGE.commandComplete:
        this.#complete(readTag(bytes.toString('latin1', start, end - 1)));
        break;
      case MESSAGE.readyForQuery:
        this.#settle(String.fromCharCode(bytes[start] as number));
        this.#finish();
        break;
      case MESSAGE.parseComplete:
        this.#confirmName();
        break;
      case MESSAGE.rowDescription:
        this.#shape = new RowShape(readFields(bytes, start), this.#types);
        break;
      case MESSAGE.error:
        this.#fail(readError(bytes, start, end));
        break;
      case MESSAGE.portalSuspended:
        // More rows follow in the next part.
        this.#complete({ command: 'SELECT', rowCount: null });
        break;
      case MESSAGE.emptyQuery:
        this.#complete(readTag(''));
        break;
      case MESSAGE.copyIn:
        return COPY_FAIL;
      default:
        // BindComplete, CloseComplete, NoData, ParameterStatus, notices and notifications.
        break;
    }
    return null;
  }

  #confirmName(): void {
    const prepared = this.#statements[this.#parsed[this.#parsing] ?? -1]?.prepared;
    this.#parsing += 1;
    if (prepared) {
      this.#onParsed(prepared);
    }
  }

  #addRow(bytes: Buffer, start: number): void {
    if (this.#error) {
      return;
    }
    this.#shape ??= this.#statements[this.#results.length]?.prepared?.shape ?? null;
    try {
      this.#rows.push(this.#shape?.parse(bytes, start) ?? {});
    } catch (error) {
      this.#error = error as Error;
    }
  }

  #complete({ command, rowCount }: CommandTag): void {
    const statement = this.#statements[this.#results.length];
    const shape = this.#shape ?? statement?.prepared?.shape ?? null;
    if (statement?.prepared) {
      statement.prepared.shape ??= shape;
    }
    const rows = this.#rows;
    this.#results.push({ command, rowCount, fields: shape?.fields ?? NO_FIELDS, rows });
    this.#shape = null;
    this.#rows = [];
    if (this.#error) {
      return;
    }
    try {
      statement?.onRows?.(rows);
    } catch (error) {
      this.#error = error as Error;
    }
  }

  #fail(error: Error): void {
    this.#error ??= this.#isScript
      ? error
      : (attachStatement(error, this.texts[this.#results.length] ?? '') as Error);
    if (isFatal(error)) {
      this.#settle(null);
    }
  }
}
