import { type QuerySqlToken, sql } from 'slonik';

import { assertRowStatement } from '../db/driver/statement.ts';
import { createProof } from '../tenancy/context/proof.ts';
import { withTenant } from '../tenancy/context/with-tenant.ts';
import { type AttackContext, type AttackTenant, CANARY, named } from './context.ts';

/** Returns a query with an SQL text as an attacker would write it: complete, and without values. */
export const raw = (text: string): QuerySqlToken => ({ ...sql.unsafe`select`, sql: text });

/** Returns everything that an error contains: its message or detail may quote a value. */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) {
    return error;
  }
  const { message, cause } = error;
  return { ...error, message, cause: cause && describeError(cause) };
}

/** Enters a tenant as `withTenant` does, on a connection without the driver. */
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
 * How statements are sent. `driver`: through the driver. `simple`: through wall 0's list of keywords,
 * followed by the simple protocol. `bare`: without either, on a connection of the service's login.
 */
export type Channel = 'driver' | 'simple' | 'bare';

/** Runs the statements in a transaction of acme, continues after errors, and returns all results. */
export async function sendAsAcme(
  context: AttackContext,
  statements: readonly string[],
  channel: Channel = 'driver',
): Promise<readonly unknown[]> {
  const texts = statements.map((text) => named(context, text));
  const received: unknown[] = [];
  const receive = async (answer: Promise<unknown>): Promise<void> => {
    await answer.then(
      (rows) => received.push(rows),
      (error: unknown) => received.push(describeError(error)),
    );
  };

  if (channel === 'driver') {
    const whole = withTenant(
      context.tenantDatabase,
      { tenant: context.acme.id, readOnly: false },
      async (tx) => {
        for (const text of texts) {
          await receive(tx.query(raw(text)));
        }
      },
    );
    await receive(whole);
    return received;
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
    await receive(answer);
    // Only after an error: rolling back to the savepoint would undo the attack's SET too.
    await answer.catch(() => client.query('rollback to savepoint attack').catch(() => {}));
  }
  await client.query('commit').catch(() => {});
  await client.end();
  return received;
}

/**
 * Returns the canary of globex found in results, or null. Rows of globex contain it, and those of acme
 * do not.
 */
export function canaryIn(received: unknown): string | null {
  const text = JSON.stringify(received) ?? '';
  const at = text.indexOf(CANARY);
  return at < 0 ? null : `read: ${text.slice(Math.max(0, at - 40), at + 60)}`;
}
