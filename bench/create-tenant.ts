/**
 * Compares creating a tenant with its plain DDL in one script, and with claiming a spare:
 *   node bench/create-tenant.ts
 */
import { randomUUID } from 'node:crypto';

import pg from 'pg';

import { withAdminConnection } from '../src/db/admin/admin-connection.ts';
import { keepSpares } from '../src/tenancy/fleet/spares.ts';
import { claimSpare } from '../src/tenancy/lifecycle/claim-spare.ts';
import { provisionTenant } from '../src/tenancy/lifecycle/provision.ts';
import { statementsOf } from '../src/tenancy/migrations/apply-migrations.ts';
import { loadTenantMigrations } from '../src/tenancy/migrations/tenant-migrations.ts';
import { parseDomainName, parseSchemaName } from '../src/tenancy/registry/tenant.ts';
import { bench, type Figure, median, timed } from './bench.ts';

const ROUNDS = 40;
const SPARES = 15;

await bench('create-tenant', async (world): Promise<readonly Figure[]> => {
  const migrations = await loadTenantMigrations(world.fleet.project);
  const client = new pg.Client(world.owner);
  await client.connect();
  const files: string[] = [];
  for (const migration of migrations) {
    const { texts } = await statementsOf(client, migration, 'up');
    files.push(...texts.map((text) => text.replaceAll(/\bconcurrently\b/gi, '')));
  }
  const ofKind = async (kind: 'r' | 'S'): Promise<readonly string[]> => {
    const { rows } = await client.query<{ name: string }>(
      `select c.relname as name
       from pg_class as c
       where c.relnamespace = 'acme'::regnamespace
         and c.relkind = $1`,
      [kind],
    );
    return rows.map(({ name }) => name);
  };
  const [tables, sequences] = [await ofKind('r'), await ofKind('S')];

  const bare = new Map<string, string>();

  /** Runs the DDL of a tenant, including its migration history, without any lookup or registration. */
  const bareDdl = (schema: string): Promise<unknown> => {
    const role = `t_${randomUUID().replaceAll('-', '')}`;
    bare.set(schema, role);
    const protect = tables.map(
      (table) => `
        alter table ${table} enable row level security;
        alter table ${table} force row level security;
        create policy same_tenant on ${table} using ((select tenancy.current_tenant() = '${role}'));
        grant select, insert, update, delete on ${table} to ${role};`,
    );
    return withAdminConnection(world.owner, (client) =>
      client.query(`
        create role ${role} nologin;
        grant ${role} to ${world.service};
        create schema ${schema} authorization tenant_owner;
        set local role tenant_owner;
        create table tenancy_migrations.${role} (
          id integer not null default nextval('tenancy_migrations.ids'),
          name varchar(255) primary key,
          run_on timestamp not null
        );
        set local search_path = ${schema};
        ${files.join('\n;\n')};
        ${protect.join('\n')}
        grant usage on sequence ${sequences.join(', ')} to ${role};
        grant usage on schema ${schema} to ${role};`),
    );
  };
  const create = (schema: string): Promise<unknown> =>
    provisionTenant(world.owner, world.fleet, {
      schema: parseSchemaName(schema),
      name: schema,
      domains: [parseDomainName(`${schema}.localhost`)],
    });

  const times = {
    bare: [] as number[],
    create: [] as number[],
    claim: [] as number[],
    whole: [] as number[],
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.bare.push(await timed(() => bareDdl(`bare${round}`)));
    times.create.push(await timed(() => create(`made${round}`)));
  }

  await keepSpares(world.owner, world.fleet, 2 * SPARES, new AbortController().signal);
  for (let spare = 0; spare < SPARES; spare += 1) {
    const tenant = {
      schema: parseSchemaName(`claimed${spare}`),
      name: 'claimed',
      domains: [parseDomainName(`claimed${spare}.localhost`)],
    };
    times.claim.push(
      await timed(async () => {
        await client.query('begin');
        await claimSpare(client, tenant, migrations);
        await client.query('commit');
      }),
    );
  }
  await client.end();
  for (let spare = 0; spare < SPARES; spare += 1) {
    times.whole.push(await timed(() => create(`taken${spare}`)));
  }

  // Roles belong to the cluster. No tenant row names these, so dropping the world would leave them.
  for (const [schema, role] of bare) {
    await world.asOwner(`drop schema ${schema} cascade; drop owned by ${role}; drop role ${role}`);
  }
  return [
    { name: 'bare DDL, one script', value: median(times.bare), unit: 'ms', target: null },
    { name: 'create a tenant', value: median(times.create), unit: 'ms', target: null },
    {
      name: 'create a tenant / bare DDL',
      value: median(times.create) / median(times.bare),
      unit: 'x',
      target: 1.5,
    },
    { name: 'claim a spare: its transaction', value: median(times.claim), unit: 'ms', target: 5 },
    {
      name: 'create a tenant where there is a spare, connecting included',
      value: median(times.whole),
      unit: 'ms',
      target: null,
    },
  ];
});
process.exit();
