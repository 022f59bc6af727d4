import pg from 'pg';
import { z } from 'zod';

import { hasSqlState, SQLSTATE } from '../../db/sqlstate.ts';
import type { Installation } from '../install/install.ts';
import { isOfNewerRelease } from '../install/is-of-newer-release.ts';
import type { ContextMode } from '../install/shared-files.ts';
import { migrationsOn, type TenantMigration } from '../migrations/tenant-migrations.ts';
import type { SchemaKind, TenancyProject } from '../registry/project.ts';
import { type DomainName, tenantRow } from '../registry/tenant.ts';
import { RECORDED_DIGESTS, type RecordedDigests } from './changed-files.ts';

export type Fleet = Installation &
  Readonly<{
    siteDomains: readonly DomainName[];
    /** Its apps determine the tables of the tenants. */
    project: TenancyProject;
  }>;

const behindTenant = tenantRow
  .unwrap()
  .pick({ id: true, schema: true, role: true, migratedTo: true, concurrentTo: true })
  .readonly();

/** A tenant that is not at its target version. */
export type BehindTenant = z.infer<typeof behindTenant>;

export type FleetState = Readonly<{
  fingerprint: string;
  contextMode: ContextMode;
  service: string;
  keysKnown: boolean;
  /** Whether the shared schema is of a newer release than this code. */
  newer: boolean;
  /** The logins of the lanes, in order. */
  laneLogins: ReadonlyArray<Readonly<{ login: string; isShared: boolean }>>;
  /** Extensions in the schema `extensions`. */
  extensions: readonly string[];
  /** The names of the shared migrations that were applied. */
  shared: readonly string[];
  /** The names of the global migrations that were applied. */
  global: readonly string[];
  /** Digests of the files of applied migrations. */
  digests: RecordedDigests;
  hasSite: boolean;
  /** Whether there is a tenant other than the public site. */
  hasTenants: boolean;
  /** Spares come last, because no user waits for them. */
  behind: readonly BehindTenant[];
  /** Ids of tenants that have a recorded failure and are at their target: the migration that failed was removed. */
  recovered: readonly string[];
  /** Whether the requested schema belongs to a tenant. */
  named: boolean;
}>;

/** Nothing is installed, or an earlier release is. */
const NOT_INSTALLED = [
  SQLSTATE.INVALID_SCHEMA_NAME,
  SQLSTATE.UNDEFINED_TABLE,
  SQLSTATE.UNDEFINED_FUNCTION,
  SQLSTATE.UNDEFINED_COLUMN,
] as const;

const QUERY = `
  select
    i.fingerprint,
    i.context_mode as "contextMode",
    i.service,
    (select coalesce(array_agg(m.name::text), '{}') from tenancy_migrations.shared as m) as shared,
    (select coalesce(array_agg(m.name), '{}') from tenancy_migrations.global as m) as global,
    ${RECORDED_DIGESTS} as digests,
    (
      select coalesce(jsonb_agg(jsonb_build_object('login', l.login, 'isShared', l.is_shared) order by l.lane), '[]')
      from tenancy.lane_logins as l
    ) as "laneLogins",
    (
      select coalesce(array_agg(e.extname::text), '{}')
      from pg_catalog.pg_extension as e
      join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
      where n.nspname = 'extensions'
    ) as extensions,
    (
      select count(*) = cardinality($1::text[])
        and coalesce(bool_and(tenancy.pad(($2::bytea[])[array_position($1::text[], k.id)], 54) = k.inner_pad), true)
      from tenancy.keys as k
      where k.purpose = 'proof'
    ) as "keysKnown",
    exists (
      select
      from public.domains as d
      join public.tenants as t on t.id = d.tenant_id
      where t.schema_name = 'site'
    ) as "hasSite",
    exists (
      select
      from public.tenants as t
      where t.type <> 'site'
        and t.status <> 'deleted'
        and t.database = i.database
    ) as "hasTenants",
    n.behind,
    n.recovered,
    exists (
      select
      from public.tenants as t
      where t.schema_name = $3
        and t.database = i.database
        and t.status <> 'deleted'
    ) as named
  from tenancy.installation as i
  cross join lateral (
    select
      coalesce(
        jsonb_agg(
          jsonb_build_object(
            'id', t.id,
            'schema', t.schema_name,
            'role', t.role_name,
            'migratedTo', t.migrated_to,
            'concurrentTo', t.concurrent_to
          )
          order by t.status = 'spare', t.schema_name
        ) filter (where v.is_behind),
        '[]'
      ) as behind,
      coalesce(array_agg(t.id) filter (where v.is_behind is not true), '{}') as recovered
    from public.tenants as t
    join jsonb_to_recordset($4::jsonb) as g (site boolean, transactional text, concurrent text, total integer)
      on g.site = (t.type = 'site')
    left join tenancy.migration_failures as f on f.tenant_id = t.id
    cross join lateral (
      select case
        when $5::boolean then
          t.migrated_to is distinct from g.transactional
          or t.concurrent_to is distinct from g.concurrent
        else
          coalesce(t.migrated_to < g.transactional collate "C", g.transactional is not null and t.migrated_to is null)
          or coalesce(t.concurrent_to < g.concurrent collate "C", g.concurrent is not null and t.concurrent_to is null)
          or t.migrations_applied < g.total
      end as is_behind
    ) as v
    where t.status <> 'deleted'
      and t.database = i.database
      and ($3::text is null or t.schema_name = $3)
      and (
        v.is_behind
        or f.tenant_id is not null
      )
  ) as n`;

/** The schema version of a fully migrated tenant. */
function targetVersion(kind: SchemaKind, migrations: readonly TenantMigration[], to: string | undefined) {
  const names = migrationsOn(kind, migrations).filter(({ name }) => to === undefined || name <= to);
  return {
    site: kind === 'site',
    transactional: names.findLast(({ concurrent }) => !concurrent)?.name ?? null,
    concurrent: names.findLast(({ concurrent }) => concurrent)?.name ?? null,
    total: names.length,
  };
}

/**
 * Reads the state of the whole fleet in one query. Returns null before the first installation, and
 * before the first one of this release.
 *
 * A tenant that a newer release has migrated further is not behind, unless `to` names its target.
 */
export async function readFleetState(
  owner: pg.ClientConfig,
  fleet: Fleet,
  {
    migrations,
    to,
    schema,
  }: { migrations: readonly TenantMigration[]; to?: string | undefined; schema: string | null },
): Promise<FleetState | null> {
  const client = new pg.Client({ ...owner, application_name: 'koa-tenants migrate' });
  client.on('error', () => {});
  await client.connect();
  const keys = [...fleet.keys].sort((a, b) => (a.id < b.id ? -1 : 1));
  try {
    const { rows } = await client.query<Omit<FleetState, 'newer'>>(QUERY, [
      keys.map(({ id }) => id),
      keys.map(({ secret }) => secret),
      schema,
      JSON.stringify([targetVersion('tenant', migrations, to), targetVersion('site', migrations, to)]),
      to !== undefined,
    ]);
    const [row] = rows;
    if (!row) {
      return null;
    }
    const { behind, ...state } = row;
    return {
      ...state,
      behind: z.array(behindTenant).parse(behind),
      newer: await isOfNewerRelease(row.shared),
    };
  } catch (error) {
    if (hasSqlState(error, ...NOT_INSTALLED)) {
      return null;
    }
    throw error;
  } finally {
    await client.end();
  }
}
