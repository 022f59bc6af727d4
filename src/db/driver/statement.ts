import { ApiError } from '../../errors.ts';

const ALLOWED = new Set(['select', 'insert', 'update', 'delete', 'merge', 'with', 'values', 'table']);

// Exactly the white space of PostgreSQL's scanner (scan.l): a character that only JavaScript skips
// would make the two read different keywords.
const SPACE = /^[ \t\n\r\f\v]+/;
const LINE_COMMENT = /^--[^\n\r]*/;

/** Returns the length of the block comment at the start, with PostgreSQL's nesting; 0 if it never ends. */
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
 * Returns the first keyword of an SQL text in lower case, after comments, white space and opening
 * parentheses; empty if there is none.
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

/** Texts that `assertRowStatement` has accepted. The result depends on the text only. */
const accepted = new Set<string>();
const MAX_ACCEPTED = 1_000;
/** Maximum length of a text in `accepted`, which limits its memory. */
const MAX_ACCEPTED_LENGTH = 4_000;

/**
 * Wall 0: accepts only statements that read or write rows. Rejects SET, EXPLAIN, COMMIT, LOCK, LISTEN,
 * DECLARE, PREPARE, DO, COPY, ALTER and others.
 *
 * The extended protocol ensures that there is only one statement.
 *
 * @throws ApiError `statement_refused`
 */
export function assertRowStatement(text: string): void {
  if (accepted.has(text)) {
    return;
  }
  const keyword = firstWord(text);
  if (!ALLOWED.has(keyword)) {
    throw new ApiError(
      'statement_refused',
      `Statements that begin with "${keyword}" are not allowed in a tenant's transaction.`,
    );
  }
  if (accepted.size < MAX_ACCEPTED && text.length <= MAX_ACCEPTED_LENGTH) {
    accepted.add(text);
  }
}
