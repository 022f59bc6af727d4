import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { chooseDatabase, MAIN } from '../registry/databases.ts';
import type { Databases } from '../registry/locate-tenant.ts';
import { roleOf, schemaName, tenantId } from '../registry/tenant.ts';
import { dropTenantSchema } from './drop-schema.ts';

export type RetainedCopy = Readonly<{ schema: string; database: string; keepUntil: string }>;

/**
 * Drops retained copies of moved tenants, of one schema or of all (null). Drops only those whose
 * retention has expired, or all with `now`. One transaction each.
 *
 * A tenant that main places in a database is never dropped there, whatever is recorded.
 */
export async function dropRetainedCopies(
  databases: Databases,
  { schema, now = false }: { schema: string | null; now?: boolean },
): Promise<readonly RetainedCopy[]> {
  const main = chooseDatabase(databases, MAIN);
  const dropped: RetainedCopy[] = [];
  for (const { name, owner } of Object.values(databases)) {
    const due = await withAdminConnection(owner, (client) =>
      client.query<{ id: string; schema: string; until: string }>(
        `select
           k.tenant_id as id,
           k.schema_name as schema,
           to_char(k.keep_until at time zone 'UTC', 'YYYY-MM-DD') as until
         from tenancy.retained_copies as k
         where ($1::text is null or k.schema_name = $1)
           and ($2 or k.keep_until < now())
         order by k.schema_name`,
        [schema, now],
      ),
    );
    for (const row of due.rows) {
      const placed = await withAdminConnection(main.owner, (registry) =>
        registry.query('select from public.tenants as t where t.id = $1 and t.database = $2', [row.id, name]),
      );
      if (placed.rows.length > 0) {
        continue;
      }
      const id = tenantId.parse(row.id);
      const identity = { id, schema: schemaName.parse(row.schema), role: roleOf(id) };
      await withAdminConnection(owner, async (client) => {
        await dropTenantSchema(client, identity);
        if (name !== MAIN) {
          await client.query('delete from public.tenants as t where t.id = $1', [id]);
        }
      });
      dropped.push({ schema: row.schema, database: name, keepUntil: row.until });
    }
  }
  return dropped;
}
