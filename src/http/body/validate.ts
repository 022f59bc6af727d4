import type { z } from 'zod';

import { type FieldErrors, ValidationFailed } from '../../errors.ts';
import type { Context } from '../state.ts';

const kindOf = (value: unknown): string =>
  Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value === 'string' ? 'str' : typeof value;

/**
 * What `schema` makes of `input`, an object from a client. Unknown members are
 * ignored, as Django REST Framework ignores them.
 *
 * @throws ValidationFailed with a list of messages a field
 */
export function validate<S extends z.ZodType>(schema: S, input: unknown): z.infer<S> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new ValidationFailed({
      non_field_errors: [`Invalid data. Expected a dictionary, but got ${kindOf(input)}.`],
    });
  }
  const result = schema.safeParse(input);
  if (result.success) {
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
 * The request's body, checked.
 *
 * @throws what was wrong with the body as such (400, 413, 415), or ValidationFailed
 */
export function readBody<S extends z.ZodType>(ctx: Context, schema: S): z.infer<S> {
  const { body } = ctx.state;
  if ('fault' in body) {
    throw body.fault;
  }
  return validate(schema, body.value);
}
