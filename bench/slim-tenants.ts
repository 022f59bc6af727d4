import { withAdminConnection } from '../src/db/admin/admin-connection.ts';
import { createEmptySchema } from '../src/tenancy/lifecycle/create-schema.ts';
import { roleOf, tenantId } from '../src/tenancy/registry/tenant.ts';
import type { Member, World } from '../test/helpers/world.ts';

/** The tables that a GET of one project and its user check read. */
const TABLES = ['users', 'sessions', 'projects'];

const REGISTRY_COLUMNS = 'migrated_to, concurrent_to, migrations_applied, transactional_applied';

/**
 * Creates `count` tenants with three of the tables of acme, without foreign keys: 10,000 tenants with all tables would be
 * 150,000 tables. Everything else, such as registry, domain, role, policies and migration history, is that of a tenant.
 */
export function addSlimTenants(world: World, count: number): Promise<readonly Member[]> {
  return withAdminConnection(world.owner, async (client) => {
    const members: Member[] = [];
    for (let number = 1; number <= count; number += 1) {
      const [schema, host] = [`slim_${number}`, `slim-${number}.localhost`];
      await client.query('begin');
      const { rows } = await client.query<{ id: string }>(
        `insert into public.tenants (schema_name, name, ${REGISTRY_COLUMNS})
         select $1, $1, ${REGISTRY_COLUMNS}
         from public.tenants
         where schema_name = 'acme'
         returning id`,
        [schema],
      );
      const id = tenantId.parse(rows[0]?.id);
      const role = roleOf(id);
      await client.query('insert into public.domains (domain, tenant_id, is_primary) values ($1, $2, true)', [
        host,
        id,
      ]);
      await createEmptySchema(client, { schema: schema as Member['schema'], role }, world.service);
      await client.query(
        [
          'set local role tenant_owner',
          ...TABLES.map((table) => `create table ${schema}.${table} (like acme.${table} including all)`),
          `create table tenancy_migrations.${role} (like tenancy_migrations.${world.acme.role} including all)`,
          `insert into tenancy_migrations.${role} select * from tenancy_migrations.${world.acme.role}`,
          `select tenancy.protect_schema('${schema}')`,
          'reset role',
        ].join('; '),
      );
      await client.query('commit');
      members.push({ id, schema: schema as Member['schema'], role, host });
    }
    return members;
  });
}
