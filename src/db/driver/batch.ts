import pg from 'pg';
import { serialize } from 'pg-protocol';

import { rememberStatement } from './failed-statement.ts';
import { MESSAGE, readError, readFields } from './message-reader.ts';
import { MessageWriter, type Parameter } from './message-writer.ts';
import type { PreparedStatement } from './prepared-statements.ts';
import { type Field, type Row, RowShape } from './row-shape.ts';

/** One statement of the extended protocol. */
export type Statement = Readonly<{
  text: string;
  values: readonly unknown[];
  /** Its name. Without it the statement is parsed each time. */
  prepared?: PreparedStatement | undefined;
  /** Returns some of its rows. `isOpen`: the rows after those that were returned before. */
  part?: Readonly<{ portal: string; count: number; isOpen: boolean }> | undefined;
  /** Called when the statement has completed, before the statements after it have. */
  onRows?: ((rows: readonly Row[]) => void) | undefined;
}>;

export type StatementResult = Readonly<{
  /** The first word of the command tag: SELECT, INSERT … */
  command: string;
  rowCount: number | null;
  fields: readonly Field[];
  rows: readonly Row[];
}>;

/** What PostgreSQL reported of a batch. */
export type Outcome = Readonly<{
  /** The results of the statements that completed, in order. They are final only if there is no error. */
  results: readonly StatementResult[];
  /** The first error. Null: there was none. */
  error: Error | null;
  /** Whether the error is a message of PostgreSQL, and not of the socket or the driver. */
  isReported: boolean;
  /** The transaction status of its ReadyForQuery. Null: it did not arrive. */
  status: string | null;
}>;

const { prepareValue } = (pg as unknown as { utils: { prepareValue: (value: unknown) => Parameter } }).utils;

/** Maximum number of values of a statement: the protocol counts them with 16 bits. */
const MAX_VALUES = 65_535;

/** @throws TypeError when a value cannot be sent */
function prepareValues(values: readonly unknown[]): readonly Parameter[] {
  if (values.length > MAX_VALUES) {
    throw new TypeError(`A statement has at most ${MAX_VALUES} values. Use sql.unnest for more.`);
  }
  return values.map((value) => prepareValue(value));
}

const NO_ROWS: readonly never[] = [];
const SYNC = serialize.sync();
const DESCRIBE_PORTAL = serialize.describe({ type: 'P' });
const EXECUTE = serialize.execute();
const COPY_FAIL = serialize.copyFail('No source stream defined');

/** Encodes one batch at a time, which is synchronous. */
const writer = new MessageWriter();

type Tag = Pick<StatementResult, 'command' | 'rowCount'>;

/** Tags that were read before. Most are of few rows, or of the reset. */
const tags = new Map<string, Tag>();
const MAX_TAGS = 1_000;

/** Returns command and row count of a command tag, such as `INSERT 0 1`. */
function readTag(tag: string): Tag {
  const known = tags.get(tag);
  if (known) {
    return known;
  }
  const words = tag.split(' ');
  const count = words.length > 1 ? Number(words.at(-1)) : Number.NaN;
  const read = { command: words[0] ?? '', rowCount: Number.isNaN(count) ? null : count };
  if (tags.size < MAX_TAGS) {
    tags.set(tag, read);
  }
  return read;
}

/** Messages of scripts, which are constant: the reset, alone and with others, COMMIT and ROLLBACK. */
const scripts = new Map<string, Buffer>();

function encodeScript(text: string): Buffer {
  const message = scripts.get(text) ?? serialize.query(text);
  scripts.set(text, message);
  return message;
}

/** Whether PostgreSQL closes the connection after an error. */
const isFatal = (error: unknown): boolean =>
  ['FATAL', 'PANIC'].includes((error as { severity?: string }).severity ?? '');

/** Whether an error is a message of PostgreSQL, and not one of the socket. */
const isReported = (error: unknown): boolean => (error as { severity?: unknown }).severity !== undefined;

/**
 * Statements that share one Sync, so that PostgreSQL responds with one ReadyForQuery: either statements
 * of the extended protocol, or a fixed script of the driver, sent with the simple protocol.
 *
 * After an error PostgreSQL skips the other statements of the batch. Outside a transaction block all
 * statements of a batch are one implicit transaction, which is committed at the Sync.
 *
 * Rows are buffered. `answer` resolves at ReadyForQuery, never earlier, and never rejects.
 */
export class Batch {
  readonly answer: Promise<Outcome>;
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
    options: Readonly<{
      isScript: boolean;
      types: pg.CustomTypesConfig;
      closing: readonly string[];
      onParsed: (statement: PreparedStatement) => void;
    }>,
  ) {
    this.#statements = statements;
    this.texts = statements.map(({ text }) => text);
    this.#values = statements.map(({ values }) => prepareValues(values));
    this.#isScript = options.isScript;
    this.#types = options.types;
    this.#closing = options.closing;
    this.#onParsed = options.onParsed;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.answer = promise;
    this.#resolve = resolve;
  }

  /**
   * Creates a batch of the extended protocol. `closing` are names of prepared statements to
   * deallocate. `onParsed` is called when PostgreSQL has confirmed a name.
   */
  static of(
    statements: readonly Statement[],
    options: Readonly<{
      types: pg.CustomTypesConfig;
      closing?: readonly string[];
      onParsed?: (statement: PreparedStatement) => void;
    }>,
  ): Batch {
    return new Batch(statements, {
      isScript: false,
      types: options.types,
      closing: options.closing ?? [],
      onParsed: options.onParsed ?? (() => {}),
    });
  }

  /** Creates a batch of a script that returns no rows. Its text must be constant. */
  static script(text: string, types: pg.CustomTypesConfig): Batch {
    return new Batch([{ text, values: [] }], { isScript: true, types, closing: [], onParsed: () => {} });
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
    try {
      for (const name of this.#closing) {
        writer.close(name);
      }
      for (const [index, statement] of this.#statements.entries()) {
        this.#encodeStatement(index, statement);
      }
      writer.raw(SYNC);
      return writer.take();
    } catch (error) {
      writer.clear();
      throw error;
    }
  }

  #encodeStatement(index: number, { prepared, part }: Statement): void {
    if (!part?.isOpen) {
      const name = prepared?.name ?? '';
      if (!prepared?.isParsed) {
        this.#parsed.push(index);
        writer.parse(name, this.texts[index] ?? '');
      }
      writer.bind(part?.portal ?? '', name, this.#values[index] ?? []);
    }
    if (part) {
      // A continued portal is described again: each part is parsed without knowledge of the part before.
      writer.describePortal(part.portal);
      writer.execute(part.portal, part.count);
      return;
    }
    if (prepared?.shape === undefined) {
      writer.raw(DESCRIBE_PORTAL);
    }
    writer.raw(EXECUTE);
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

  #complete({ command, rowCount }: Tag): void {
    const statement = this.#statements[this.#results.length];
    const shape = this.#shape ?? statement?.prepared?.shape ?? null;
    if (statement?.prepared) {
      statement.prepared.shape ??= shape;
    }
    const rows = this.#rows;
    this.#results.push({ command, rowCount, fields: shape?.fields ?? NO_ROWS, rows });
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
      : (rememberStatement(error, this.texts[this.#results.length] ?? '') as Error);
    if (isFatal(error)) {
      this.#settle(null);
    }
  }
}
