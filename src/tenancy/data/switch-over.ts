import type pg from 'pg';

import { type OwnerTransaction, withOwner } from '../../db/owner-client.ts';
import { MAIN } from '../databases.ts';
import type { Place } from '../provision.ts';
import { copyRow, type Database } from '../provision-on.ts';
import type { RegistryRow } from '../registry.ts';

/** Who moves, from where to where. */
export type Move = Readonly<{
  main: Database;
  source: Database;
  target: Database;
  tenant: RegistryRow;
  place: Place;
}>;

/**
 * Leaves the old place behind, unenterable. It is not dropped here: in a cluster
 * that both databases share, its role is in use by the other transaction.
 */
async function leave({ target, place }: Move, client: pg.Client, keepDays: number): Promise<void> {
  await client.query('reset role');
  await client.query('set local statement_timeout = 0');
  await client.query('update public.tenants as t set database = $2 where t.id = $1', [place.id, target.name]);
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

/**
 * Ends a move: everything is copied, and nobody is inside. `there` is the
 * target's transaction, `here` the source's, which holds the tenant locked.
 *
 * There are two or three commits, and no two-phase one. Main's decides: cut off
 * before it, the tenant is where it was, and what stands at the target gives way to
 * the next attempt; after it, the tenant has moved.
 */
export async function switchOver(
  move: Move,
  there: OwnerTransaction,
  here: OwnerTransaction,
  keepDays: number,
): Promise<void> {
  const { main, source, target, place } = move;
  const setHome = (client: pg.Client) =>
    client.query('update public.tenants as t set database = $2 where t.id = $1', [place.id, target.name]);
  await leave(move, here.client, keepDays);
  if (target.name === MAIN) {
    await setHome(there.client);
    await there.commit();
  } else {
    await withOwner(main.owner, (registry) =>
      copyRow(registry, there.client, { id: place.id, database: target.name }),
    );
    // First, so that what main leads to is there. Until main says so nobody is led to it.
    await there.commit();
    if (source.name !== MAIN) {
      await withOwner(main.owner, setHome);
    }
  }
  await here.commit();
}
