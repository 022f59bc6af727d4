import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';
import pg from 'pg';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { provisionTenant } from '../../../src/tenancy/lifecycle/provision.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { until } from '../../helpers/until.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';

let world: World;
test.serial.before(async () => {
  world = await openWorld({ installs: true });
});
test.after.always(() => world?.close());

const create = (schema: string, ...domains: readonly string[]) =>
  provisionTenant(world.owner, world.fleet, {
    schema: parseSchemaName(schema),
    name: schema,
    domains: domains.map(parseDomainName),
  });

/** Returns everything that tenants consist of: rows, schemas, migration histories, and the service's role memberships. */
async function traces(): Promise<unknown> {
  const [row] = await world.asOwner(
    `select (select json_agg(t.schema_name order by t.schema_name) from public.tenants as t) as tenants,
            (select json_agg(d.domain order by d.domain) from public.domains as d) as domains,
            (select json_agg(n.nspname order by n.nspname) from pg_namespace as n where n.nspname !~ '^pg_(temp|toast_temp)') as schemas,
            (select json_agg(c.relname order by c.relname) from pg_class as c
             where c.relnamespace = 'tenancy_migrations'::regnamespace) as histories,
            (select count(*) from pg_auth_members as m where m.member = $1::regrole) as memberships,
            (select count(*) from pg_roles as r
             where r.rolname ~ '^t_[0-9a-f]{32}$'
               and pg_has_role($1, r.oid, 'member')) as roles`,
    [world.service],
  );
  return row;
}

/** Runs `work` with a migration that fails in every new tenant. */
async function withFailingMigration(work: () => Promise<void>): Promise<void> {
  await world.asOwner(`
    create function public.fail() returns event_trigger language plpgsql as $$
    begin
      if current_schema() = 'unlucky' and exists (
        select from pg_event_trigger_ddl_commands() as c where c.object_identity like '%.notes'
      ) then
        raise exception 'the migration fails on purpose';
      end if;
    end $$`);
  await world.asOwner('grant usage on schema public to tenant_owner');
  await world.asOwner('create event trigger fail on ddl_command_end execute function public.fail()');
  try {
    await work();
  } finally {
    await world.asOwner('drop event trigger fail');
    await world.asOwner('drop function public.fail()');
    await world.asOwner('revoke usage on schema public from tenant_owner');
  }
}

// All or nothing.

test.serial('creates a complete tenant', async (t) => {
  const id = await create('whole', 'whole.localhost', 'also-whole.localhost');
  const seen = await withTenant(world.tenantDatabase, { tenant: id, readOnly: true }, (tx) =>
    tx.one(
      raw(`select (select count(*)::integer from notes) as notes,
                  (select count(*)::integer from people) as people,
                  (select json_agg(d) from tenancy.my_domains() as d) as domains`),
    ),
  );
  t.deepEqual(seen, {
    notes: 0,
    people: 0,
    domains: [
      { domain: 'whole.localhost', is_primary: true },
      { domain: 'also-whole.localhost', is_primary: false },
    ],
  });
});

test.serial('leaves nothing of a tenant whose migration fails', async (t) => {
  const before = await traces();
  await withFailingMigration(async () => {
    await t.throwsAsync(create('unlucky', 'unlucky.localhost'), { message: /fails on purpose/ });
  });
  t.deepEqual(await traces(), before);
  await t.notThrowsAsync(create('unlucky', 'unlucky.localhost'), 'and its name is free');
});

test.serial('leaves nothing of a tenant whose domain is taken', async (t) => {
  const before = await traces();
  await t.throwsAsync(create('latecomer', 'latecomer.localhost', 'acme.localhost'), {
    code: 'domain_taken',
  } as never);
  t.deepEqual(await traces(), before);
});

test.serial('leaves nothing of a tenant whose schema name is taken', async (t) => {
  const before = await traces();
  await t.throwsAsync(create('acme', 'other.localhost'), { code: 'schema_name_taken' } as never);
  t.deepEqual(await traces(), before);
});

test.serial('does not adopt a schema that exists without a tenant', async (t) => {
  await world.asOwner('create schema squatter');
  const before = await traces();
  await t.throwsAsync(create('squatter', 'squatter.localhost'));
  t.deepEqual(await traces(), before);
});

