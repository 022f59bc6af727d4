import type pg from 'pg';

import type { Finding } from '../../db/checks.ts';
import { rowLimitsOf, type TenancyProject } from '../registry/project.ts';

/** Tenants whose table has no trigger for its limit. `tables` counts those that have the table. */
type Row = Readonly<{ setting: string; name: string; first: string; tenants: number; tables: number }>;

/**
 * Returns a finding for each limit of rows whose table lacks the trigger that enforces it: the setting would be
 * accepted, and have no effect.
 */
export async function checkLimits(
  client: pg.ClientBase,
  project: Pick<TenancyProject, 'apps'>,
): Promise<readonly Finding[]> {
  const limits = Object.entries(
    rowLimitsOf({ apps: project.apps.filter(({ on }) => on.includes('tenant')) }),
  );
  const { rows } = await client.query<Row>(
    `select
       l.setting,
       l.name,
       min(t.schema_name) as first,
       count(*)::integer as tenants,
       count(c.oid)::integer as tables
     from unnest($1::text[], $2::text[]) as l (setting, name)
     cross join public.tenants as t
     join pg_catalog.pg_namespace as n on n.nspname = t.schema_name
     left join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = l.name
     where t.status <> 'deleted'
       and t.type <> 'site'
       and t.database = (select i.database from tenancy.installation as i)
       and not exists (
         select
         from pg_catalog.pg_trigger as g
         where g.tgrelid = c.oid
           and g.tgfoid = 'tenancy.limit_rows()'::regprocedure
           and g.tgenabled in ('O', 'A')
           and g.tgargs = convert_to(l.setting, 'UTF8') || '\\x00'::bytea
       )
     group by l.setting, l.name
     order by l.setting`,
    [limits.map(([setting]) => setting), limits.map(([, name]) => name)],
  );
  return rows.map(({ setting, name, first, tenants, tables }) => ({
    check: 'row-limits',
    severity: 'fault',
    object: `table ${name}`,
    fault: `${tables === 0 ? 'does not exist' : `has no trigger for the limit ${setting}`} in ${tenants === 1 ? `tenant ${first}` : `${tenants} tenants, such as ${first}`}`,
    remedy:
      tables === 0
        ? `correct the table of ${setting} in \`limits\` of defineApp(), or run \`tenants migrate\``
        : `write a tenant migration: create trigger ${name}__limit after insert on ${name} for each statement execute function tenancy.limit_rows('${setting}')`,
  }));
}
