import { z } from 'zod';

import { createField, type Field, fail, withJsonSchema } from './field.ts';
import { scalarText, strip } from './python-text.ts';

type TextOptions = Readonly<{
  /** Minimum number of characters. Default: none. */
  min?: number;
  /** Maximum number of characters. Default: none. */
  max?: number;
  /** The limit that the message names, where `max` applies to a normalized form. Default: `max`. */
  stated?: number;
  /** Whether "" is allowed. Default: false. */
  blank?: boolean;
  /** Whether white space at both ends is removed. Default: true. */
  trim?: boolean;
  /** Whether the message of the check comes before those of length and characters. Default: false. */
  checkFirst?: boolean;
}>;

/** A text that is longer than `max` and than this is not passed to the check, which bounds the check's time. */
const MAX_CHECKED = 4_096;

/** Returns the message for an invalid text, or null. */
type Check = (value: string) => string | null;

/** Whether a text has more than `max` characters. Stops reading after `max`. */
function isLonger(text: string, max: number): boolean {
  if (text.length <= max) {
    return false;
  }
  return text.length > 2 * max || [...text].length > max;
}

/** Returns an unpaired surrogate as DRF names it, or null. */
function loneSurrogate(text: string): string | null {
  const [surrogate] = text.isWellFormed() ? [] : (/\p{Surrogate}/u.exec(text) ?? []);
  return surrogate === undefined ? null : `U+${surrogate.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** Creates a text field with an additional check, its JSON Schema, and its message for values that are not text. */
export function checkedText(
  { min, max, stated = max, blank = false, trim = true, checkFirst = false }: TextOptions,
  json: Readonly<Record<string, unknown>> = {},
  check: Check = () => null,
  wrongType = 'Not a valid string.',
): Field<z.ZodString> {
  const row = withJsonSchema(z.string(), {
    type: 'string',
    ...json,
    ...(min !== undefined || !blank ? { minLength: Math.max(min ?? 0, blank ? 0 : 1) } : {}),
    ...(stated !== undefined ? { maxLength: stated } : {}),
  });
  return createField(row, (value, context) => {
    const text = scalarText(value);
    if (text === null) {
      return fail(context, wrongType);
    }
    const given = trim ? strip(text) : text;
    if (given === '') {
      return blank ? '' : fail(context, 'This field may not be blank.');
    }
    const isTooLong = max !== undefined && isLonger(given, max);
    const surrogate = loneSurrogate(given);
    const checked = isTooLong && given.length > MAX_CHECKED ? null : check(given);
    const faults = [
      checkFirst ? checked : null,
      isTooLong ? `Ensure this field has no more than ${stated} characters.` : null,
      min !== undefined && given.length < 2 * min && [...given].length < min
        ? `Ensure this field has at least ${min} characters.`
        : null,
      given.includes('\0') ? 'Null characters are not allowed.' : null,
      surrogate === null ? null : `Surrogate characters are not allowed: ${surrogate}.`,
      checkFirst ? null : checked,
    ].filter((fault) => fault !== null);
    for (const fault of faults) {
      fail(context, fault);
    }
    return given;
  });
}

/**
 * Creates a CharField. Accepts numbers as their text and trims white space. Lengths are in
 * characters, not UTF-16 units.
 */
export const text = (options: TextOptions = {}): Field<z.ZodString> => checkedText(options);