test.serial('leaves nothing of a tenant when the process is killed', async (t) => {
  const before = await traces();
  // Its connection is closed while it waits for the row of another transaction.
  const blocker = new pg.Client(world.owner);
  await blocker.connect();
  await blocker.query('begin');
  await blocker.query(`insert into public.tenants (schema_name, name) values ('doomed', 'doomed')`);
  const rejection = t.throwsAsync(create('doomed', 'doomed.localhost'));
  await until(
    () =>
      world.asOwner(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'koa-tenants owner' and wait_event_type = 'Lock'`,
      ),
    (killed) => killed.length > 0,
  );
  await rejection;
  await blocker.query('rollback');
  await blocker.end();
  t.deepEqual(await traces(), before);
});

test.serial('creates a tenant once in two concurrent attempts', async (t) => {
  const both = await Promise.allSettled([
    create('twins', 'twin-1.localhost'),
    create('twins', 'twin-2.localhost'),
  ]);
  const [lost] = both.filter((outcome) => outcome.status === 'rejected');
  t.is(both.filter(({ status }) => status === 'fulfilled').length, 1);
  t.like(lost?.reason, { code: 'schema_name_taken' });
});

test.serial('gives a domain to one of two tenants that are created concurrently', async (t) => {
  const both = await Promise.allSettled([
    create('first_one', 'shared.localhost'),
    create('second_one', 'shared.localhost'),
  ]);
  const [lost] = both.filter((outcome) => outcome.status === 'rejected');
  t.is(both.filter(({ status }) => status === 'fulfilled').length, 1);
  t.like(lost?.reason, { code: 'domain_taken' });
});

test.serial('creates many tenants concurrently while others are served', async (t) => {
  let done = false;
  const served = (async () => {
    let requests = 0;
    while (!done) {
      await withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
        tx.any(raw('select id from notes')),
      );
      requests += 1;
      await wait(5);
    }
    return requests;
  })();
  const ids = await Promise.all(
    Array.from({ length: 6 }, (_, n) => create(`many_${n}`, `many-${n}.localhost`)),
  );
  done = true;
  t.is(new Set(ids).size, 6);
  t.true((await served) > 0);
});

// Domains.

const violates = { message: /must have one primary domain/ };

test.serial('requires a primary domain for every tenant', async (t) => {
  await t.throwsAsync(
    world.asOwner(`update public.domains set is_primary = false where domain = 'acme.localhost'`),
    violates,
  );
  await t.throwsAsync(
    world.asOwner(`delete from public.domains where domain = 'whole.localhost'`),
    violates,
    'the other domain is not primary',
  );
  await world.asOwner(`insert into public.tenants (schema_name, name) values ('no_domain', 'No domain')`);
  await t.throwsAsync(
    world.asOwner(
      `insert into public.domains (domain, tenant_id)
       select 'lonely.localhost', id from public.tenants where schema_name = 'no_domain'`,
    ),
    violates,
    'the first domain is primary',
  );
  await world.asOwner(`delete from public.tenants where schema_name = 'no_domain'`);
});

test.serial('rejects a second primary domain', async (t) => {
  await t.throwsAsync(
    world.asOwner(`update public.domains set is_primary = true where domain = 'also-whole.localhost'`),
    { message: /domains__one_primary/ },
  );
});

test.serial('swaps the primary domain in one transaction', async (t) => {
  await world.asOwner(`
    begin;
    update public.domains set is_primary = false where domain = 'whole.localhost';
    update public.domains set is_primary = true where domain = 'also-whole.localhost';
    commit`);
  const rows = await world.asOwner(
    `select domain from public.domains where is_primary and domain like '%whole.localhost'`,
  );
  t.deepEqual(rows, [{ domain: 'also-whole.localhost' }]);
});

test.serial('rejects moving a primary domain away while other domains remain', async (t) => {
  await t.throwsAsync(
    world.asOwner(
      `update public.domains set tenant_id = $1, is_primary = false where domain = 'also-whole.localhost'`,
      [world.acme.id],
    ),
    violates,
  );
});
