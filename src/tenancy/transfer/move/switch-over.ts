import type pg from 'pg';

import { type AdminTransaction, withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { copyTenantRow } from '../../lifecycle/provision-on.ts';
import { MAIN } from '../../registry/databases.ts';
import type { Move } from './move.ts';

/**
 * Makes the old copy inaccessible and retains it. It is not dropped here: if both databases are in one
 * cluster, the other transaction uses its role.
 */
async function leave(move: Move, client: pg.Client, keepDays: number): Promise<void> {
  const { place, target } = move;
  await client.query('reset role');
  await client.query('set local statement_timeout = 0');
  await setHome(move, client);
  await client.query(
    `insert into tenancy.kept_schemas (tenant_id, schema_name, moved_to, keep_until)
     values ($1, $2, $3, now() + make_interval(days => $4))
     on conflict on constraint kept_schemas_pkey do update
       set schema_name = excluded.schema_name,
           moved_to = excluded.moved_to,
           moved_at = excluded.moved_at,
           keep_until = excluded.keep_until`,
    [place.id, place.schema, target.name, keepDays],
  );
}

const setHome = ({ place, target }: Move, client: pg.Client): Promise<unknown> =>
  client.query('update public.tenants as t set database = $2 where t.id = $1', [place.id, target.name]);

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
  there: AdminTransaction,
  here: AdminTransaction,
  keepDays: number,
): Promise<void> {
  const { main, source, target, place } = move;
  await leave(move, here.client, keepDays);
  if (target.name === MAIN) {
    await setHome(move, there.client);
    await there.commit();
  } else if (source.name === MAIN) {
    await copyTenantRow(here.client, there.client, { id: place.id, database: target.name });
    await there.commit();
  } else {
    await withAdminConnection(main.owner, async (registry) => {
      // Locked until main has committed: see `closeStray`.
      await setHome(move, registry);
      await copyTenantRow(registry, there.client, { id: place.id, database: target.name });
      await there.commit();
    });
  }
  await here.commit();
}
