import { randomBytes } from 'node:crypto';
import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { kindOf, migrateInSteps } from '../migrations/migrate-tenant.ts';
import { loadTenantMigrations, migrationsOn, type TenantMigration } from '../migrations/tenant-migrations.ts';
import { dueWorkOf, type SchemaKind } from '../registry/project.ts';
import { parseSchemaName, type SchemaName, type TenantIdentity } from '../registry/tenant.ts';
import { createEmptySchema, type Filling, markDue, type Provisioning, targetOf } from './create-schema.ts';
import { dropTenantSchema } from './drop-schema.ts';
import type { NewTenant } from './new-tenant.ts';
import { adoptRow, assertFree, registerTenant } from './register-tenant.ts';

/** Prefix of the schemas of tenants that are created in several transactions. No request resolves to one. */
const UNFINISHED = 'unfinished_';

/**
 * Writes the row of a tenant that is created in several transactions: with status deleted, a temporary
 * name and no domains. After a crash it is purged after a day, as any deleted tenant.
 */
async function registerUnfinished(client: pg.ClientBase, { preserved }: NewTenant): Promise<TenantIdentity> {
  const schema = parseSchemaName(`${UNFINISHED}${randomBytes(6).toString('hex')}`);
  const { version, ...identity } = await registerTenant(client, {
    schema,
    name: 'unfinished',
    domains: [],
    preserved: { keyGeneration: 1, settings: {}, ...preserved, status: 'deleted' },
  });
  await client.query(
    `update public.tenants set deleted_at = now(), purge_after = now() + interval '1 day' where id = $1`,
    [identity.id],
  );
  return identity;
}

/** Drops an unfinished tenant. */
const dropUnfinished = (owner: pg.ClientConfig, identity: TenantIdentity): Promise<void> =>
  withAdminConnection(owner, async (client) => {
    await dropTenantSchema(client, identity);
    await client.query(`delete from public.tenants where id = $1 and status = 'deleted'`, [identity.id]);
  });

/** Creates row, role and schema of an unfinished tenant. */
const openUnfinished = (
  owner: pg.ClientConfig,
  service: string,
  tenant: NewTenant,
): Promise<TenantIdentity> =>
  withAdminConnection(owner, async (client) => {
    await assertFree(client, tenant);
    const identity = await registerUnfinished(client, tenant);
    await createEmptySchema(client, identity, service);
    return identity;
  });

/**
 * Creates a tenant on main with one transaction for each migration, for migrations that need a commit
 * in between. It is not visible before the last one.
 */
export async function createInSteps(
  owner: pg.ClientConfig,
  { service, project }: Pick<Provisioning, 'service'> & Partial<Provisioning>,
  tenant: NewTenant,
  {
    migrations,
    status = tenant.preserved?.status ?? 'active',
    kind = kindOf(tenant.schema),
    filling = null,
    begin = async () => {},
  }: {
    migrations: readonly TenantMigration[];
    status?: string;
    kind?: SchemaKind;
    filling?: Filling | null;
    /** Called in the transaction that finishes the tenant. */
    begin?: (client: pg.Client, identity: TenantIdentity) => Promise<void>;
  },
): Promise<TenantIdentity> {
  const identity = await openUnfinished(owner, service, tenant);
  try {
    const dueWork = project ? dueWorkOf(project, kind) : [];
    await migrateTenantInSteps(owner, identity, { migrations, kind, filling, dueWork });
    return await withAdminConnection(owner, async (client) => {
      const finished = await adoptRow(client, identity, tenant, status);
      await begin(client, finished);
      return finished;
    });
  } catch (error) {
    await dropUnfinished(owner, identity).catch(() => {});
    throw error;
  }
}

/** Creates a tenant in several transactions, calls `work` with it, and drops it. It is never finished. */
export async function createUnfinished<T>(
  owner: pg.ClientConfig,
  service: string,
  { migrations, kind }: { migrations: readonly TenantMigration[]; kind: SchemaKind },
  work: (client: pg.Client, schema: SchemaName) => Promise<T>,
): Promise<T> {
  const tenant = { schema: parseSchemaName('unfinished'), name: 'unfinished', domains: [] };
  const identity = await openUnfinished(owner, service, tenant);
  try {
    await migrateTenantInSteps(owner, identity, { migrations, kind, filling: null, dueWork: [] });
    return await withAdminConnection(owner, (client) => work(client, identity.schema));
  } finally {
    await dropUnfinished(owner, identity);
  }
}

/** Migrates a tenant whose role and schema exist, in several transactions, and loads its rows. */
async function migrateTenantInSteps(
  owner: pg.ClientConfig,
  identity: TenantIdentity,
  {
    migrations,
    kind,
    filling,
    dueWork,
  }: {
    migrations: readonly TenantMigration[];
    kind: SchemaKind;
    filling: Filling | null;
    dueWork: readonly string[];
  },
): Promise<void> {
  const to = filling ? targetOf(migrationsOn(kind, migrations), filling.migrations) : undefined;
  await migrateInSteps(owner, identity, { migrations, kind, to });
  await withAdminConnection(owner, async (client) => {
    await markDue(client, identity, dueWork);
    await filling?.fill(client, identity);
  });
  if (filling) {
    await migrateInSteps(owner, identity, { migrations, kind });
  }
}

/**
 * As `createTenantSchema`, for a tenant whose row exists, in several transactions. `first` begins the
 * first one. Calls no hook: a move creates tables too, and no tenant.
 */
export async function createTenantSchemaInSteps(
  owner: pg.ClientConfig,
  { service, project }: Provisioning,
  identity: TenantIdentity,
  { filling = null, first }: { filling?: Filling | null; first: (client: pg.Client) => Promise<void> },
): Promise<void> {
  await withAdminConnection(owner, async (client) => {
    await first(client);
    await createEmptySchema(client, identity, service);
  });
  const migrations = await loadTenantMigrations(project);
  const kind = kindOf(identity.schema);
  await migrateTenantInSteps(owner, identity, {
    migrations,
    kind,
    filling,
    dueWork: dueWorkOf(project, kind),
  });
}
