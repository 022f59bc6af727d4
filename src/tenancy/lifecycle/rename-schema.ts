import pg from 'pg';

/**
 * Renames a tenant's schema inside the transaction of `client`, and the schema in the path of every
 * function with `set search_path from current`: PostgreSQL stores that path as text.
 */
export async function renameSchema(client: pg.ClientBase, from: string, to: string): Promise<void> {
  const [before, after] = [pg.escapeLiteral(from), pg.escapeLiteral(to)];
  await client.query(`
    do $rename$
    declare
      v_routine record;
    begin
      execute pg_catalog.format('alter schema %I rename to %I', ${before}, ${after});
      for v_routine in
        select
          f.oid::pg_catalog.regprocedure as identity,
          (
            select pg_catalog.string_agg(
              case
                when pg_catalog.btrim(e.element, ' "') = ${before} then pg_catalog.quote_ident(${after})
                else e.element
              end,
              ','
              order by e.place
            )
            from pg_catalog.string_to_table(pg_catalog.substr(c.setting, 13), ',') with ordinality
              as e (element, place)
          ) as path
        from pg_catalog.pg_namespace as n
        join pg_catalog.pg_depend as d
          on d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
          and d.refobjid = n.oid
          and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
        join pg_catalog.pg_proc as f on f.oid = d.objid
        cross join lateral pg_catalog.unnest(f.proconfig) as c (setting)
        where n.nspname = ${after}
          and c.setting like 'search\\_path=%'
      loop
        execute pg_catalog.format('alter routine %s set search_path = %s', v_routine.identity, v_routine.path);
      end loop;
    end
    $rename$`);
}
