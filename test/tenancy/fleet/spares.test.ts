import { once } from 'node:events';
import { createInterface } from 'node:readline';
import test from 'ava';
import pg from 'pg';

import { runChecks } from '../../../src/db/checks.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { keepSpares } from '../../../src/tenancy/fleet/spares.ts';
import { provisionTenant } from '../../../src/tenancy/lifecycle/provision.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { run, start } from '../../cli/run.ts';
import { environmentOf, serve, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';
import { laterRelease, migration, undoMigrations } from './release.ts';

let world: World;
test.serial.before(async () => {
  world = await openWorld();
});
test.after.always(() => world?.close());

const keep = (wanted: number, signal = new AbortController().signal) =>
  keepSpares(world.owner, world.fleet, wanted, signal);
const create = (schema: string, ...domains: readonly string[]) =>
  provisionTenant(world.owner, world.fleet, {
    schema: parseSchemaName(schema),
    name: `The ${schema}`,
    domains: domains.map(parseDomainName),
    paidUntil: '2999-12-31',
    onTrial: false,
  });
type Spare = { id: string; schema_name: string; role_name: string; status: string };
const spares = () =>
  world.asOwner<Spare>(
    `select id, schema_name, role_name, status from public.tenants where status = 'spare' order by created_at`,
  );

test.serial('creates as many spares as are missing', async (t) => {
  t.deepEqual(await keep(2), { created: 2, migrated: 0 });
  t.deepEqual(await keep(2), { created: 0, migrated: 0 });
  t.is((await spares()).length, 2);
  t.deepEqual(await keep(1), { created: 0, migrated: 0 }, 'a surplus spare is kept');
  t.is((await spares()).length, 2);
});

test.serial('rejects entering a spare, and finds none by host', async (t) => {
  const [spare] = await spares();
  await t.throwsAsync(
    withTenant(world.tenantDatabase, { tenant: spare?.id as never, readOnly: true }, (tx) =>
      tx.any(raw('select id from notes')),
    ),
    { message: 'no such tenant' },
  );
  t.deepEqual(
    await world.asOwner('select d.domain from public.domains as d where d.tenant_id = $1', [spare?.id]),
    [],
  );
});

test.serial('creates a tenant from the oldest spare, with its id and role, and isolates it', async (t) => {
  const [spare] = await spares();
  const id = await create('initech', 'initech.localhost', 'www.initech.localhost');
  t.is(id, spare?.id as never);
  t.deepEqual(
    await world.asOwner(
      `select t.schema_name, t.role_name, t.name, t.status, t.on_trial, t.paid_until::text as paid_until,
              (select json_agg(d.domain order by d.is_primary desc) from public.domains as d where d.tenant_id = t.id) as domains,
              to_regnamespace($2) is null as renamed
       from public.tenants as t where t.id = $1`,
      [id, spare?.schema_name],
    ),
    [
      {
        schema_name: 'initech',
        role_name: spare?.role_name,
        name: 'The initech',
        status: 'active',
        on_trial: false,
        paid_until: '2999-12-31',
        domains: ['initech.localhost', 'www.initech.localhost'],
        renamed: true,
      },
    ],
  );
  const seen = await withTenant(world.tenantDatabase, { tenant: id, readOnly: false }, (tx) =>
    tx.any(raw(`insert into notes (name) values ('first') returning id, current_schema() as schema`)),
  );
  t.like(seen, [{ schema: 'initech' }]);
  const client = new pg.Client(world.owner);
  await client.connect();
  t.deepEqual(
    await runChecks(async (text) => (await client.query(text)).rows, { service: world.service }),
    [],
  );
  await client.end();
});

test.serial('serves a claimed spare immediately in a running service', async (t) => {
  const service = await serve(world);
  t.teardown(service.close);
  const detail = async () => (await service.request('hooli.localhost', 'GET', '/nowhere')).body.detail;
  t.is(await detail(), 'No such tenant.');
  await create('hooli', 'hooli.localhost');
  t.is(await until(detail, (found) => found !== 'No such tenant.'), 'Not found.');
});

test.serial('creates a tenant without a spare', async (t) => {
  t.deepEqual(await spares(), []);
  await create('umbrella', 'umbrella.localhost');
  t.deepEqual(await world.asOwner(`select to_regclass('umbrella.notes') is not null as there`), [
    { there: true },
  ]);
});

test.serial('keeps the spare when the name or the domain is taken', async (t) => {
  await keep(1);
  const before = await spares();
  await t.throwsAsync(create('acme', 'other.localhost'), { code: 'schema_name_taken' } as never);
  await t.throwsAsync(create('other', 'acme.localhost'), { code: 'domain_taken' } as never);
  await world.asOwner('create schema by_hand');
  await t.throwsAsync(create('by_hand', 'by-hand.localhost'), { code: 'schema_name_taken' } as never);
  t.deepEqual(await spares(), before);
});

test.serial('never claims one spare for two tenants that are created concurrently', async (t) => {
  await keep(3);
  const ids = await Promise.all(
    Array.from({ length: 6 }, (_, index) => create(`rush_${index}`, `rush-${index}.localhost`)),
  );
  t.is(new Set(ids).size, 6);
  t.deepEqual(await spares(), []);
});

test.serial('does not claim a spare that is behind, and migrates it with the fleet', async (t) => {
  await keep(1);
  const [spare] = await spares();
  const migrations = await laterRelease(
    migration(1, 'alter table notes add column colour text', {
      down: 'alter table notes drop column colour',
    }),
  );
  await world.asOwner(
    `update public.tenants set migrations_applied = 1, migrated_to = '20260101000000000_fixture_people' where id = $1`,
    [spare?.id],
  );
  t.not(await create('patient', 'patient.localhost'), spare?.id as never);
  t.deepEqual(await keep(1), { created: 0, migrated: 1 });
  const { tenants } = await migrate(world.owner, world.fleet, { migrations, jobs: 1 });
  t.true(tenants.some(({ schema }) => schema === spare?.schema_name));
  t.is(tenants.at(-1)?.schema, spare?.schema_name, 'after the requested tenants');
  await undoMigrations(world, migrations);
  t.is(await create('eager', 'eager.localhost'), spare?.id as never);
});

test.serial('keeps spares in one process at a time, and not while the shared schema is behind', async (t) => {
  // The first one waits for this lock, and has its own.
  const holder = new pg.Client(world.owner);
  await holder.connect();
  await holder.query('begin');
  await holder.query('lock table public.tenants in share mode');
  const first = keep(2);
  const waits = () =>
    world.asOwner(
      `select from pg_stat_activity
       where datname = current_database() and application_name = 'koa-tenants owner' and wait_event_type = 'Lock'`,
    );
  t.is((await until(waits, (found) => found.length === 1)).length, 1);
  t.is(await keep(2), null);
  await holder.end();
  t.deepEqual(await first, { created: 2, migrated: 0 });
  t.is((await spares()).length, 2);
  await world.asOwner(`update tenancy.installation set fingerprint = 'old'`);
  t.is(await keep(5), null);
  await world.alone(() => migrate(world.owner, world.fleet));
  t.is((await spares()).length, 2);
});

test.serial('stops between two spares', async (t) => {
  const ending = new AbortController();
  const running = keep(1_000, ending.signal);
  await until(spares, (found) => found.length >= 3);
  ending.abort();
  const report = await running;
  t.is((await spares()).length, 2 + (report?.created ?? 0));
  t.true((report?.created ?? 0) < 900);
});

const environment = (wanted: number) => environmentOf(world, { SPARE_TENANTS: String(wanted) });

test.serial('runs every job once with worker --once', async (t) => {
  await world.asOwner(`update public.tenants set status = 'active' where status = 'spare'`);
  const ran = await run('cli.ts', ['worker', '--once', '--json'], environment(1));
  t.is(ran.code, 0, ran.err);
  t.like(JSON.parse(ran.out), [{ job: 'spares', did: '1 created, 0 migrated', error: null }]);
  const again = await run('cli.ts', ['worker', '--once'], environment(1));
  t.deepEqual([again.code, again.out], [0, 'spares  nothing to do\noperations  nothing to do\n']);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test.serial(`replaces a claimed spare in the worker, and ends cleanly on ${signal}`, async (t) => {
    const child = await start('cli.ts', ['worker'], environment(2));
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    await until(spares, (found) => found.length === 2);
    await create(`taker_${signal.toLowerCase()}`, `taker-${signal.toLowerCase()}.localhost`);
    t.is((await until(spares, (found) => found.length === 2)).length, 2);
    child.kill(signal);
    const [code] = await once(child, 'close');
    t.is(code, 0);
    t.regex(output, /^spares {2}1 created, 0 migrated$/m);
  });
}

test.serial('reports and retries a job that fails, and exits 1 with --once', async (t) => {
  await world.asOwner(`
    create function public.refuse() returns trigger language plpgsql as $$
    begin if new.status = 'spare' then raise exception 'no spares today'; end if; return new; end $$;
    create trigger refuse before insert on public.tenants for each row execute function public.refuse()`);
  const failed = await run('cli.ts', ['worker', '--once'], environment(9));
  t.is(failed.code, 1);
  t.is(failed.out, 'spares  failed: no spares today\noperations  nothing to do\n');
  const child = await start('cli.ts', ['worker', '--json'], environment(9));
  const [line] = await once(createInterface(child.stdout), 'line');
  t.like(JSON.parse(line), { job: 'spares', error: 'no spares today' });
  await world.asOwner('drop trigger refuse on public.tenants; drop function public.refuse()');
  t.is((await until(spares, (found) => found.length === 9)).length, 9);
  child.kill('SIGTERM');
  await once(child, 'close');
});

test.serial('rejects an invalid number of spares as a configuration error', async (t) => {
  for (const wanted of ['-1', 'many', '1001']) {
    const { code, err } = await run('cli.ts', ['worker', '--once'], {
      ...environment(0),
      SPARE_TENANTS: wanted,
    });
    t.is(code, 2);
    t.regex(err, /SPARE_TENANTS must be a whole number from 0 to 1000/);
  }
});
