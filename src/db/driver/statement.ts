import { DomainError } from '../../errors.ts';

const ALLOWED = new Set(['select', 'insert', 'update', 'delete', 'merge', 'with', 'values', 'table']);

// White space as PostgreSQL's scanner knows it (scan.l), and nothing more: a
// character that only JavaScript skips would make the two read different words.
const SPACE = /^[ \t\n\r\f\v]+/;
const LINE_COMMENT = /^--[^\n\r]*/;

/** Length of the block comment at the start, nesting as PostgreSQL nests it; 0 when it never ends. */
export function blockCommentLength(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const pair = text.slice(at, at + 2);
    if (pair === '/*') {
      depth += 1;
      at += 1;
    } else if (pair === '*/') {
      depth -= 1;
      at += 1;
      if (depth === 0) {
        return at + 1;
      }
    }
  }
  return 0;
}

/**
 * The first word of an SQL text, after comments, white space and opening
 * parentheses, in lower case; empty when there is none.
 */
export function firstWord(text: string): string {
  let rest = text;
  for (;;) {
    const skipped =
      SPACE.exec(rest)?.[0].length ??
      LINE_COMMENT.exec(rest)?.[0].length ??
      (rest.startsWith('/*') ? blockCommentLength(rest) : rest.startsWith('(') ? 1 : 0);
    if (skipped === 0) {
      break;
    }
    rest = rest.slice(skipped);
  }
  return (/^[a-zA-Z_]+/.exec(rest)?.[0] ?? '').toLowerCase();
}

/**
 * Wall 0: only statements that read or write rows pass. No SET, no EXPLAIN, no
 * COMMIT, LOCK, LISTEN, DECLARE, PREPARE, DO, COPY or ALTER.
 *
 * That there is only one statement is the extended protocol's doing, not ours.
 *
 * @throws DomainError `statement_refused`
 */
export function assertRowStatement(text: string): void {
  const word = firstWord(text);
  if (!ALLOWED.has(word)) {
    throw new DomainError(
      'statement_refused',
      `A statement that begins with "${word}" does not run in a tenant's transaction.`,
    );
  }
}
