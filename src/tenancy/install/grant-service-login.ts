import type pg from 'pg';

import { membershipOptions } from './membership.ts';

/**
 * Makes the service's login, and no other login, a member of every tenant role of this database.
 * DATABASE_URL may name another login than at the last installation. Its other rights come from
 * grants.sql and hardening.sql.
 */
export async function grantServiceLogin(client: pg.Client, service: string): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `with former as (
       select i.service, exists (select from pg_catalog.pg_roles as r where r.rolname = i.service) as exists
       from tenancy.installation as i
       where i.service <> $1
     )
     select format('revoke all on all functions in schema tenancy from %I', f.service) as statement
     from former as f
     where f.exists
     union all
     select format('revoke all on function pg_catalog.set_config(text, text, boolean) from %I', f.service)
     from former as f
     where f.exists
     union all
     select format('revoke connect on database %I from %I', current_database(), f.service)
     from former as f
     where f.exists
     union all
     select format('revoke %I from %I', t.role_name, f.service)
     from former as f
     cross join public.tenants as t
     join pg_catalog.pg_roles as r on r.rolname = t.role_name
     where f.exists
     union all
     select format('grant %I to %I%s', t.role_name, $1::text, $2::text)
     from former as f
     cross join public.tenants as t
     join pg_catalog.pg_roles as r on r.rolname = t.role_name`,
    [service, await membershipOptions(client)],
  );
  for (const { statement } of rows) {
    await client.query(statement);
  }
}
