import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { OperatorError } from '../../errors.ts';
import { needsCommit } from '../migrations/migration-failed.ts';
import { type Database, MAIN } from '../registry/databases.ts';
import { copySchemaVersion } from '../registry/reconcile-registry.ts';
import { type Tenant, type TenantId, type TenantIdentity, tenantIdentity } from '../registry/tenant.ts';
import { createTenantSchemaInSteps } from './create-in-steps.ts';
import { createTenantSchema, type Filling, type Provisioning } from './create-schema.ts';
import { dropTenantSchema } from './drop-schema.ts';
import type { NewTenant } from './new-tenant.ts';
import { type Begin, provisionTenant } from './provision.ts';
import { explainTaken, registerTenant } from './register-tenant.ts';
import { runHooks } from './run-hooks.ts';

/**
 * Drops the leftovers of an interrupted operation from a database that is to receive a tenant: schemas and
 * registry rows with the tenant's schema name or id.
 *
 * @throws OperatorError `schema_name_taken` when they belong to another tenant, or are a retained copy
 */
export async function removeStaleTenant(
  registry: pg.ClientBase,
  client: pg.ClientBase,
  { id, schema, database }: Pick<Tenant, 'id' | 'schema' | 'database'>,
): Promise<void> {
  const { rows } = await client.query<{ id: string; kept_until: string | null }>(
    `select t.id, t.schema_name as schema, t.role_name as role, to_char(k.keep_until at time zone 'UTC', 'YYYY-MM-DD') as kept_until
     from public.tenants as t
     left join tenancy.retained_copies as k on k.tenant_id = t.id
     where t.id = $1
       or t.schema_name = $2`,
    [id, schema],
  );
  for (const row of rows) {
    const stale = tenantIdentity.parse(row);
    const { rows: owners } = await registry.query(
      'select from public.tenants as t where t.id = $1 and t.database = $2',
      [stale.id, database],
    );
    if (row.kept_until !== null || (owners.length > 0 && stale.id !== id)) {
      throw new OperatorError(
        'schema_name_taken',
        row.kept_until === null
          ? `In the database "${database}", the schema "${schema}" belongs to another tenant. Choose another name.`
          : `The database "${database}" retains a copy of ${stale.schema} until ${row.kept_until}. To drop it now, run \`drop-retained-copies --schema ${stale.schema}\`.`,
      );
    }
    await dropTenantSchema(client, stale);
    await client.query('delete from public.tenants as t where t.id = $1', [stale.id]);
  }
}

/** Copies a tenant's current registry row from main to another database. */
export async function copyTenantRow(
  registry: pg.ClientBase,
  client: pg.ClientBase,
  { id, database }: Pick<Tenant, 'id' | 'database'>,
): Promise<void> {
  const { rows } = await registry.query<{ copy: Record<string, unknown> | null }>(
    'select tenancy.read_copy($1) as copy',
    [id],
  );
  const copy = rows[0]?.copy;
  if (!copy) {
    throw new TypeError('The registry in main has no row of the tenant.');
  }
  await client.query('select tenancy.write_copy($1)', [{ ...copy, database }]);
}

/**
 * Creates a tenant in a given database. On main this is one transaction. On another database there is at
 * least one transaction there and one on main. That of main commits last: after a crash before it, the tenant does not
 * exist, and the next attempt drops the leftovers.
 *
 * @throws OperatorError `schema_name_taken` or `domain_taken`, or any error of `filling.fill` and `begin`
 */
export async function provisionOn(
  main: pg.ClientConfig,
  database: Database & Pick<Provisioning, 'project'>,
  tenant: NewTenant,
  filling: Filling | null = null,
  begin: Begin = async () => {},
): Promise<TenantId> {
  const { name, owner } = database;
  if (name === MAIN) {
    return provisionTenant(main, database, tenant, filling, begin);
  }
  return explainTaken(tenant, () =>
    withAdminConnection(main, async (registry) => {
      const identity: TenantIdentity = await registerTenant(registry, tenant, { database: name });
      const prepare = async (client: pg.Client): Promise<void> => {
        await removeStaleTenant(registry, client, { ...identity, database: name });
        await copyTenantRow(registry, client, { id: identity.id, database: name });
      };
      const inOneTransaction = await withAdminConnection(owner, async (client) => {
        await prepare(client);
        await createTenantSchema(client, database, identity, filling);
        await begin(client);
        return true;
      }).catch((error: unknown) => {
        if (needsCommit(error)) {
          return false;
        }
        throw error;
      });
      if (!inOneTransaction) {
        await createTenantSchemaInSteps(owner, database, identity, { filling, first: prepare });
        await withAdminConnection(owner, async (client) => {
          await runHooks(client, database.project, filling?.hook ?? 'onTenantCreated', identity);
          await begin(client);
        });
      }
      const version = await withAdminConnection(owner, async (client) => {
        const { rows } = await client.query<{ migrated_to: string | null; transactional_applied: number }>(
          'select t.migrated_to, t.transactional_applied from public.tenants as t where t.id = $1',
          [identity.id],
        );
        return rows[0];
      });
      await copySchemaVersion(registry, {
        id: identity.id,
        migrated_to: null,
        transactional_applied: 0,
        ...version,
      });
      return identity.id;
    }),
  );
}
