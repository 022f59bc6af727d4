import { type QuerySqlToken, sql } from 'slonik';

import { assertRowStatement } from '../db/driver/statement.ts';
import { createProof } from '../tenancy/context/proof.ts';
import { withTenant } from '../tenancy/context/with-tenant.ts';
import { type AttackContext, type AttackTenant, CANARY, named } from './context.ts';

/** An SQL text as an attacker would have it: whole, and without values. */
export const raw = (text: string): QuerySqlToken => ({ ...sql.unsafe`select`, sql: text });

/** Everything that an error tells: a value can travel in its message or its detail. */
export function tell(error: unknown): unknown {
  if (!(error instanceof Error)) {
    return error;
  }
  const { message, cause } = error;
  return { ...error, message, cause: cause && tell(cause) };
}

/** The entry as `withTenant` sends it, for a connection without our driver. */
export async function enterBare(
  client: { query: (text: string, values?: unknown[]) => Promise<unknown> },
  { keys }: Pick<AttackContext, 'keys'>,
  { id }: Pick<AttackTenant, 'id'>,
): Promise<void> {
  const { expires, text } = createProof(keys[0], id);
  await client.query(
    `select set_config('search_path', e.path, true), set_config('role', e.role, true)
     from tenancy.enter($1, $2, $3) as e`,
    [id, expires, text],
  );
}

/**
 * Through the driver; through wall 0's list of words with the simple protocol
 * behind it; or past both: whatever statement one likes, on the service's own
 * connection.
 */
export type Channel = 'driver' | 'simple' | 'bare';

/** Runs the statements in a transaction of acme, going on after errors, and answers all that was told. */
export async function sendAsAcme(
  context: AttackContext,
  statements: readonly string[],
  channel: Channel = 'driver',
): Promise<readonly unknown[]> {
  const texts = statements.map((text) => named(context, text));
  const seen: unknown[] = [];
  const note = async (answer: Promise<unknown>): Promise<void> => {
    await answer.then(
      (rows) => seen.push(rows),
      (error: unknown) => seen.push(tell(error)),
    );
  };

  if (channel === 'driver') {
    const whole = withTenant(
      context.tenantDatabase,
      { tenant: context.acme.id, readOnly: false },
      async (tx) => {
        for (const text of texts) {
          await note(tx.query(raw(text)));
        }
      },
    );
    await note(whole);
    return seen;
  }
  const client = await context.bare();
  await client.query('begin');
  await enterBare(client, context, context.acme);
  for (const text of texts) {
    await client.query('savepoint attack').catch(() => {});
    const answer = (async () => {
      if (channel === 'simple') {
        assertRowStatement(text);
      }
      return client.query(text);
    })();
    await note(answer);
    // Only after an error: a savepoint undone would undo the attack's SET too.
    await answer.catch(() => client.query('rollback to savepoint attack').catch(() => {}));
  }
  await client.query('commit').catch(() => {});
  await client.end();
  return seen;
}

/** What was told of globex, or null: its rows hold the canary, and nothing of acme does. */
export function canaryIn(told: unknown): string | null {
  const text = JSON.stringify(told) ?? '';
  const at = text.indexOf(CANARY);
  return at < 0 ? null : `read: ${text.slice(Math.max(0, at - 40), at + 60)}`;
}
