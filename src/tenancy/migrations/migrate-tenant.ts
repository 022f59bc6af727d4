import pg from 'pg';
import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { lastRows } from '../../db/admin/last-rows.ts';
import type { SchemaKind } from '../registry/project.ts';
import { SITE_SCHEMA } from '../registry/tenant.ts';
import { applyMigrations } from './apply-migrations.ts';
import { historySql, type MigratingTenant } from './history.ts';
import { needsCommit } from './migration-failed.ts';
import { type MigrationSequence, sequenceOf } from './migration-sequence.ts';
import { migrationsOn, type TenantMigration } from './tenant-migrations.ts';

/** What a tenant is to be brought to. */
export type MigrationTarget = Readonly<{
  /** Those of the code, for a tenant. */
  migrations: readonly TenantMigration[];
  /** The last one that is to be there; left out, the last of all. */
  to?: string | undefined;
  /** Written down as applied, and not run. */
  fake?: boolean | undefined;
  /** The kind of the schema. Default: that of its name. */
  kind?: SchemaKind | undefined;
  /** Applies at most so many. */
  limit?: number | undefined;
}>;

/** The kind of a schema, by its name. A spare is a tenant's. */
export const kindOf = (schema: string): SchemaKind => (schema === SITE_SCHEMA ? 'site' : 'tenant');

/** The migrations of the code that a schema has. */
export const migrationsFor = (
  schema: string,
  migrations: readonly TenantMigration[],
): readonly TenantMigration[] => migrationsOn(kindOf(schema), migrations);

const literal = (name: string | null): string => (name === null ? 'null' : pg.escapeLiteral(name));

/** How far a tenant has come, as its row says it. */
export type Place = Readonly<{
  migratedTo: string | null;
  concurrentTo: string | null;
  applied: number;
}>;

/** The place of a tenant whose ledger holds these names. What the code does not know counts as in a transaction. */
export function placeOf(history: readonly string[], migrations: readonly TenantMigration[]): Place {
  const concurrent = new Set(migrations.filter((one) => one.concurrent).map(({ name }) => name));
  const names = [...history].sort();
  return {
    migratedTo: names.findLast((name) => !concurrent.has(name)) ?? null,
    concurrentTo: names.findLast((name) => concurrent.has(name)) ?? null,
    applied: names.length,
  };
}

/** SQL that leaves the tenant's role and path behind. */
export const LEAVE = 'set local search_path = pg_catalog, pg_temp; reset role';

/** SQL that leaves the tenant and writes down where it is and, when nothing is left to do, that no failure is. */
export function recordVersionSql(
  { role }: Pick<MigratingTenant, 'role'>,
  history: readonly string[],
  migrations: readonly TenantMigration[],
  { through = true }: { through?: boolean } = {},
): string {
  const { migratedTo, concurrentTo, applied } = placeOf(history, migrations);
  const arrived = `
    ${LEAVE};
    update public.tenants as t
    set migrated_to = ${literal(migratedTo)},
        concurrent_to = ${literal(concurrentTo)},
        migrations_applied = ${applied}
    where t.role_name = ${pg.escapeLiteral(role)}`;
  const madeGood = `
    delete from tenancy.migration_failures as f
    using public.tenants as t
    where t.role_name = ${pg.escapeLiteral(role)}
      and f.tenant_id = t.id`;
  return through ? `${arrived};${madeGood}` : arrived;
}

/** What a ledger holds after a course. */
export const historyAfter = (
  history: readonly string[],
  { direction, steps }: MigrationSequence,
): readonly string[] => {
  const names = new Set(steps.map(({ name }) => name));
  return direction === 'up' ? [...history, ...names] : history.filter((name) => !names.has(name));
};

/**
 * Brings a schema that nobody uses yet to its aim inside the transaction of
 * `client`, as tenant_owner, and answers the names of what was applied.
 *
 * Migrations that belong outside a transaction run inside it too, without
 * CONCURRENTLY: in a schema in use they would block its writers.
 *
 * @throws StepFailed
 */
export async function migrateInside(
  client: pg.ClientBase,
  tenant: MigratingTenant,
  { migrations, to, fake, kind = kindOf(tenant.schema), limit }: MigrationTarget,
): Promise<readonly string[]> {
  const rows = await lastRows<{ name: string }>(client, historySql(tenant));
  const history = rows.map(({ name }) => name);
  const { direction, steps } = sequenceOf(migrationsOn(kind, migrations), history, to);
  const sequence = { direction, steps: steps.slice(0, limit) };
  await applyMigrations(client, tenant, sequence, {
    fake,
    after: recordVersionSql(tenant, historyAfter(history, sequence), migrations),
  });
  return sequence.steps.map(({ name }) => name);
}

/**
 * Brings a schema that nobody uses yet to its aim, one transaction for each
 * migration, and returns the names of what was applied. For migrations that need a
 * commit in between, such as one that adds an enum value and one that uses it.
 *
 * @throws StepFailed; what was applied before stays
 */
export async function migrateInSteps(
  owner: pg.ClientConfig,
  tenant: MigratingTenant,
  aim: MigrationTarget,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (;;) {
    const applied = await withAdminConnection(owner, (client) =>
      migrateInside(client, tenant, { ...aim, limit: 1 }),
    );
    if (applied.length === 0) {
      return names;
    }
    names.push(...applied);
  }
}

/** Locks the row of a tenant that nobody uses yet. Two runs for the same tenant wait for each other. */
async function lockRow(client: pg.ClientBase, schema: string): Promise<MigratingTenant> {
  const { rows } = await client.query<{ role_name: string }>(
    `select t.role_name
     from public.tenants as t
     where t.schema_name = $1
     for no key update`,
    [schema],
  );
  const role = rows[0]?.role_name;
  if (!role) {
    throw new TypeError(`No tenant has the schema ${pg.escapeIdentifier(schema)}.`);
  }
  return { schema, role };
}

/**
 * Brings one tenant that nobody uses yet, a spare or one just loaded, up to the
 * code, on a connection of its own and in one transaction, or in one for each
 * migration where they need a commit in between. Those in use are the fleet's:
 * `migrate`.
 */
export async function migrateTenant(
  owner: pg.ClientConfig,
  schema: string,
  aim: Pick<MigrationTarget, 'migrations'>,
): Promise<readonly string[]> {
  const advance = (limit?: number) =>
    withAdminConnection(owner, async (client) =>
      migrateInside(client, await lockRow(client, schema), { ...aim, limit }),
    );
  try {
    return await advance();
  } catch (error) {
    if (!needsCommit(error)) {
      throw error;
    }
  }
  const names: string[] = [];
  for (;;) {
    const applied = await advance(1);
    if (applied.length === 0) {
      return names;
    }
    names.push(...applied);
  }
}
