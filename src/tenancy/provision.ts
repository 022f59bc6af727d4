import pg from 'pg';

import { withOwner } from '../db/owner-client.ts';
import { DomainError } from '../errors.ts';
import { MAIN } from './databases.ts';
import { membershipOptions } from './membership.ts';
import { migrateInside } from './migrate-tenant.ts';
import { type DomainName, type SchemaName, SITE_SCHEMA, type TenantId, tenantId } from './tenant.ts';

export type NewTenant = Readonly<{
  schema: SchemaName;
  name: string;
  /** The first one is the primary domain. */
  domains: readonly DomainName[];
  /** Last paid day, `YYYY-MM-DD`; null while nobody has asked to be paid. */
  paidUntil?: string | null;
  onTrial?: boolean;
  /** What a tenant that comes from elsewhere brings along; a new one gets its own. */
  kept?: Readonly<{
    id?: TenantId;
    keyGeneration: number;
    settings: Readonly<Record<string, unknown>>;
    status: string;
  }>;
}>;

/** The place of a tenant's tables in a database. */
export type Place = Readonly<{ id: TenantId; schema: SchemaName; role: string }>;

/** Rows for a tenant that is being made: they fit its tables as they are after `migrations` of them. */
export type Filling = Readonly<{
  migrations: number;
  fill: (client: pg.Client, place: Place) => Promise<void>;
}>;

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

/** Writes a tenant's registry row and domains, for a place in `database`. */
export async function insertTenant(
  client: pg.ClientBase,
  tenant: NewTenant,
  database: string,
): Promise<Place> {
  const { kept } = tenant;
  const { rows } = await client.query<{ id: string; role_name: string }>(
    `insert into public.tenants
       (id, schema_name, name, paid_until, on_trial, type, key_generation, settings, status, database)
     values (coalesce($6, gen_random_uuid()), $1, $2, $3, $4, $5, $7, $8, $9, $10)
     returning id, role_name`,
    [
      tenant.schema,
      tenant.name,
      tenant.paidUntil ?? null,
      tenant.onTrial ?? true,
      tenant.schema === SITE_SCHEMA ? 'site' : 'tenant',
      kept?.id ?? null,
      kept?.keyGeneration ?? 1,
      kept?.settings ?? {},
      kept?.status ?? 'active',
      database,
    ],
  );
  const row = rows[0];
  if (!row) {
    throw new TypeError('An insert answered no row.');
  }
  for (const [index, domain] of tenant.domains.entries()) {
    await client.query('insert into public.domains (domain, tenant_id, is_primary) values ($1, $2, $3)', [
      domain,
      row.id,
      index === 0,
    ]);
  }
  return { id: tenantId.parse(row.id), schema: tenant.schema, role: row.role_name };
}

/**
 * Makes role, schema, tables and policies for a tenant whose row is there: as
 * they are after all migrations, or after the first `count`.
 */
export async function openPlace(
  client: pg.Client,
  service: string,
  place: Place,
  count?: number,
): Promise<void> {
  const role = pg.escapeIdentifier(place.role);
  // Another database of the cluster may have made it for the same tenant.
  const { rows } = await client.query('select from pg_catalog.pg_roles as r where r.rolname = $1', [
    place.role,
  ]);
  if (rows.length === 0) {
    await client.query(`create role ${role} nologin`);
  }
  await client.query(`grant ${role} to ${pg.escapeIdentifier(service)}${await membershipOptions(client)}`);
  await client.query(`create schema ${pg.escapeIdentifier(place.schema)} authorization tenant_owner`);
  await migrateInside(client, { ...place, ...(count === undefined ? {} : { count }) });
}

/** The same with all migrations, and filled on the way. */
export async function createPlace(
  client: pg.Client,
  service: string,
  place: Place,
  filling: Filling | null,
): Promise<void> {
  await openPlace(client, service, place, filling?.migrations);
  if (filling) {
    await filling.fill(client, place);
    await migrateInside(client, place);
  }
}

/**
 * Creates a tenant: its registry row, domains, role, schema, tables and
 * policies, and the rows that it is filled with, in one transaction. A failure,
 * and the death of this process, leave nothing of it.
 *
 * @throws DomainError `schema_name_taken` or `domain_taken`, and what `fill` throws
 */
export async function provisionTenant(
  owner: pg.ClientConfig,
  service: string,
  tenant: NewTenant,
  filling: Filling | null = null,
): Promise<TenantId> {
  return explainTaken(tenant, () =>
    withOwner(owner, async (client) => {
      const place = await insertTenant(client, tenant, MAIN);
      await createPlace(client, service, place, filling);
      return place.id;
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
