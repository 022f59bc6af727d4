import { withTenant } from '../tenancy/context/with-tenant.ts';
import { named } from './context.ts';
import type { AttackFixture } from './record.ts';
import { enterBare, raw } from './send-as-acme.ts';

type Query = (text: string) => Promise<unknown>;

class RolledBack extends Error {}

/**
 * Runs statements in a transaction of acme, calls `during` while it is open, and rolls it back. Returns
 * the messages of errors, and the result of `during`.
 *
 * @param during called with a function that runs a further statement of acme
 */
export async function inOpenTransaction(
  { world, replacements }: Pick<AttackFixture, 'world' | 'replacements'>,
  statements: readonly string[],
  during: (query: Query) => Promise<unknown>,
): Promise<readonly unknown[]> {
  const received: unknown[] = [];
  const attempt = async (query: Query): Promise<void> => {
    for (const text of statements) {
      await query(text).catch((error: Error) => received.push(error.message));
    }
    received.push(await during(query).catch((error: Error) => error.message));
  };
  if (replacements.channel !== 'bare') {
    await withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: false }, async (tx) => {
      await attempt((text) => tx.query(raw(named(world, text))));
      throw new RolledBack();
    }).catch(() => {});
    return received;
  }
  const client = await world.bare();
  try {
    await client.query('begin');
    await enterBare(client, world, world.acme);
    await attempt((text) => client.query(named(world, text)));
    await client.query('rollback');
  } finally {
    await client.end();
  }
  return received;
}
