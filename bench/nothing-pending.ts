/**
 * Measures a fleet of 10,000 tenants without pending migrations. Only the registry has rows for
 * them: migrate reads nothing else.
 *   node bench/nothing-pending.ts
 */
import { migrate } from '../src/tenancy/fleet/migrate.ts';
import { bench, median, timed } from './bench.ts';

const TENANTS = 10_000;
const ROUNDS = 21;

await bench('nothing-pending', async (world) => {
  await world.asOwner('alter table public.tenants disable trigger tenants__notify');
  await world.asOwner(
    `insert into public.tenants (schema_name, name, migrated_to, migrations_applied)
     select 'bench_' || n, 'bench', t.migrated_to, t.migrations_applied
     from generate_series(1, ${TENANTS}) as n
     cross join public.tenants as t
     where t.schema_name = 'acme'`,
  );
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    times.push(await timed(() => migrate(world.owner, world.fleet)));
  }
  await world.asOwner(`delete from public.tenants where schema_name like 'bench\\_%'`);
  return [
    {
      name: `migrate with nothing pending, ${TENANTS} tenants, without start-up`,
      value: median(times),
      unit: 'ms',
      target: 100,
    },
    { name: 'the slowest', value: Math.max(...times), unit: 'ms', target: null },
  ];
});
process.exit();
