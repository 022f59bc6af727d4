import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { openAdminTransaction } from '../../db/admin/admin-connection.ts';
import { createUnfinished } from '../lifecycle/create-in-steps.ts';
import { createInside } from '../lifecycle/create-schema.ts';
import { needsCommit } from '../migrations/migration-failed.ts';
import { migrationsOn, type TenantMigration } from '../migrations/tenant-migrations.ts';
import type { SchemaKind } from '../registry/project.ts';
import { noSuchTenant } from '../registry/registry.ts';
import { parseSchemaName, SITE_SCHEMA } from '../registry/tenant.ts';
import { type Catalog, readCatalogs, readDigests, withoutName } from './catalog.ts';

/** A tenant that differs from the result of its migrations. */
export type Drift = Readonly<{ schema: string; differences: readonly string[] }>;

export type DriftReport = Readonly<{
  compared: number;
  drift: readonly Drift[];
  /** Tenants that were not compared, because they have other migrations than the code. */
  others: readonly string[];
}>;

/** Number of tenants whose catalogs one query reads. */
const BATCH = 100;

/** Maximum length of a definition that is quoted. Longer ones (functions, views) are only named. */
const QUOTABLE = 200;

const quoted = (definition: string): string =>
  definition.length > QUOTABLE || definition.includes('\n') ? 'a different definition' : `"${definition}"`;

/** Returns the differences between a tenant and a new one, one sentence each. */
export function compareCatalogs(fresh: Catalog, tenant: Catalog): readonly string[] {
  const differences: string[] = [];
  for (const [thing, definition] of fresh) {
    const found = tenant.get(thing);
    if (found === undefined) {
      differences.push(`${thing} is missing`);
    } else if (found !== definition) {
      differences.push(
        quoted(found) === quoted(definition)
          ? `${thing} has a different definition`
          : `${thing} is ${quoted(found)} and should be ${quoted(definition)}`,
      );
    }
  }
  for (const thing of tenant.keys()) {
    if (!fresh.has(thing)) {
      differences.push(`${thing} is in no migration`);
    }
  }
  return differences.sort();
}

type Model = Readonly<{ digest: string; catalog: Catalog }>;

async function readModel(client: pg.ClientBase, schema: string): Promise<Model> {
  const catalog = (await readCatalogs(client, [schema])).get(schema) ?? new Map();
  const digest = (await readDigests(client, [schema])).get(schema) ?? '';
  return { digest, catalog };
}

/**
 * Creates a tenant to compare with, reads it, and removes it: in a transaction that is rolled back,
 * or, if the migrations need a commit in between, in several transactions.
 */
async function modelOf(
  owner: pg.ClientConfig,
  service: string,
  kind: SchemaKind,
  migrations: readonly TenantMigration[],
): Promise<Model> {
  const schema = parseSchemaName(`drift_${randomBytes(6).toString('hex')}`);
  const tenant = { schema, name: 'drift', domains: [] };
  const { client, end } = await openAdminTransaction(owner);
  try {
    await createInside(client, service, tenant, { status: 'spare', kind, migrations });
    return await readModel(client, schema);
  } catch (error) {
    if (!needsCommit(error)) {
      throw error;
    }
  } finally {
    await end();
  }
  return createUnfinished(owner, service, { kind, migrations }, (made, unfinished) =>
    readModel(made, unfinished),
  );
}

/**
 * Compares each tenant's schema with that of a newly migrated tenant: columns, constraints, indexes,
 * policies, rights, triggers, functions, views. Finds changes that were made by hand.
 *
 * Sends one query for a hundred tenants, and one for each tenant that differs. Changes nothing.
 *
 * @throws DomainError `tenant_not_found` when `schema` names none
 */
export async function findDrift(
  client: pg.ClientBase,
  service: string,
  {
    owner,
    schema = null,
    migrations,
    onTenants = () => {},
  }: {
    /** The migrating login of the same database, which creates the tenant to compare with. */
    owner: pg.ClientConfig;
    schema?: string | null;
    /** The migrations of the code. */
    migrations: readonly TenantMigration[];
    /** Called with the number of further tenants that were compared. */
    onTenants?: (count: number) => void;
  },
): Promise<DriftReport> {
  const { rows } = await client.query<{ schema: string; applied: number; site: boolean }>(
    `select t.schema_name as schema, t.migrations_applied as applied, t.type = 'site' as site
     from public.tenants as t
     where t.status <> 'deleted'
       and t.database = (select i.database from tenancy.installation as i)
       and ($1::text is null or t.schema_name = $1)
     order by t.schema_name`,
    [schema],
  );
  if (schema !== null && rows.length === 0) {
    throw noSuchTenant(schema);
  }
  const own = { site: migrationsOn('site', migrations), tenant: migrationsOn('tenant', migrations) };
  const isElsewhere = (row: (typeof rows)[number]) =>
    row.applied !== own[row.site ? 'site' : 'tenant'].length;
  const current = rows.filter((row) => !isElsewhere(row)).map((row) => row.schema);
  const tenants = await modelOf(owner, service, 'tenant', migrations);
  const site = await modelOf(owner, service, 'site', migrations);
  const modelFor = (name: string): Model => (name === SITE_SCHEMA ? site : tenants);

  const drift: Drift[] = [];
  for (let at = 0; at < current.length; at += BATCH) {
    const batch = current.slice(at, at + BATCH);
    const digests = await readDigests(client, batch);
    const odd = batch.filter((name) => digests.get(name) !== modelFor(name).digest);
    for (const name of odd) {
      const found = (await readCatalogs(client, [name])).get(name) ?? new Map();
      const differences = compareCatalogs(await withoutName(client, modelFor(name).catalog, name), found);
      if (differences.length > 0) {
        drift.push({ schema: name, differences });
      }
    }
    onTenants(batch.length);
  }
  return { compared: current.length, drift, others: rows.filter(isElsewhere).map((row) => row.schema) };
}
