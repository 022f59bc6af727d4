import { JsonNumber } from '../body/json-number.ts';

/**
 * Whether Python's `str.strip` removes a character. Unlike JavaScript's `trim` it removes U+001C
 * to U+001F and U+0085, and keeps U+FEFF.
 */
function isSpace(code: number): boolean {
  return (
    (code >= 0x09 && code <= 0x0d) ||
    (code >= 0x1c && code <= 0x20) ||
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

/** Trims a text as Python does. */
export function strip(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isSpace(text.charCodeAt(start))) {
    start += 1;
  }
  while (end > start && isSpace(text.charCodeAt(end - 1))) {
    end -= 1;
  }
  return text.slice(start, end);
}

const DIGIT = /^\p{Nd}$/u;

/** Replaces decimal digits of other scripts with 0 to 9, as Python's `int` and `Decimal` do. */
export function asciiDigits(text: string): string {
  return text.replaceAll(/[^\0-\x7f]/gu, (character) => {
    if (!DIGIT.test(character)) {
      return character;
    }
    // Unicode assigns decimal digits in runs of ten, each from 0 to 9.
    const code = character.codePointAt(0) ?? 0;
    let zero = code;
    while (DIGIT.test(String.fromCodePoint(zero - 1))) {
      zero -= 1;
    }
    return String((code - zero) % 10);
  });
}

/** Returns the text of a string or number from JSON, as Python's `str` does. Returns null for other types. */
export function scalarText(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' || value instanceof JsonNumber
    ? String(value)
    : null;
}

/** Returns Python's name for the type of a value from JSON. */
export function pythonType(value: unknown): string {
  if (value instanceof JsonNumber) {
    return /[.eE]/.test(value.source) ? 'float' : 'int';
  }
  switch (typeof value) {
    case 'string':
      return 'str';
    case 'boolean':
      return 'bool';
    case 'number':
      return Number.isInteger(value) ? 'int' : 'float';
    default:
      return Array.isArray(value) ? 'list' : value === null ? 'NoneType' : 'dict';
  }
}
