/**
 * Measures one added column in a fleet, compared with one process for each tenant and with one
 * psql session that sends the same SQL. Also measures a fleet without pending migrations, and
 * memory:
 *   node bench/migrate-fleet.ts
 *
 * Requires psql on the path.
 */
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { migrate } from '../src/tenancy/fleet/migrate.ts';
import { provisionTenant } from '../src/tenancy/lifecycle/provision.ts';
import { loadTenantMigrations, type TenantMigration } from '../src/tenancy/migrations/tenant-migrations.ts';
import { parseDomainName, parseSchemaName } from '../src/tenancy/registry/tenant.ts';
import { recordQueries } from '../test/helpers/record-queries.ts';
import { environmentOf } from '../test/helpers/server.ts';
import { makeWorkingCopy } from '../test/helpers/working-copy.ts';
import type { World } from '../test/helpers/world.ts';
import { bench, type Figure, median, timed } from './bench.ts';

const TENANTS = Number(process.argv[2] ?? 1_000);
const ROUNDS = 5;
/** Number of timed single-tenant processes, from which the rate is computed. */
const PROCESSES = 15;
const COLUMN = '29990101000000000_fixture_notes_colour';
const UP = 'alter table notes add column colour text';
const DOWN = 'alter table notes drop column colour';

const run = promisify(execFile);

async function fill(world: World): Promise<void> {
  for (let tenant = 0; tenant < TENANTS; tenant += 1) {
    await provisionTenant(world.owner, world.fleet, {
      schema: parseSchemaName(`bench_${tenant}`),
      name: 'bench',
      domains: [parseDomainName(`bench-${tenant}.localhost`)],
    });
  }
}

await bench('migrate-fleet', async (world): Promise<readonly Figure[]> => {
  await fill(world);
  const column: TenantMigration = {
    name: COLUMN,
    app: 'fixture_notes',
    on: ['tenant'],
    concurrent: false,
    up: (pgm) => pgm.sql(UP),
    down: (pgm) => pgm.sql(DOWN),
  };
  const migrations = [...(await loadTenantMigrations(world.fleet.project)), column];
  const forth = (jobs: number) => migrate(world.owner, world.fleet, { migrations, jobs });
  const back = () => migrate(world.owner, world.fleet, { migrations, jobs: 2, to: migrations.at(-2)?.name });

  // The script of the psql session: the statements without values that one job sends.
  const script = join(tmpdir(), `koa-tenants-bench-${process.pid}.sql`);
  const sent = (await recordQueries(() => forth(1))).filter(({ hasValues }) => !hasValues);
  await writeFile(script, sent.map(({ text }) => text).join(';\n'));
  await back();

  const copy = await makeWorkingCopy({
    'test/fixture-app/notes/migrations/29990101000000000_colour.ts': `
      import { tenantSql } from '../../../../src/tenancy/migrations/migration-sql.ts';
      export const up = tenantSql('colour.sql');`,
    'test/fixture-app/notes/sql/colour.sql': UP,
  });
  const cli = (...args: readonly string[]) =>
    run(process.execPath, [join(copy.folder, 'test/fixture-app/served-cli.ts'), 'migrate', ...args], {
      cwd: tmpdir(),
      env: { PATH: process.env.PATH, ...environmentOf(world) },
      maxBuffer: 2 ** 26,
    });

  const times = { one: [] as number[], two: [] as number[], psql: [] as number[], command: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.psql.push(
      await timed(() =>
        run('psql', ['-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-f', script, world.ownerUrl]),
      ),
    );
    await back();
    times.one.push(await timed(() => forth(1)));
    await back();
    times.two.push(await timed(() => forth(2)));
    await back();
    times.command.push(await timed(() => cli('--jobs', '2')));
    await back();
  }
  const processes = await timed(async () => {
    for (let tenant = 0; tenant < PROCESSES; tenant += 1) {
      await cli('--schema', `bench_${tenant}`);
    }
  });
  await back();
  const statements = (await readFile(script, 'utf8')).length;
  await rm(script);
  await copy.remove();

  const fleet = TENANTS + 2;
  const each = {
    process: processes / PROCESSES,
    command: median(times.command) / fleet,
  };
  return [
    { name: 'tenants, one column added in each', value: fleet, unit: 'tenants', target: null },
    { name: 'size of the SQL', value: statements / 1e6, unit: 'MB', target: null },
    { name: 'one psql session', value: median(times.psql) / fleet, unit: 'ms a tenant', target: null },
    { name: 'migrate, one job', value: median(times.one) / fleet, unit: 'ms a tenant', target: null },
    { name: 'migrate, two jobs', value: median(times.two) / fleet, unit: 'ms a tenant', target: null },
    {
      name: 'the command with two jobs, start-up included',
      value: each.command,
      unit: 'ms a tenant',
      target: null,
    },
    { name: 'one process a tenant', value: each.process, unit: 'ms a tenant', target: null },
    {
      name: 'rate of the command / one process a tenant',
      value: each.process / each.command,
      unit: 'x',
      target: 10,
      atLeast: true,
    },
    {
      name: 'time of migrate with one job / one psql session',
      value: median(times.one) / median(times.psql),
      unit: 'x',
      target: 1.5,
    },
    {
      name: 'time of the command with two jobs / one psql session',
      value: median(times.command) / median(times.psql),
      unit: 'x',
      target: 1.5,
    },
  ];
});
process.exit();
