import pg from 'pg';

import { hasSqlState, SQLSTATE } from '../../src/db/sqlstate.ts';

/** Removes the templates of a run from a server that outlives it. `run` is the value of TEST_TEMPLATES. */
export async function dropTemplates(server: string, run: string): Promise<void> {
  const connect = async (database: string): Promise<pg.Client> => {
    const url = Object.assign(new URL(server), { pathname: `/${database}` });
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    return client;
  };
  const client = await connect('postgres');
  try {
    const { rows: templates } = await client.query<{ name: string }>(
      'select d.datname as name from pg_catalog.pg_database as d where starts_with(d.datname, $1)',
      [`kt_template_${run}_`],
    );
    for (const { name } of templates) {
      const inside = await connect(name);
      const { rows: tenants } = await inside
        .query<{ role: string }>('select t.role_name as role from public.tenants as t')
        .catch((error: unknown) => {
          // An installation that failed has no such table.
          if (hasSqlState(error, SQLSTATE.UNDEFINED_TABLE)) {
            return { rows: [] };
          }
          throw error;
        })
        .finally(() => inside.end());
      await client.query(`alter database ${name} is_template false`);
      await client.query(`drop database ${name} with (force)`);
      for (const role of [...tenants.map((tenant) => tenant.role), name.replace('kt_template_', 'app_')]) {
        await client.query(`drop role if exists ${role}`);
      }
    }
  } finally {
    await client.end();
  }
}
