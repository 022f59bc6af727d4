import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import pg from 'pg';
import { serialize } from 'pg-protocol';

import { rememberStatement } from './failed-statement.ts';
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
  /** Called when the statement has completed, before the statements behind it have. */
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

type PgMessage = Readonly<{ fields: readonly never[]; text: string; status: string }>;
type RawConnection = pg.Connection & { stream: Socket };

// pg's client accepts other query objects than its own only without pipelining.
const PgQuery = pg.Query as unknown as new (text: string) => EventEmitter;
const { prepareValue } = (
  pg as unknown as { utils: { prepareValue: (value: unknown) => string | Buffer | null } }
).utils;

const NO_ROWS: readonly never[] = [];
const SYNC = serialize.sync();
const DESCRIBE_PORTAL = serialize.describe({ type: 'P' });
const EXECUTE = serialize.execute();

/** A continued portal is described again: each part is parsed without knowledge of the part before. */
const executePart = ({ portal, count }: Readonly<{ portal: string; count: number }>): readonly Buffer[] => [
  serialize.describe({ type: 'P', name: portal }),
  serialize.execute({ portal, rows: count }),
];

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
export class Batch extends PgQuery {
  readonly answer: Promise<Outcome>;
  /** Called when PostgreSQL has finished the batch, or the connection has ended. */
  onFinished: (batch: Batch) => void = () => {};
  /** Returns the error to report in place of one of pg. */
  translate: (error: Error) => Error = (error) => error;
  /** Returns the status of the ReadyForQuery that has just arrived. */
  readStatus: () => string | null = () => null;
  /** The SQL texts. Tests replace them before they are sent. */
  texts: string[];

  readonly #statements: readonly Statement[];
  readonly #values: ReadonlyArray<ReadonlyArray<string | Buffer | null>>;
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
    super('');
    this.#statements = statements;
    this.texts = statements.map(({ text }) => text);
    this.#values = statements.map(({ values }) => values.map((value) => prepareValue(value)));
    this.#isScript = options.isScript;
    this.#types = options.types;
    this.#closing = options.closing;
    this.#onParsed = options.onParsed;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.answer = promise;
    this.#resolve = resolve;
  }

  /**
   * Creates a batch of the extended protocol. `closing` are names of statements that PostgreSQL can
   * forget. `onParsed` is called when PostgreSQL has confirmed a name.
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

  /** Writes all messages. Called by pg's client. */
  submit(connection: RawConnection): null {
    connection.stream.write(this.#isScript ? encodeScript(this.texts[0] ?? '') : this.#encode());
    return null;
  }

  #encode(): Buffer {
    const messages: Buffer[] = this.#closing.map((name) => serialize.close({ type: 'S', name }));
    for (const [index, { prepared, part }] of this.#statements.entries()) {
      if (part?.isOpen) {
        messages.push(...executePart(part));
        continue;
      }
      const statement = prepared?.name ?? '';
      if (!prepared?.isParsed) {
        this.#parsed.push(index);
        messages.push(serialize.parse({ name: statement, text: this.texts[index] ?? '', types: [] }));
      }
      const values = [...(this.#values[index] ?? [])];
      messages.push(serialize.bind({ portal: part?.portal ?? '', statement, values }));
      if (part) {
        messages.push(...executePart(part));
        continue;
      }
      if (prepared?.shape === undefined) {
        messages.push(DESCRIBE_PORTAL);
      }
      messages.push(EXECUTE);
    }
    messages.push(SYNC);
    return Buffer.concat(messages);
  }

  /** Fails the batch without an answer of PostgreSQL. It is finished when ReadyForQuery arrives or the connection ends. */
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

  handleParseComplete(): void {
    const prepared = this.#statements[this.#parsed[this.#parsing] ?? -1]?.prepared;
    this.#parsing += 1;
    if (prepared) {
      this.#onParsed(prepared);
    }
  }

  handleRowDescription({ fields }: PgMessage): void {
    this.#shape = new RowShape(fields, this.#types);
  }

  handleDataRow({ fields }: PgMessage): void {
    if (this.#error) {
      return;
    }
    this.#shape ??= this.#statements[this.#results.length]?.prepared?.shape ?? null;
    try {
      this.#rows.push(this.#shape?.parse(fields) ?? {});
    } catch (error) {
      this.#error = error as Error;
    }
  }

  handleCommandComplete({ text }: PgMessage): void {
    this.#complete(readTag(text));
  }

  /** More rows follow in the next part. */
  handlePortalSuspended(): void {
    this.#complete({ command: 'SELECT', rowCount: null });
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
    if (!this.#error) {
      statement?.onRows?.(rows);
    }
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete({ text: '', fields: [], status: '' });
  }

  handleError(error: Error, connection: RawConnection): void {
    this.#error ??= this.#isScript
      ? error
      : (rememberStatement(error, this.texts[this.#results.length] ?? '') as Error);
    if (isReported(error) && !isFatal(error)) {
      // pg's client does not pass the ReadyForQuery after an error to the query.
      connection.once('readyForQuery', (message: PgMessage) => this.#handleStatus(message.status));
    } else {
      this.#settle(null);
    }
  }

  handleReadyForQuery(): void {
    // pg's client has just stored the status of this message.
    this.#handleStatus(this.readStatus());
  }

  #handleStatus(status: string | null): void {
    this.#settle(status);
    this.#finish();
  }

  handleCopyInResponse(connection: RawConnection & { sendCopyFail: (message: string) => void }): void {
    connection.sendCopyFail('No source stream defined');
  }

  handleCopyData(): void {}
}
