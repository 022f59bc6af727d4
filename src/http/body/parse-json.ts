import { randomUUID } from 'node:crypto';
import { parse } from '@hapi/bourne';

import { JsonNumber } from './json-number.ts';

/** Maximum nesting of arrays and objects. */
export const MAX_DEPTH = 100;
/** Maximum digits of an integer, as in Python. */
const MAX_DIGITS = 4_300;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether a text is nested deeper than `MAX_DEPTH`. Stops reading at the first level too many. */
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

/** Whether a text has more opening brackets than `MAX_DEPTH`. With fewer it cannot be too deep. */
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

// A string or a number literal. Strings come first, so that digits in them are skipped. The end of a string is
// optional: otherwise a text of unterminated strings would be read once for each.
const LITERAL = /"[^"\\]*(?:\\.[^"\\]*)*"?|-?\d[\d.eE+-]*/gs;
/** Matches numbers that JavaScript may not represent exactly: many digits, an exponent, a fraction of zeros. */
const MAY_LOSE = /\d{16}|\d[eE]|\.0/;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/**
 * Whether the JavaScript number of a literal has the same text as in Python. Decided by its size:
 * building and comparing both texts takes far longer.
 */
function isFaithful(literal: string): boolean {
  const value = Number(literal);
  if (!/[.eE]/.test(literal)) {
    return Number.isSafeInteger(value);
  }
  const size = Math.abs(value);
  return Number.isInteger(value) ? size >= 1e21 : Number.isFinite(value) && (size >= 1e-4 || size < 1e-9);
}

/** Placeholder for a number while the text is parsed. Random, so that no client can send it. */
const PLACEHOLDER = randomUUID();

function restore(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.startsWith(PLACEHOLDER) ? new JsonNumber(value.slice(PLACEHOLDER.length)) : value;
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      value[index] = restore(item);
    }
  } else if (typeof value === 'object' && value !== null) {
    const members = value as Record<string, unknown>;
    for (const key of Object.keys(members)) {
      if (key.startsWith(PLACEHOLDER)) {
        throw new SyntaxError('a number for the name of a member');
      }
      members[key] = restore(members[key]);
    }
  }
  return value;
}

/**
 * Parses a JSON text. A number that a JavaScript number cannot hold exactly becomes a
 * `JsonNumber`.
 *
 * A reviver of `JSON.parse` also receives the source of numbers, but takes fifty times as long: a
 * body of 1 MiB would block the process for seconds.
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
  const withPlaceholders = text.replace(LITERAL, (literal) => {
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
    return `"${PLACEHOLDER}${literal}"`;
  });
  if (!isMarked) {
    return parse(text);
  }
  try {
    return restore(parse(withPlaceholders));
  } catch (error) {
    // The message may quote a placeholder. Parsing the original text again gives a correct message.
    parse(text);
    throw error;
  }
}
