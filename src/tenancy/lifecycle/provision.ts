import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { needsCommit } from '../migrations/migration-failed.ts';
import { loadTenantMigrations, type TenantMigration } from '../migrations/tenant-migrations.ts';
import type { SchemaKind } from '../registry/project.ts';
import { SITE_SCHEMA, type TenantId, type TenantIdentity } from '../registry/tenant.ts';
import { claimSpare } from './claim-spare.ts';
import { createInSteps } from './create-in-steps.ts';
import { createInside, createTenantSchema, type Filling, type Provisioning } from './create-schema.ts';
import type { NewTenant } from './new-tenant.ts';
import { explainTaken, registerTenant } from './register-tenant.ts';
import { runHooks } from './run-hooks.ts';

/** Called in the transaction that creates the tenant. */
export type Begin = (client: pg.Client) => Promise<void>;

/**
 * Creates a tenant or a spare, and calls no hook of apps: in one transaction, or in several if its migrations need a
 * commit in between.
 */
export async function createTenantWithoutHooks(
  owner: pg.ClientConfig,
  service: string,
  tenant: NewTenant,
  options: { migrations: readonly TenantMigration[]; status?: 'active' | 'spare'; kind?: SchemaKind },
): Promise<TenantIdentity> {
  try {
    return await withAdminConnection(owner, (client) => createInside(client, service, tenant, options));
  } catch (error) {
    if (!needsCommit(error)) {
      throw error;
    }
    return createInSteps(owner, { service }, tenant, options);
  }
}

/**
 * Creates a tenant: its registry row, domains, role, schema, tables and policies, and its initial
 * rows, in one transaction. A failure or a crash leaves nothing. Claims a spare, which avoids the DDL,
 * if there is one and no rows are to be loaded.
 *
 * If migrations need a commit in between, the tenant is created in several transactions under a
 * temporary name. Until the last one it is a deleted tenant, which `purge-tenants` removes after a
 * crash.
 *
 * @throws OperatorError `schema_name_taken` or `domain_taken`, and what `fill` throws
 */
export async function provisionTenant(
  owner: pg.ClientConfig,
  provisioning: Provisioning,
  tenant: NewTenant,
  filling: Filling | null = null,
  begin: Begin = async () => {},
): Promise<TenantId> {
  return explainTaken(tenant, async () => {
    const migrations = await loadTenantMigrations(provisioning.project);
    try {
      return await withAdminConnection(owner, async (client) => {
        if (filling || tenant.preserved) {
          const identity = await registerTenant(client, tenant);
          await createTenantSchema(client, provisioning, identity, filling);
          await begin(client);
          return identity.id;
        }
        const spare = tenant.schema === SITE_SCHEMA ? null : await claimSpare(client, tenant, migrations);
        const identity = spare ?? (await createInside(client, provisioning.service, tenant, { migrations }));
        await runHooks(client, provisioning.project, 'onTenantCreated', identity);
        await begin(client);
        return identity.id;
      });
    } catch (error) {
      if (!needsCommit(error)) {
        throw error;
      }
      const made = await createInSteps(owner, provisioning, tenant, {
        migrations,
        filling,
        begin: async (client, identity) => {
          await runHooks(client, provisioning.project, filling?.hook ?? 'onTenantCreated', identity);
          await begin(client);
        },
      });
      return made.id;
    }
  });
}
