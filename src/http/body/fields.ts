import { z } from 'zod';

type Text = Readonly<{ max?: number; blank?: boolean; trim?: boolean }>;

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
export function text({ max, blank = false, trim = true }: Text = {}) {
  return z.unknown().transform((value, context): string => {
    if (value === undefined) {
      return fail(context, 'This field is required.');
    }
    if (value === null) {
      return fail(context, 'This field may not be null.');
    }
    if (typeof value !== 'string' && typeof value !== 'number') {
      return fail(context, 'Not a valid string.');
    }
    const given = trim ? String(value).trim() : String(value);
    if (given === '' && !blank) {
      return fail(context, 'This field may not be blank.');
    }
    if (given.includes('\0')) {
      return fail(context, 'Null characters are not allowed.');
    }
    if (max !== undefined && [...given].length > max) {
      return fail(context, `Ensure this field has no more than ${max} characters.`);
    }
    return given;
  });
}
