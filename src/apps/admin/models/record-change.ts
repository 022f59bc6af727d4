import { sql } from 'slonik';
import { z } from 'zod';

import { callerOf } from '../../../http/authentication.ts';
import { recordOwnEvent } from '../../../http/own-events.ts';
import type { Context } from '../../../http/state.ts';
import type { AdminModel } from './admin-model.ts';
import { jsonbLength } from './jsonb-length.ts';
import type { Row } from './row-queries.ts';

/** Maximum characters of a value in an event. Longer ones are shortened. */
const MAX_VALUE = 500;
/** Maximum fields of an event. */
const MAX_FIELDS = 60;
/** Maximum characters of an event's values before, and after. The audit rejects longer ones. */
const MAX_EVENT = 30_000;

const username = z.object({ username: z.string() });

/** Returns a value as an event has it. */
function shortened(value: unknown): unknown {
  const isText = typeof value === 'string';
  const length = isText ? value.length : jsonbLength(value);
  if (length <= MAX_VALUE) {
    return value ?? null;
  }
  const text = isText ? value : JSON.stringify(value);
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}

/** Members of an event that no column may replace: operators see them without the values of the row. */
const RESERVED: ReadonlySet<string> = new Set(['model', 'fields']);

/** Returns the name that a column has in an event. */
const memberOf = (column: string): string => (RESERVED.has(column) ? `${column}_` : column);

/** Returns the fields of a row that differ from the other row's. */
function differing(row: Row | null, other: Row | null): Row | null {
  const names = Object.keys(row ?? {})
    .filter((name) => JSON.stringify(row?.[name]) !== JSON.stringify(other?.[name]))
    .slice(0, MAX_FIELDS);
  return row && Object.fromEntries(names.map((name) => [memberOf(name), shortened(row[name])]));
}

/** Returns the values of an event, or the names of the fields when the values are too long. */
const limited = (values: Row, identity: Row): Row =>
  jsonbLength(values) <= MAX_EVENT
    ? values
    : { ...identity, fields: Object.keys(values).filter((name) => !Object.hasOwn(identity, name)) };

/** Returns the name of the caller, and that of the operator who acts for the user. */
async function actorOf({ state }: Context): Promise<string> {
  const { userId, actor } = callerOf(state);
  const found = await state.tx.maybeOne(sql.type(username)`
    select username
    from users
    where id = ${userId}::bigint
  `);
  const name = found?.username ?? `user ${userId}`;
  return actor === null ? name : `${name} (operator ${actor})`;
}

/** Adds a change of a row to the tenant's audit, in the transaction of the change. */
export async function recordChange(
  ctx: Context,
  action: 'add-row' | 'change-row' | 'delete-row',
  model: AdminModel,
  rows: Readonly<{ before: Row | null; after: Row | null }>,
): Promise<void> {
  const identity = { model: model.model, id: shortened((rows.after ?? rows.before)?.id) };
  const [before, after] = [differing(rows.before, rows.after), differing(rows.after, rows.before)];
  if (action === 'change-row' && Object.keys(after ?? {}).length === 0) {
    return;
  }
  const valuesOf = (row: Row | null): Row | null => row && limited({ ...identity, ...row }, identity);
  await recordOwnEvent(ctx, {
    action,
    actor: await actorOf(ctx),
    before: valuesOf(before),
    after: valuesOf(after),
  });
}
