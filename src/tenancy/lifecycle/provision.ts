import pg from 'pg';

import { withOwner } from '../../db/admin/admin-connection.ts';
import { DomainError } from '../../errors.ts';
import { membershipOptionsOf } from '../install/membership.ts';
import { applySteps } from '../migrations/apply-migrations.ts';
import { ledgerSql } from '../migrations/history.ts';
import {
  kindOf,
  LEAVE,
  migrateInside,
  migrationsFor,
  placeOf,
  type Place as Reached,
} from '../migrations/migrate-tenant.ts';
import { ZERO } from '../migrations/migration-sequence.ts';
import { loadTenantMigrations, migrationsOn, type TenantMigration } from '../migrations/tenant-migrations.ts';
import { MAIN } from '../registry/databases.ts';
import type { SchemaKind, TenancyProject } from '../registry/project.ts';
import { SITE_SCHEMA, type TenantId, type TenantIdentity, tenantId } from '../registry/tenant.ts';
import { claimSpare } from './claim-spare.ts';
import type { NewTenant } from './new-tenant.ts';
import { runHooks } from './run-hooks.ts';

/** What a tenant is made for and of. */
export type Provisioning = Readonly<{
  /** The service's login. */
  service: string;
  /** Whose apps' tables it has. */
  project: TenancyProject;
}>;

/** Rows for a tenant that is being made: they fit its tables as they are after `migrations` of them. */
export type Filling = Readonly<{
  migrations: number;
  fill: (client: pg.Client, place: TenantIdentity) => Promise<void>;
  /** Called when the rows are loaded and migrated. */
  hook: 'onRestored' | 'onCloned';
}>;

/** What a new tenant has from the first moment on: done in the transaction that makes it. */
export type Begin = (client: pg.Client) => Promise<void>;

const schemaTaken = ({ schema }: NewTenant): DomainError =>
  new DomainError(
    'schema_name_taken',
    `A tenant with the schema "${schema}" exists already; choose another name.`,
  );

const TAKEN: Readonly<Record<string, (tenant: NewTenant) => DomainError>> = {
  tenants__schema_name: schemaTaken,
  // Of two that bring the same tenant back at once.
  tenants_pkey: schemaTaken,
  domains_pkey: ({ domains }) =>
    new DomainError('domain_taken', `A tenant with the domain "${domains.join('" or "')}" exists already.`),
};

/** A schema that is in no tenant's row: made by hand. */
const DUPLICATE_SCHEMA = '42P06';

const NOWHERE: Reached = { migratedTo: null, concurrentTo: null, applied: 0 };

/**
 * Writes a tenant's row, as it will be, and domains, and answers what PostgreSQL made of them.
 * In one statement, since each is a round trip of the transaction.
 */
async function register(
  client: pg.ClientBase,
  { schema, name, domains, paidUntil = null, onTrial = true, type = 'tenant', kept }: NewTenant,
  {
    database = MAIN,
    status = kept?.status ?? 'active',
    reached: { migratedTo, concurrentTo, applied },
  }: { database?: string; status?: string; reached: Reached },
): Promise<TenantIdentity & { version: number }> {
  const { rows } = await client.query<{ id: string; role: string; version: number }>(
    `with tenant as (
       insert into public.tenants (
         id, schema_name, name, paid_until, on_trial, type, status, key_generation, settings, database,
         migrated_to, concurrent_to, migrations_applied
       )
       values (coalesce($1, gen_random_uuid()), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
       returning id, role_name
     ),
     hosts as (
       insert into public.domains (domain, tenant_id, is_primary)
       select h.domain, t.id, h.place = 1
       from tenant as t
       cross join unnest($14::text[]) with ordinality as h (domain, place)
     )
     select t.id, t.role_name as role, current_setting('server_version_num')::integer as version
     from tenant as t`,
    [
      kept?.id ?? null,
      schema,
      name,
      paidUntil,
      onTrial,
      schema === SITE_SCHEMA ? 'site' : type,
      status,
      kept?.keyGeneration ?? 1,
      kept?.settings ?? {},
      database,
      migratedTo,
      concurrentTo,
      applied,
      domains,
    ],
  );
  const [row] = rows;
  if (!row) {
    throw new TypeError('An insert answered no row.');
  }
  return { ...row, schema, id: tenantId.parse(row.id) };
}

/** Writes a tenant's registry row and domains, for a place in `database` that is still to be made. */
export const insertTenant = (
  client: pg.ClientBase,
  tenant: NewTenant,
  database: string,
): Promise<TenantIdentity> => register(client, tenant, { database, reached: NOWHERE });

