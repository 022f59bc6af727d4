import pg from 'pg';
import { createEmptySchema } from '../src/tenancy/lifecycle/create-schema.ts';
import { parseSchemaName, roleOf, tenantId } from '../src/tenancy/registry/tenant.ts';
import type { Member, World } from '../test/helpers/world.ts';
import { fillTenants, type User } from './sides.ts';

/** The tables that a GET of one project and its user check read. */
const TABLES = ['users', 'sessions', 'projects'];

const REGISTRY_COLUMNS = 'migrated_to, concurrent_to, migrations_applied, transactional_applied';
/** Number of tenants that are registered and filled in one transaction. `protect_schema` needs a transaction for each tenant. */
const BATCH = 50;
const WORKERS = 2;

export type FleetWorld = Pick<World, 'acme' | 'asOwner' | 'owner' | 'service'>;

/** Registers tenants with a domain each. */
async function register(client: pg.Client, numbers: readonly number[]): Promise<readonly Member[]> {
  const { rows } = await client.query<{ id: string; schema_name: string }>(
    `insert into public.tenants (schema_name, name, ${REGISTRY_COLUMNS})
     select 'slim_' || n, 'slim_' || n, ${REGISTRY_COLUMNS}
     from public.tenants
     cross join unnest($1::integer[]) as n
     where schema_name = 'acme'
     returning id, schema_name`,
    [numbers],
  );
  const members = rows.map(({ id: found, schema_name: name }) => {
    const id = tenantId.parse(found);
    return {
      id,
      schema: parseSchemaName(name),
      role: roleOf(id),
      host: `${name.replaceAll('_', '-')}.localhost`,
    };
  });
  await client.query(
    `insert into public.domains (domain, tenant_id, is_primary)
     select host, id, true
     from unnest($1::text[], $2::uuid[]) as t (host, id)`,
    [members.map(({ host }) => host), members.map(({ id }) => id)],
  );
  return members;
}

async function createTables(client: pg.Client, { schema, role }: Member, like: Member): Promise<void> {
  await client.query(
    [
      'set local role tenant_owner',
      ...TABLES.map(
        (table) => `create table ${schema}.${table} (like ${like.schema}.${table} including all)`,
      ),
      `create table tenancy_migrations.${role} (like tenancy_migrations.${like.role} including all)`,
      `insert into tenancy_migrations.${role} select * from tenancy_migrations.${like.role}`,
      `select tenancy.protect_schema('${schema}')`,
      'reset role',
    ].join('; '),
  );
}

/**
 * Creates `count` tenants with three of the tables of acme, without foreign keys: 10,000 tenants with all tables would be
 * 150,000 tables. Everything else, such as registry, domain, role, policies and migration history, is that of a tenant.
 * Each has a user with a session, and `projects` rows.
 */
export async function addSlimTenants(
  world: FleetWorld,
  { count, projects }: Readonly<{ count: number; projects: number }>,
): Promise<readonly User[]> {
  const batches = Array.from({ length: Math.ceil(count / BATCH) }, (_, batch) =>
    Array.from(
      { length: Math.min(BATCH, count - batch * BATCH) },
      (_each, index) => batch * BATCH + index + 1,
    ),
  );
  const users: User[] = [];
  const work = async (): Promise<void> => {
    const client = new pg.Client(world.owner);
    await client.connect();
    try {
      for (let batch = batches.shift(); batch; batch = batches.shift()) {
        const members = await register(client, batch);
        for (const member of members) {
          await client.query('begin');
          await createEmptySchema(client, member, world.service);
          await createTables(client, member, world.acme);
          await client.query('commit');
        }
        await client.query('begin');
        const run: World['asOwner'] = async (text, values) => (await client.query(text, values)).rows;
        users.push(...(await fillTenants(run, members, projects)));
        await client.query('commit');
      }
    } finally {
      await client.end();
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return users;
}
