import pg from 'pg';

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { dropTenantSchema } from '../../lifecycle/drop-schema.ts';
import { chooseDatabase, MAIN } from '../../registry/databases.ts';
import type { Databases } from '../../registry/locate-tenant.ts';
import type { TenantIdentity } from '../../registry/tenant.ts';
import { schemaName } from '../../registry/tenant.ts';
import { replicationName } from './replication-name.ts';
import { dropSlot } from './replication-slot.ts';
import { unsubscribe } from './subscription.ts';

/** Returns the name of the tenant's database from the registry on main. Waits for concurrent changes of the row. */
async function databaseOf(databases: Databases, { id }: TenantIdentity): Promise<string | undefined> {
  const main = chooseDatabase(databases, MAIN);
  const { rows } = await withAdminConnection(main.owner, (client) =>
    client.query<{ database: string }>(
      'select t.database from public.tenants as t where t.id = $1 for share',
      [id],
    ),
  );
  return rows[0]?.database;
}

/**
 * Drops the copy of the tenant in a database that is not its own, unless it is a retained copy.
 * Returns whether there was one.
 */
async function dropCopy(client: pg.Client, name: string, { id, role }: TenantIdentity): Promise<boolean> {
  const { rows } = await client.query<{ schema: string }>(
    `select t.schema_name as schema
     from public.tenants as t
     where t.id = $1
       and not exists (
         select
         from tenancy.retained_copies as k
         where k.tenant_id = t.id
       )
       and (
         $2
         or exists (
           select
           from pg_catalog.pg_namespace as n
           where n.nspname = t.schema_name
         )
       )`,
    [id, name !== MAIN],
  );
  const [copy] = rows;
  if (!copy) {
    return false;
  }
  await dropTenantSchema(client, { id, role, schema: schemaName.parse(copy.schema) });
  if (name !== MAIN) {
    await client.query('delete from public.tenants as t where t.id = $1', [id]);
  }
  return true;
}

/**
 * Drops the remains of an interrupted move of the tenant in all databases: subscription, slot,
 * publication and copy. Retained copies of completed moves are not touched. The tenant must not be in
 * a move.
 *
 * Returns a description of what was dropped. Continues when a step fails, and throws the
 * first error at the end.
 */
export async function cleanUpMove(databases: Databases, tenant: TenantIdentity): Promise<readonly string[]> {
  const ownDatabase = await databaseOf(databases, tenant);
  const name = replicationName(tenant);
  const found: string[] = [];
  const failures: unknown[] = [];
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    await work().catch((error: unknown) => failures.push(error));
  };
  // Subscriptions first: a subscription would reconnect to its slot.
  for (const { name: database, owner } of Object.values(databases)) {
    await attempt(() =>
      withAdminConnection(owner, async (client) => {
        if (await unsubscribe(client, tenant)) {
          found.push(`the subscription on ${database}`);
        }
      }),
    );
  }
  for (const { name: database, owner } of Object.values(databases)) {
    await attempt(async () => {
      const { rows } = await withAdminConnection(owner, (client) =>
        client.query<{ slot: boolean; publication: boolean }>(
          `select
             exists (select from pg_catalog.pg_replication_slots as s where s.slot_name = $1 and s.database = current_database()) as slot,
             exists (select from pg_catalog.pg_publication as p where p.pubname = $1) as publication`,
          [name],
        ),
      );
      if (rows[0]?.slot) {
        await dropSlot(owner, tenant);
        found.push(`the replication slot on ${database}`);
      }
      if (rows[0]?.publication) {
        await withAdminConnection(owner, (client) =>
          client.query(`drop publication if exists ${pg.escapeIdentifier(name)}`),
        );
        found.push(`the publication on ${database}`);
      }
    });
  }
  for (const { name: database, owner } of Object.values(databases)) {
    if (ownDatabase !== undefined && database !== ownDatabase) {
      await attempt(() =>
        withAdminConnection(owner, async (client) => {
          if (await dropCopy(client, database, tenant)) {
            found.push(`the copy on ${database}`);
          }
        }),
      );
    }
  }
  if (failures.length > 0) {
    throw failures[0];
  }
  return found;
}