/** SQL that makes role and schema; `role`: another database of the cluster may have made it for the same tenant. */
const placeSql = (
  { schema, role }: Pick<TenantIdentity, 'schema' | 'role'>,
  service: string,
  version: number,
): string => {
  const name = pg.escapeIdentifier(role);
  return `
    do $role$
    begin
      if not exists (select from pg_catalog.pg_roles as r where r.rolname = ${pg.escapeLiteral(role)}) then
        create role ${name} nologin;
      end if;
    end
    $role$;
    grant ${name} to ${pg.escapeIdentifier(service)}${membershipOptionsOf(version)};
    create schema ${pg.escapeIdentifier(schema)} authorization tenant_owner`;
};

/**
 * Makes role, schema, tables and policies for a tenant whose row is there: as
 * they are after all migrations, or after the first `count`.
 */
export async function openPlace(
  client: pg.ClientBase,
  { service, project }: Provisioning,
  place: TenantIdentity,
  count?: number,
): Promise<void> {
  const { rows } = await client.query<{ version: number }>(
    `select current_setting('server_version_num')::integer as version`,
  );
  await client.query(placeSql(place, service, rows[0]?.version ?? 0));
  const migrations = await loadTenantMigrations(project);
  const to =
    count === undefined ? undefined : (migrationsFor(place.schema, migrations)[count - 1]?.name ?? ZERO);
  await migrateInside(client, place, { migrations, to });
  // Rows that are loaded fire no trigger: mail that waits among them is looked for once it lives here.
  await client.query(`set local role tenant_owner; select tenancy.enter_owner(${pg.escapeLiteral(place.schema)});
    select tenancy.mark_due('mail'); ${LEAVE}`);
}

/** The same with all migrations, and filled on the way. */
export async function createPlace(
  client: pg.Client,
  provisioning: Provisioning,
  place: TenantIdentity,
  filling: Filling | null,
): Promise<void> {
  await openPlace(client, provisioning, place, filling?.migrations);
  if (filling) {
    await filling.fill(client, place);
    await migrateInside(client, place, { migrations: await loadTenantMigrations(provisioning.project) });
  }
  await runHooks(client, provisioning.project, filling?.hook ?? 'onTenantCreated', place);
}

/** Makes a tenant, or a spare, with all its DDL inside the transaction of `client`. */
export async function createInside(
  client: pg.ClientBase,
  service: string,
  tenant: NewTenant,
  {
    migrations,
    status = 'active',
    kind = kindOf(tenant.schema),
  }: { migrations: readonly TenantMigration[]; status?: 'active' | 'spare'; kind?: SchemaKind },
): Promise<TenantIdentity> {
  const steps = migrationsOn(kind, migrations);
  const reached = placeOf(
    steps.map((one) => one.name),
    migrations,
  );
  const { version, ...place } = await register(client, tenant, { status, reached });
  await client.query(`${placeSql(place, service, version)}; ${ledgerSql(place)}`);
  await applySteps(client, place, { direction: 'up', steps }, { after: LEAVE });
  return place;
}

/**
 * Creates a tenant: its registry row, domains, role, schema, tables and
 * policies, and the rows that it is filled with, in one transaction. A failure,
 * and the death of this process, leave nothing of it. Takes a spare where there
 * is one and nothing is to be filled, which spares the DDL.
 *
 * @throws DomainError `schema_name_taken` or `domain_taken`, and what `fill` throws
 */
export async function provisionTenant(
  owner: pg.ClientConfig,
  provisioning: Provisioning,
  tenant: NewTenant,
  filling: Filling | null = null,
  begin: Begin = async () => {},
): Promise<TenantId> {
  return explainTaken(tenant, () =>
    withOwner(owner, async (client) => {
      if (filling || tenant.kept) {
        const place = await insertTenant(client, tenant, MAIN);
        await createPlace(client, provisioning, place, filling);
        await begin(client);
        return place.id;
      }
      const migrations = await loadTenantMigrations(provisioning.project);
      const spare = tenant.schema === SITE_SCHEMA ? null : await claimSpare(client, tenant, migrations);
      const { id, role } =
        spare ?? (await createInside(client, provisioning.service, tenant, { migrations }));
      await runHooks(client, provisioning.project, 'onTenantCreated', { id, schema: tenant.schema, role });
      await begin(client);
      return id;
    }),
  );
}

/** @throws DomainError `schema_name_taken` or `domain_taken` for what the database says of `tenant` */
export async function explainTaken<T>(tenant: NewTenant, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { constraint, code } = error as { constraint?: string; code?: string };
    const taken = TAKEN[code === DUPLICATE_SCHEMA ? 'tenants__schema_name' : (constraint ?? '')];
    throw taken?.(tenant) ?? error;
  }
}
