import type pg from 'pg';

import { type AdminTransaction, withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { copyTenantRow } from '../../lifecycle/provision-on.ts';
import { MAIN } from '../../registry/databases.ts';
import type { Move } from './move.ts';

/**
 * Makes the old copy inaccessible and retains it. It is not dropped here: if both databases are in one
 * cluster, the other transaction uses its role.
 */
async function retain(move: Move, client: pg.Client, keepDays: number): Promise<void> {
  const { tenant, target } = move;
  await client.query('reset role');
  await client.query('set local statement_timeout = 0');
  await setDatabase(move, client);
  await client.query(
    `insert into tenancy.retained_copies (tenant_id, schema_name, moved_to, keep_until)
     values ($1, $2, $3, now() + make_interval(days => $4))
     on conflict on constraint retained_copies_pkey do update
       set schema_name = excluded.schema_name,
           moved_to = excluded.moved_to,
           moved_at = excluded.moved_at,
           keep_until = excluded.keep_until`,
    [tenant.id, tenant.schema, target.name, keepDays],
  );
}

const setDatabase = ({ tenant, target }: Move, client: pg.Client): Promise<unknown> =>
  client.query('update public.tenants as t set database = $2 where t.id = $1', [tenant.id, target.name]);

/**
 * Completes a move when everything is copied and writes are blocked. `targetTransaction` is on the
 * target; `sourceTransaction` holds the tenant locked.
 *
 * There are two or three commits and no two-phase commit. The target's is first, so that the copy
 * exists when main refers to it. Main's decides: after a crash before it, the tenant is where it was,
 * and the next attempt replaces the copy; after it, the tenant has moved.
 */
export async function switchOver(
  move: Move,
  targetTransaction: AdminTransaction,
  sourceTransaction: AdminTransaction,
  keepDays: number,
): Promise<void> {
  const { main, source, target, tenant } = move;
  await retain(move, sourceTransaction.client, keepDays);
  if (target.name === MAIN) {
    await setDatabase(move, targetTransaction.client);
    await targetTransaction.commit();
  } else if (source.name === MAIN) {
    await copyTenantRow(sourceTransaction.client, targetTransaction.client, {
      id: tenant.id,
      database: target.name,
    });
    await targetTransaction.commit();
  } else {
    await withAdminConnection(main.owner, async (registry) => {
      // Locked until main has committed: see `correctDatabase`.
      await setDatabase(move, registry);
      await copyTenantRow(registry, targetTransaction.client, { id: tenant.id, database: target.name });
      await targetTransaction.commit();
    });
  }
  await sourceTransaction.commit();
}
