import { HIDDEN } from '../registry/secret-settings.ts';

type Values = Readonly<Record<string, unknown>> | null;

/** Members of an event that identify a row. */
const IDENTITY: ReadonlySet<string> = new Set(['model', 'id', 'fields']);

/** Returns the values of an event without those of the row. The names of the changed columns remain. */
export const hideRowValues = (values: Values): Values =>
  values &&
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, IDENTITY.has(name) ? value : HIDDEN]),
  );
