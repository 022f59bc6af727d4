import pg from 'pg';
import { serialize } from 'pg-protocol';

import { MessageWriter, type Parameter } from './message-writer.ts';
import type { PreparedStatement } from './prepared-statements.ts';
import type { Row } from './row-shape.ts';

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

const { prepareValue } = (pg as unknown as { utils: { prepareValue: (value: unknown) => Parameter } }).utils;

/** Maximum number of values of a statement: the protocol counts them with 16 bits. */
const MAX_VALUES = 65_535;

const SYNC = serialize.sync();
const DESCRIBE_PORTAL = serialize.describe({ type: 'P' });
const EXECUTE = serialize.execute();

/** Encodes one batch at a time, which is synchronous. */
const writer = new MessageWriter();

/**
 * Returns the values of a statement as they are sent.
 *
 * @throws TypeError when a value cannot be sent
 */
export function prepareValues(values: readonly unknown[]): readonly Parameter[] {
  if (values.length > MAX_VALUES) {
    throw new TypeError(`A statement has at most ${MAX_VALUES} values. Use sql.unnest for more.`);
  }
  return values.map((value) => prepareValue(value));
}

/** Messages of scripts, which are constant: the reset, alone and with others, COMMIT and ROLLBACK. */
const scripts = new Map<string, Buffer>();

/** Returns the message of a script of the simple protocol. Its text must be constant. */
export function encodeScript(text: string): Buffer {
  const message = scripts.get(text) ?? serialize.query(text);
  scripts.set(text, message);
  return message;
}

/** Whether a statement is parsed when it is sent: its name is new, or it has none. */
export const isParsedNow = ({ prepared, part }: Statement): boolean => !part?.isOpen && !prepared?.isParsed;

/**
 * Returns the messages of statements that share one Sync. `texts` and `values` are those of the statements, by index.
 * `closing` are names of prepared statements to deallocate.
 */
export function encodeStatements(
  statements: readonly Statement[],
  texts: readonly string[],
  values: ReadonlyArray<readonly Parameter[]>,
  closing: readonly string[],
): Buffer {
  try {
    for (const name of closing) {
      writer.close(name);
    }
    for (const [index, statement] of statements.entries()) {
      encodeStatement(statement, texts[index] ?? '', values[index] ?? []);
    }
    writer.raw(SYNC);
    return writer.take();
  } catch (error) {
    writer.clear();
    throw error;
  }
}

function encodeStatement(statement: Statement, text: string, values: readonly Parameter[]): void {
  const { prepared, part } = statement;
  const name = prepared?.name ?? '';
  if (isParsedNow(statement)) {
    writer.parse(name, text);
  }
  if (!part?.isOpen) {
    writer.bind(part?.portal ?? '', name, values);
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
