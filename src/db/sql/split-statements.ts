import { blockCommentLength, firstWord } from '../driver/statement.ts';

const LETTER = 'A-Za-z_\\u0080-\\uffff';

// Tokens that may contain a semicolon, as in PostgreSQL's scanner (scan.l). A word is matched whole,
// so that the e of `name'…'` does not begin an escape string.
const WHOLE = new RegExp(
  [
    "[eE]'(?:[^'\\\\]|\\\\[\\s\\S]|'')*'",
    "'(?:[^']|'')*'",
    '"(?:[^"]|"")*"',
    `\\$([${LETTER}][${LETTER}0-9]*)?\\$[\\s\\S]*?\\$\\1\\$`,
    '--[^\\n\\r]*',
    `(?![eE]')[${LETTER}][${LETTER}0-9$]*`,
  ].join('|'),
  'y',
);
const OPENER = new RegExp(`[eE]?'|"|\\$(?:[${LETTER}][${LETTER}0-9]*)?\\$`, 'y');

export type Split = Readonly<{
  /** Statements that end with a semicolon, without it. */
  statements: readonly string[];
  /** The text after the last semicolon. */
  rest: string;
  /** Whether `rest` ends inside a literal, a quoted name or a comment. */
  open: boolean;
}>;

/**
 * Returns the length of the token or comment at `at`: a literal, a quoted name, a
 * word, or one character. 0 for a literal or a comment without an end.
 */
export function pieceLength(text: string, at: number): number {
  if (text.startsWith('/*', at)) {
    return blockCommentLength(text.slice(at));
  }
  WHOLE.lastIndex = at;
  const whole = WHOLE.exec(text)?.[0].length;
  if (whole !== undefined) {
    return whole;
  }
  OPENER.lastIndex = at;
  return OPENER.test(text) ? 0 : 1;
}

/**
 * Splits a text at its semicolons. A part with comments only is not a statement. (Semicolons in the
 * body of a `begin atomic` function split it too, but such statements never run in a tenant.)
 */
export function splitStatements(text: string): Split {
  const statements: string[] = [];
  let from = 0;
  let at = 0;
  while (at < text.length) {
    if (text[at] === ';') {
      statements.push(text.slice(from, at).trim());
      from = at + 1;
    }
    const length = pieceLength(text, at);
    if (length === 0) {
      break;
    }
    at += length;
  }
  return {
    statements: statements.filter((statement) => firstWord(statement) !== ''),
    rest: text.slice(from).trim(),
    open: at < text.length,
  };
}
