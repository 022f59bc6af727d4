/**
 * Measures the memory of the process that migrates 5,000 tenants, and of its backends:
 *   node --expose-gc bench/migrate-memory.ts
 *
 * The tenants have one table each and no users: the result does not depend on their content.
 */
import { readFile } from 'node:fs/promises';

import { migrate } from '../src/tenancy/fleet/migrate.ts';
import { loadTenantMigrations, type TenantMigration } from '../src/tenancy/migrations/tenant-migrations.ts';
import type { World } from '../test/helpers/world.ts';
import { bench } from './bench.ts';

const TENANTS = Number(process.argv[2] ?? 5_000);
const BATCH = 50;

async function fill(world: World): Promise<void> {
  for (let first = 0; first < TENANTS; first += BATCH) {
    await world.asOwner(`
      do $$
      declare
        v_tenant record;
      begin
        for v_tenant in
          insert into public.tenants (schema_name, name, migrated_to, migrations_applied)
          select 'bench_' || n, 'bench', a.migrated_to, a.migrations_applied
          from generate_series(${first}, ${first + BATCH - 1}) as n
          cross join public.tenants as a
          where a.schema_name = 'acme'
          returning schema_name, role_name
        loop
          execute format('create role %I nologin', v_tenant.role_name);
          execute format('create schema %I authorization tenant_owner', v_tenant.schema_name);
          execute format('create table %I.notes (id bigint primary key, name text not null)', v_tenant.schema_name);
          execute format('alter table %I.notes owner to tenant_owner', v_tenant.schema_name);
          execute format(
            'create table tenancy_migrations.%I as select m.id, m.name, m.run_on from tenancy_migrations.%I as m',
            v_tenant.role_name,
            (select a.role_name from public.tenants as a where a.schema_name = 'acme')
          );
          execute format('alter table tenancy_migrations.%I owner to tenant_owner', v_tenant.role_name);
          execute format(
            'alter table tenancy_migrations.%I alter id set default nextval(''tenancy_migrations.ids'')',
            v_tenant.role_name
          );
        end loop;
      end
      $$`);
  }
}

/** Returns the private memory of a process in MB. */
async function ownMemory(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^RssAnon:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
}

await bench('migrate-memory', async (world) => {
  await fill(world);
  const column: TenantMigration = {
    name: '29990101000000000_colour',
    app: 'fixture_notes',
    on: ['tenant'],
    concurrent: false,
    up: (pgm) => pgm.sql('alter table notes add column colour text'),
    down: null,
  };
  const heap: number[] = [];
  let tenants = 0;
  let backend = 0;
  const samples: Promise<void>[] = [];
  const sample = async (): Promise<void> => {
    for (const { pid } of await world.asOwner<{ pid: number }>(
      `select a.pid from pg_stat_activity as a where a.application_name = 'koa-tenants migrate'`,
    )) {
      backend = Math.max(backend, await ownMemory(pid));
    }
  };
  const start = performance.now();
  await migrate(world.owner, world.fleet, {
    migrations: [...(await loadTenantMigrations(world.fleet.project)), column],
    onTenant: () => {
      tenants += 1;
      if (tenants % 500 === 0) {
        globalThis.gc?.();
        heap.push(process.memoryUsage().heapUsed / 2 ** 20);
      }
      if (tenants % 100 === 0) {
        samples.push(sample());
      }
    },
  });
  const duration = performance.now() - start;
  await Promise.all(samples);
  const roles = await world.asOwner<{ role_name: string }>(
    `select role_name from public.tenants where schema_name like 'bench\\_%'`,
  );
  console.log(`${roles.length} tenants migrated.`);
  return [
    { name: `tenants`, value: tenants, unit: 'tenants', target: null },
    { name: 'time', value: duration / tenants, unit: 'ms a tenant', target: null },
    { name: 'heap after 500 tenants', value: heap[0] ?? 0, unit: 'MB', target: null },
    { name: 'heap after the last', value: heap.at(-1) ?? 0, unit: 'MB', target: null },
    {
      name: 'growth of the heap in between, a thousand tenants',
      value: ((heap.at(-1) ?? 0) - (heap[0] ?? 0)) / ((tenants - 500) / 1000),
      unit: 'MB',
      target: 1,
    },
    { name: 'largest backend', value: backend, unit: 'MB', target: null },
  ];
});
process.exit();
