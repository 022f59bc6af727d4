import type { EventEmitter } from 'node:events';
import type pg from 'pg';

import { attachStatement } from '../../db/driver/failed-statement.ts';
import { splitStatements } from '../../db/sql/split-statements.ts';
import { displayPath } from './file-digest.ts';
import type { SqlFile } from './tenant-migrations.ts';

/** A part of a text that is sent in one query, and its SQL file; null for statements of the engine. */
export type Piece = Readonly<{ text: string; source: SqlFile | null }>;

/** The place where a migration failed. Added to the error that PostgreSQL sent. */
export type ErrorLocation = Readonly<{ file: string; line: number; statement: string }>;

const locations = new WeakMap<object, ErrorLocation>();

/** Returns the place in an SQL file where a migration failed; null if it is not known. */
export const locationOfError = (error: unknown): ErrorLocation | null =>
  typeof error === 'object' && error !== null ? (locations.get(error) ?? null) : null;

/** Returns the SQL file with the text of a builder's statement. The builder adds a semicolon. */
export const sourceOf = (text: string, files: readonly SqlFile[] = []): SqlFile | null =>
  files.find((file) => text.startsWith(file.text)) ?? null;

/** A file may end with a comment, or without a semicolon. */
const BETWEEN = '\n;\n';

const SPACE_OR_COMMENT = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/;

type Found = Readonly<{ statement: string; at: number }>;

/** Returns the statements of a text, without empty ones, and their positions. */
async function statementsIn(text: string): Promise<readonly Found[]> {
  const { parseStatements } = await import('./parse-sql.ts');
  const parsed = await parseStatements(text);
  let from = 0;
  return (parsed ?? splitStatements(text).statements).map((whole) => {
    const at = text.indexOf(whole, from);
    from = at + whole.length;
    const [leading = ''] = SPACE_OR_COMMENT.exec(whole) ?? [];
    return { statement: whole.slice(leading.length), at: at + leading.length };
  });
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length;

/** Returns the index in a JavaScript string of a character that PostgreSQL counts from 1. */
const indexOf = (text: string, position: number): number => [...text].slice(0, position - 1).join('').length;

const shorten = (statement: string): string => {
  const line = statement.replace(/;\s*$/, '').replaceAll(/\s+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
};

/** `location` is null for a statement that is in no file. */
type FailedStatement = Readonly<{ location: ErrorLocation | null; text: string }>;

async function findFailed(
  pieces: readonly Piece[],
  { position, completed }: { position: number | null; completed: number },
): Promise<FailedStatement | null> {
  const text = pieces.map((piece) => piece.text).join(BETWEEN);
  const statements = await statementsIn(text);
  const at = position === null ? null : indexOf(text, position);
  const failed = at === null ? statements[completed] : statements.findLast((statement) => statement.at <= at);
  if (!failed) {
    return null;
  }
  let start = 0;
  for (const { text: own, source } of pieces) {
    const end = start + own.length;
    if (failed.at < end) {
      const location = source && {
        file: displayPath(source.file),
        line: lineOf(own, (at ?? failed.at) - start),
        statement: shorten(failed.statement),
      };
      return { location, text: failed.statement };
    }
    start = end + BETWEEN.length;
  }
  return null;
}

/**
 * Returns the place of an error in pieces that were sent as one text.
 *
 * @param completed number of statements that PostgreSQL had completed
 */
export async function locateError(
  pieces: readonly Piece[],
  at: { position: number | null; completed: number },
): Promise<ErrorLocation | null> {
  return (await findFailed(pieces, at))?.location ?? null;
}

/**
 * Stores the place of PostgreSQL's error for `locationOfError`, and its statement. Returns the error.
 *
 * @param completed number of completed statements; null if it is not known
 */
export async function attachLocation(
  error: unknown,
  pieces: readonly Piece[],
  completed: number | null = 0,
): Promise<unknown> {
  const { position, severity } = error as { position?: string; severity?: string };
  if (severity !== undefined && (position !== undefined || completed !== null)) {
    const failed = await findFailed(pieces, {
      position: position === undefined ? null : Number(position),
      completed: completed ?? 0,
    });
    if (failed?.location) {
      locations.set(error as object, failed.location);
    }
    if (failed) {
      attachStatement(error, failed.text);
    }
  }
  return error;
}

/** pg's connection: it reports each statement of a text that PostgreSQL has completed. */
type WithConnection = { connection?: EventEmitter };

/**
 * Sends pieces as one text, and stores the place of PostgreSQL's error for `locationOfError`.
 *
 * Most errors of DDL have no position. The number of completed statements then identifies the one that
 * failed.
 */
export async function queryPieces(client: pg.ClientBase, pieces: readonly Piece[]): Promise<void> {
  let completed = 0;
  const count = (): void => {
    completed += 1;
  };
  const { connection } = client as WithConnection;
  connection?.on('commandComplete', count);
  try {
    await client.query(pieces.map(({ text }) => text).join(BETWEEN));
  } catch (error) {
    throw await attachLocation(error, pieces, connection === undefined ? null : completed);
  } finally {
    connection?.off('commandComplete', count);
  }
}
