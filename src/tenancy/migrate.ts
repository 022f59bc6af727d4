import pg from 'pg';

import { DomainError } from '../errors.ts';
import { type Carrier, type Installation, installShared, sharedFingerprint } from './install.ts';
import { migrateTenant } from './migrate-tenant.ts';
import { provisionTenant } from './provision.ts';
import { noSuchTenant } from './registry.ts';
import { migrationNames } from './run-migrations.ts';
import { type DomainName, SITE_SCHEMA } from './tenant.ts';

export type Fleet = Installation & Readonly<{ siteDomains: readonly DomainName[] }>;

export type MigrationReport = Readonly<{
  carrier: Carrier;
  /** Roles, keys, grants or hardening were made anew, whether or not a migration was due. */
  installed: boolean;
  shared: readonly string[];
  tenants: ReadonlyArray<Readonly<{ schema: string; applied: readonly string[] }>>;
}>;

type State = Readonly<{
  fingerprint: string;
  carrier: Carrier;
  service: string;
  keys_known: boolean;
  site_domains: readonly string[];
  behind: readonly string[];
  named: boolean;
}>;

/** Undefined schema, table, function or column: nothing is installed yet, or what older code made. */
const NOT_INSTALLED = new Set(['3F000', '42P01', '42883', '42703']);

/** How far everything is, in one query for the whole fleet; null before the first installation of this form. */
async function readState(owner: pg.ClientConfig, fleet: Fleet, schema: string | null): Promise<State | null> {
  const client = new pg.Client({ ...owner, application_name: 'koa-tenants migrate' });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<State>(
      `select
         i.fingerprint,
         i.carrier,
         i.service,
         (
           select count(*) = cardinality($1::text[])
             and coalesce(bool_and(tenancy.pad(($2::bytea[])[array_position($1::text[], k.id)], 54) = k.inner_pad), true)
           from tenancy.keys as k
           where k.purpose = 'proof'
         ) as keys_known,
         (
           select coalesce(array_agg(d.domain), '{}')
           from public.domains as d
           join public.tenants as t on t.id = d.tenant_id
           where t.schema_name = 'site'
         ) as site_domains,
         (
           select coalesce(array_agg(t.schema_name order by t.schema_name), '{}')
           from public.tenants as t
           where t.status <> 'deleted'
             and t.database = i.database
             and ($5::text is null or t.schema_name = $5)
             and t.migrated_to is distinct from case when t.schema_name = 'site' then $3 else $4 end
         ) as behind,
         exists (
           select
           from public.tenants as t
           where t.schema_name = $5
             and t.database = i.database
             and t.status <> 'deleted'
         ) as named
       from tenancy.installation as i`,
      [
        fleet.keys.map(({ id }) => id).sort(),
        [...fleet.keys].sort((a, b) => (a.id < b.id ? -1 : 1)).map(({ secret }) => secret),
        (await migrationNames('tenant', SITE_SCHEMA)).at(-1),
        (await migrationNames('tenant', 'any')).at(-1),
        schema,
      ],
    );
    return rows[0] ?? null;
  } catch (error) {
    if (NOT_INSTALLED.has((error as { code?: string }).code ?? '')) {
      return null;
    }
    throw error;
  } finally {
    await client.end();
  }
}

/**
 * Brings the shared schema and every tenant up to the code, one transaction a
 * tenant. With nothing to do it costs one query, however many tenants there are.
 *
 * Stops at the first tenant that fails, which stays as it was; those before it
 * keep what they got, so that running it again goes on from there.
 *
 * @throws DomainError `tenant_not_found` when `schema` names none
 */
export async function migrate(
  owner: pg.ClientConfig,
  fleet: Fleet,
  {
    shared = true,
    tenants = true,
    schema = null,
  }: { shared?: boolean; tenants?: boolean; schema?: string | null } = {},
): Promise<MigrationReport> {
  let state = await readState(owner, fleet, schema);
  let carrier = state?.carrier;
  let applied: readonly string[] = [];

  const outdated =
    !state ||
    state.fingerprint !== (await sharedFingerprint()) ||
    state.service !== fleet.service ||
    !state.keys_known ||
    (fleet.carrier !== 'auto' && fleet.carrier !== state.carrier);
  if (outdated) {
    if (!shared) {
      throw new DomainError(
        'precondition_failed',
        'The shared schema is behind the code: run `migrate --shared` first.',
      );
    }
    ({ carrier, applied } = await installShared(owner, fleet));
    state = await readState(owner, fleet, schema);
  }
  // Only main has a public site: a further database has no domains for one.
  if (shared && state && state.site_domains.length === 0 && fleet.siteDomains.length > 0) {
    await provisionTenant(owner, fleet.service, {
      schema: SITE_SCHEMA,
      name: 'Public site',
      domains: fleet.siteDomains,
    });
  }

  if (schema !== null && !state?.named) {
    throw noSuchTenant(schema);
  }

  const report: Array<{ schema: string; applied: readonly string[] }> = [];
  for (const behind of tenants ? (state?.behind ?? []) : []) {
    report.push({ schema: behind, applied: await migrateTenant(owner, behind) });
  }
  return { carrier: carrier ?? 'signed', installed: outdated, shared: applied, tenants: report };
}
