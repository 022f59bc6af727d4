import pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { BECOME_OWNER } from '../context/with-owner-tenant.ts';

/** Number of migration histories that one query reads. Each takes a lock. */
const BATCH = 500;

/**
 * Reads the migration histories of tenants, by role. A tenant without a history, which has not been
 * migrated, is omitted.
 */
export async function readHistories(
  owner: pg.ClientConfig,
  tenants: ReadonlyArray<Readonly<{ role: string }>>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const histories = new Map<string, readonly string[]>();
  for (let at = 0; at < tenants.length; at += BATCH) {
    const roles = tenants.slice(at, at + BATCH).map(({ role }) => role);
    // One transaction for each batch, so that the lock table is large enough for any fleet.
    await withAdminConnection(owner, async (client) => {
      await client.query(BECOME_OWNER);
      const existing = await client.query<{ role: string }>(
        `select r.role
         from unnest($1::text[]) as r (role)
         where to_regclass(format('tenancy_migrations.%I', r.role)) is not null`,
        [roles],
      );
      if (existing.rows.length === 0) {
        return;
      }
      const { rows } = await client.query<{ role: string; names: string[] }>(
        existing.rows
          .map(
            ({ role }) =>
              `select ${pg.escapeLiteral(role)} as role, coalesce(array_agg(m.name::text order by m.id), '{}') as names
               from tenancy_migrations.${pg.escapeIdentifier(role)} as m`,
          )
          .join(' union all '),
      );
      for (const { role, names } of rows) {
        histories.set(role, names);
      }
    });
  }
  return histories;
}
