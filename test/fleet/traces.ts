import type { World } from '../helpers/world.ts';

/** Every registry row, domain, schema and ledger there is: the same before and after what leaves nothing. */
export const traces = (where: Pick<World, 'asOwner'>): Promise<unknown> =>
  where.asOwner(`
    select (select json_agg(t.schema_name order by t.schema_name) from public.tenants as t) as tenants,
           (select json_agg(d.domain order by d.domain) from public.domains as d) as domains,
           (select json_agg(n.nspname order by n.nspname) from pg_namespace as n where n.nspname !~ '^pg_') as schemas,
           (select count(*) from pg_class as c where c.relnamespace = 'tenancy_migrations'::regnamespace) as ledgers`);
