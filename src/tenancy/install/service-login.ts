import type pg from 'pg';

import { membershipOptions } from './membership.ts';

/** Creates the login of the service if it does not exist. */
export async function createServiceLogin(
  client: pg.Client,
  { service, servicePassword }: Readonly<{ service: string; servicePassword: string | null }>,
): Promise<void> {
  const { rows } = await client.query('select from pg_catalog.pg_roles where rolname = $1', [service]);
  if (rows.length === 0) {
    const password = servicePassword ? ` password ${client.escapeLiteral(servicePassword)}` : '';
    await client.query(`create role ${client.escapeIdentifier(service)} login noinherit${password}`);
  }
}

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

/**
 * Limits the temporary files of the service's login to 1 GiB for each process. Keeps an existing
 * limit, which the operator may have chosen. Only a superuser can set it.
 */
export async function limitTemporaryFiles(client: pg.Client, service: string): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `select format('alter role %I in database %I set temp_file_limit = %L', r.rolname, d.datname, '1GB') as statement
     from pg_catalog.pg_roles as r
     join pg_catalog.pg_database as d on d.datname = current_database()
     where r.rolname = $1
       and not exists (
         select
         from pg_catalog.pg_db_role_setting as s
         cross join lateral unnest(s.setconfig) as c (setting)
         where s.setrole = r.oid
           and s.setdatabase in (0, d.oid)
           and c.setting like 'temp\\_file\\_limit=%'
       )`,
    [service],
  );
  for (const { statement } of rows) {
    await client.query(statement);
  }
}
