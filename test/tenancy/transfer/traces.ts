import type { World } from '../../helpers/world.ts';

type Side = Pick<World, 'asOwner'>;

/** Returns every registry row, domain and schema, and the number of migration histories. */
export const traces = (where: Side): Promise<unknown> =>
  where.asOwner(`
    select (select json_agg(t.schema_name order by t.schema_name) from public.tenants as t) as tenants,
           (select json_agg(d.domain order by d.domain) from public.domains as d) as domains,
           (select json_agg(n.nspname order by n.nspname) from pg_namespace as n where n.nspname !~ '^pg_') as schemas,
           (select count(*) from pg_class as c where c.relnamespace = 'tenancy_migrations'::regnamespace) as histories`);

/** Returns the replication objects of online moves in these databases. */
export async function leftovers(...sides: readonly Side[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const side of sides) {
    const rows = await side.asOwner<{ what: string }>(`
      select 'slot ' || slot_name as what from pg_replication_slots where database = current_database()
      union all
      select 'publication ' || pubname from pg_publication
      union all
      select 'subscription ' || s.subname from pg_subscription as s
      join pg_database as d on d.oid = s.subdbid where d.datname = current_database()`);
    found.push(...rows.map(({ what }) => what));
  }
  return found;
}

export const hasSchema = async (side: Side, schema: string): Promise<boolean> =>
  (await side.asOwner('select from pg_namespace where nspname = $1', [schema])).length > 0;
