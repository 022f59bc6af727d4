import { blockCommentLength } from '../driver/statement.ts';

/**
 * One token of SQL that may contain a value, or must be kept whole. In order: a dollar-quoted string,
 * an escape string, a string, a quoted identifier, a line comment, a parameter, a word, a number. An
 * unterminated string extends to the end of the text.
 */
const TOKEN =
  /(\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)[\s\S]*?(?:\1|$)|[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|--[^\n\r]*|\$\d+|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*/y;

/** The beginning of a number, a string or a dollar-quoted string. */
const LITERAL = /^(\d|[eE]?'|\$\D)/;

/**
 * Returns an SQL text with `?` for every string and number in it, and without
 * comments. Parameters (`$1`) and identifiers stay.
 */
export function maskLiterals(text: string): string {
  let masked = '';
  let at = 0;
  while (at < text.length) {
    if (text.startsWith('/*', at)) {
      at += blockCommentLength(text.slice(at)) || text.length;
      masked += ' ';
      continue;
    }
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0] ?? text.charAt(at);
    at += token.length;
    masked += token.startsWith('--') ? ' ' : LITERAL.test(token) ? '?' : token;
  }
  return masked.replaceAll(/\s+/g, ' ').trim();
}
