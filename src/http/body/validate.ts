import type { z } from 'zod';

import { type FieldErrors, ValidationFailed } from '../../errors.ts';
import type { Context } from '../state.ts';
import { FormBody, objectOfForm } from './form-body.ts';
import { JsonNumber } from './json-number.ts';

const kindOf = (value: unknown): string =>
  Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value === 'string' ? 'str' : typeof value;

/** Returns a copy without any `JsonNumber`. */
function plain(value: unknown): unknown {
  if (value instanceof JsonNumber) {
    return value.valueOf();
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]))
    : value;
}

/**
 * Returns the input with JavaScript numbers in the fields that do not accept a `JsonNumber`.
 * Errors of the project's own fields remain.
 */
function withPlainNumbers(input: object, { issues }: z.ZodError): object {
  const names = new Set(issues.filter(({ code }) => code !== 'custom').map(({ path }) => String(path[0])));
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => [name, names.has(name) ? plain(value) : value]),
  );
}

/**
 * Rejects text with half of a surrogate pair: PostgreSQL would store another character.
 *
 * @throws ValidationFailed on the field
 */
function assertWellFormed(data: unknown): void {
  const isWellFormed = (value: unknown): boolean =>
    typeof value === 'string'
      ? value.isWellFormed()
      : typeof value !== 'object' ||
        value === null ||
        Object.entries(value).every(([key, member]) => key.isWellFormed() && isWellFormed(member));
  if (typeof data !== 'object' || data === null) {
    return;
  }
  const faults = Object.entries(data).filter((entry) => !isWellFormed(entry));
  if (faults.length > 0) {
    throw new ValidationFailed(
      Object.fromEntries(faults.map(([field]) => [field, ['Surrogate characters are not allowed.']])),
    );
  }
}

/** The messages for a missing or null field, and for a value that is no list, if the field has no messages of its own. */
const messageOf: z.core.$ZodErrorMap = ({ code, input, expected }) => {
  if (code !== 'invalid_type') {
    return;
  }
  if (input === undefined) {
    return 'This field is required.';
  }
  if (input === null) {
    return 'This field may not be null.';
  }
  return expected === 'array' ? `Expected a list of items but got type "${kindOf(input)}".` : undefined;
};

/**
 * Validates `given`, an object or a form from a client, and returns the parsed value. Unknown members are
 * ignored, as in Django REST Framework.
 *
 * @throws ValidationFailed with a list of messages for each field
 */
export function validate<S extends z.ZodType>(schema: S, given: unknown): z.infer<S> {
  const input = given instanceof FormBody ? objectOfForm(schema, given) : given;
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new ValidationFailed({
      non_field_errors: [`Invalid data. Expected a dictionary, but got ${kindOf(input)}.`],
    });
  }
  const first = schema.safeParse(input);
  const result = first.success
    ? first
    : schema.safeParse(withPlainNumbers(input, first.error), { error: messageOf });
  if (result.success) {
    assertWellFormed(result.data);
    return result.data;
  }
  const fields: Record<string, string[]> = {};
  for (const { path, message } of result.error.issues) {
    const field = path.length > 0 ? String(path[0]) : 'non_field_errors';
    fields[field] = [...(fields[field] ?? []), message];
  }
  throw new ValidationFailed(fields satisfies FieldErrors);
}

/**
 * Returns the validated body of the request.
 *
 * @throws the error of the body itself (400, 413, 415), or ValidationFailed
 */
export function readBody<S extends z.ZodType>(ctx: Context, schema: S): z.infer<S> {
  return validate(schema, ctx.state.body());
}
