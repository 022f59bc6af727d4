import { randomUUID } from 'node:crypto';
import { parse } from '@hapi/bourne';

import { JsonNumber } from './json-number.ts';

/** Levels of lists and objects in one another. */
export const MAX_DEPTH = 100;
/** Digits of a whole number, as in Python. */
const MAX_DIGITS = 4_300;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether a text has more levels than `MAX_DEPTH`. Reads it once and stops at the first level too many. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at += 1;
        while (at < text.length && text.charCodeAt(at) !== QUOTE) {
          at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
        }
        break;
      case 0x5b:
      case 0x7b:
        depth += 1;
        if (depth > MAX_DEPTH) {
          return true;
        }
        break;
      case 0x5d:
      case 0x7d:
        depth -= 1;
        break;
    }
  }
  return false;
}

/** Whether a text has more opening brackets than levels are allowed: fewer need no further look. */
function mayBeTooDeep(text: string): boolean {
  let left = MAX_DEPTH;
  for (const bracket of ['[', '{']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      left -= 1;
      if (left < 0) {
        return true;
      }
    }
  }
  return false;
}

// A string or a number literal. Strings come first, so that digits within them are passed over. The end of
// a string is optional: otherwise a text of open strings would be read once for each.
const LITERAL = /"[^"\\]*(?:\\.[^"\\]*)*"?|-?\d[\d.eE+-]*/gs;
/** What may have no faithful JavaScript number: many digits, an exponent, a fraction of zeros. */
const MAY_LOSE = /\d{16}|\d[eE]|\.0/;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/**
 * Whether the JavaScript number of a literal has the text that Python gives it.
 * Decided from its size: to make both texts and compare them takes far longer.
 */
function isFaithful(literal: string): boolean {
  const value = Number(literal);
  if (!/[.eE]/.test(literal)) {
    return Number.isSafeInteger(value);
  }
  const size = Math.abs(value);
  return Number.isInteger(value) ? size >= 1e21 : Number.isFinite(value) && (size >= 1e-4 || size < 1e-9);
}

/** Stands for a number until the text is parsed. No client can know it. */
const MARK = randomUUID();

function restore(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.startsWith(MARK) ? new JsonNumber(value.slice(MARK.length)) : value;
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      value[index] = restore(item);
    }
  } else if (typeof value === 'object' && value !== null) {
    const members = value as Record<string, unknown>;
    for (const key of Object.keys(members)) {
      if (key.startsWith(MARK)) {
        throw new SyntaxError('a number for the name of a member');
      }
      members[key] = restore(members[key]);
    }
  }
  return value;
}

/**
 * Parses a JSON text. A number that a JavaScript number does not hold as it was
 * written becomes a `JsonNumber`.
 *
 * A reviver of `JSON.parse` sees the source of numbers, too, but takes fifty times
 * as long: a body of 1 MiB would stop the process for seconds.
 *
 * @throws SyntaxError, also for a text with more than `MAX_DEPTH` levels
 */
export function parseJson(text: string): unknown {
  if (mayBeTooDeep(text) && isTooDeep(text)) {
    throw new SyntaxError(`more than ${MAX_DEPTH} levels of lists and objects`);
  }
  if (!MAY_LOSE.test(text)) {
    return parse(text);
  }
  let isMarked = false;
  const marked = text.replace(LITERAL, (literal) => {
    if (literal.startsWith('"') || !MAY_LOSE.test(literal) || !NUMBER.test(literal)) {
      return literal;
    }
    if (literal.length > MAX_DIGITS && /^-?\d+$/.test(literal)) {
      throw new SyntaxError(`a number of more than ${MAX_DIGITS} digits`);
    }
    if (isFaithful(literal)) {
      return literal;
    }
    isMarked = true;
    return `"${MARK}${literal}"`;
  });
  if (!isMarked) {
    return parse(text);
  }
  try {
    return restore(parse(marked));
  } catch (error) {
    // Its message may quote what stands for a number; that of the text as it was sent does not.
    parse(text);
    throw error;
  }
}
