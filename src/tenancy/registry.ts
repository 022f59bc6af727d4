import type pg from 'pg';
import { z } from 'zod';

/** What operators see of a tenant. Read with the migrating login: the service may not. */
const registryRow = z
  .object({
    id: z.uuid(),
    schema_name: z.string(),
    name: z.string(),
    status: z.string(),
    type: z.string(),
    on_trial: z.boolean(),
    paid_until: z.string().nullable(),
    migrated_to: z.string().nullable(),
    domains: z.array(z.string()),
    created_at: z.date(),
  })
  .strict();

type RegistryRow = z.infer<typeof registryRow>;

/** Every tenant but the public site and the spares, by schema name; the primary domain first. */
export async function listTenants(client: pg.ClientBase): Promise<readonly RegistryRow[]> {
  const { rows } = await client.query(`
    select
      t.id,
      t.schema_name,
      t.name,
      t.status,
      t.type,
      t.on_trial,
      t.paid_until::text as paid_until,
      t.migrated_to,
      coalesce(
        array_agg(d.domain order by d.is_primary desc, d.domain) filter (where d.domain is not null),
        '{}'
      ) as domains,
      t.created_at
    from public.tenants as t
    left join public.domains as d on d.tenant_id = t.id
    where t.type <> 'site'
      and t.status <> 'spare'
    group by t.id
    order by t.schema_name
  `);
  return rows.map((row) => registryRow.parse(row));
}
