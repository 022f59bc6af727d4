import { z } from 'zod';

import { JsonNumber } from './json-number.ts';

type Text = Readonly<{
  max?: number;
  /** The limit that the message names, where `max` bounds a form that becomes shorter. Default: `max`. */
  stated?: number;
  blank?: boolean;
  trim?: boolean;
}>;

/** Whether a text has more characters than `max`. Reads no more of it than that. */
function isLonger(text: string, max: number): boolean {
  if (text.length <= max) {
    return false;
  }
  return text.length > 2 * max || [...text].length > max;
}

/** The first half of a surrogate pair without its other half, as DRF names it. */
function loneSurrogate(text: string): string | null {
  const [surrogate] = text.isWellFormed() ? [] : (/\p{Surrogate}/u.exec(text) ?? []);
  return surrogate === undefined ? null : `U+${surrogate.charCodeAt(0).toString(16).toUpperCase()}`;
}

const fail = (context: z.RefinementCtx, message: string): typeof z.NEVER => {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
};

/**
 * A CharField of Django REST Framework: takes a number where a string belongs,
 * trims, and has its messages. Lengths are in characters, not UTF-16 units.
 *
 * A field that may be missing is `text(…).optional()`.
 */
export function text({ max, stated = max, blank = false, trim = true }: Text = {}) {
  return z.unknown().transform((value, context): string => {
    if (value === undefined) {
      return fail(context, 'This field is required.');
    }
    if (value === null) {
      return fail(context, 'This field may not be null.');
    }
    if (typeof value !== 'string' && typeof value !== 'number' && !(value instanceof JsonNumber)) {
      return fail(context, 'Not a valid string.');
    }
    const given = trim ? String(value).trim() : String(value);
    if (given === '' && !blank) {
      return fail(context, 'This field may not be blank.');
    }
    const surrogate = loneSurrogate(given);
    const faults = [
      ...(max !== undefined && isLonger(given, max)
        ? [`Ensure this field has no more than ${stated} characters.`]
        : []),
      ...(given.includes('\0') ? ['Null characters are not allowed.'] : []),
      ...(surrogate === null ? [] : [`Surrogate characters are not allowed: ${surrogate}.`]),
    ];
    for (const fault of faults) {
      fail(context, fault);
    }
    return faults.length > 0 ? z.NEVER : given;
  });
}
