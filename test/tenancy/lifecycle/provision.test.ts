import test from 'ava';
import pg from 'pg';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { provisionTenant } from '../../../src/tenancy/lifecycle/provision.ts';
import { migrateTenant } from '../../../src/tenancy/migrations/migrate-tenant.ts';
import { loadTenantMigrations, migrationsOn } from '../../../src/tenancy/migrations/tenant-migrations.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';

let world: World;
test.serial.before(async () => {
  world = await openWorld();
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
  for (;;) {
    const killed = await world.asOwner(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'koa-tenants owner' and wait_event_type = 'Lock'`,
    );
    if (killed.length > 0) {
      break;
    }
  }
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

// Migrating again.

/** Returns the texts of all queries that pg sends while `work` runs. */
async function queriesOf(work: () => Promise<unknown>): Promise<string[]> {
  const texts: string[] = [];
  const prototype = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown };
  const { query } = prototype;
  prototype.query = function counted(this: unknown, ...args: unknown[]) {
    const [config] = args;
    texts.push(typeof config === 'string' ? config : (config as pg.QueryConfig).text);
    return query.apply(this, args);
  };
  try {
    await work();
  } finally {
    prototype.query = query;
  }
  return texts;
}

test.serial('migrates again with one query, whatever the number of tenants', async (t) => {
  await migrate(world.owner, world.fleet);
  const texts = await queriesOf(async () => {
    const report = await migrate(world.owner, world.fleet);
    t.like(report, { contextMode: 'guarded', shared: [], tenants: [] });
  });
  t.is(texts.length, 1, texts.join('\n---\n'));
});

test.serial('applies nothing when a tenant is migrated a second time', async (t) => {
  const migrations = await loadTenantMigrations(world.fleet.project);
  t.deepEqual(await migrateTenant(world.owner, 'acme', { migrations }), []);
  await t.throwsAsync(migrateTenant(world.owner, 'nowhere', { migrations }));
});

test.serial('migrates only the tenant that is behind', async (t) => {
  const applied = migrationsOn('tenant', await loadTenantMigrations(world.fleet.project)).map(
    ({ name }) => name,
  );
  await world.asOwner(`drop schema globex cascade`);
  await world.asOwner(`create schema globex authorization tenant_owner`);
  await world.asOwner(`delete from tenancy_migrations.${world.globex.role}`);
  await world.asOwner(`update public.tenants set migrated_to = null where id = $1`, [world.globex.id]);
  const { tenants } = await migrate(world.owner, world.fleet);
  t.deepEqual(tenants, [{ schema: 'globex', applied }]);
  await t.notThrowsAsync(
    withTenant(world.tenantDatabase, { tenant: world.globex.id, readOnly: true }, (tx) =>
      tx.any(raw('select id from notes')),
    ),
  );
});

test.serial('runs two concurrent installations one after the other', async (t) => {
  await world.asOwner(`update tenancy.installation set fingerprint = 'old'`);
  const reports = await world.alone(() =>
    Promise.all([migrate(world.owner, world.fleet), migrate(world.owner, world.fleet)]),
  );
  t.deepEqual(
    reports.map(({ shared }) => shared),
    [[], []],
  );
});

test.serial('does not skip a shared schema that is behind', async (t) => {
  await world.asOwner(`update tenancy.installation set fingerprint = 'old'`);
  await t.throwsAsync(migrate(world.owner, world.fleet, { shared: false }), {
    code: 'precondition_failed',
  } as never);
  await world.alone(() => migrate(world.owner, world.fleet));
});

test.serial('serves tenants after a change of the context mode', async (t) => {
  for (const contextMode of ['signed', 'guarded'] as const) {
    const report = await world.alone(() => migrate(world.owner, { ...world.fleet, contextMode }));
    t.is(report.contextMode, contextMode);
    const rows = await withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
      tx.any(raw('select tenancy.current_tenant() as tenant')),
    );
    t.deepEqual(rows, [{ tenant: world.acme.role }]);
  }
});

// protect_schema: objects of a later migration.

/** Runs SQL as a tenant migration of acme would, and protects the schema, in one transaction that is undone. */
async function migrating(
  text: string,
  look: (client: pg.Client) => Promise<void> = async () => {},
  schema = 'acme',
): Promise<void> {
  const client = new pg.Client(world.owner);
  await client.connect();
  try {
    await client.query('begin');
    await client.query('set local role tenant_owner');
    await client.query(`set local search_path = ${schema}`);
    await client.query('select tenancy.enter_owner(current_schema())');
    await client.query(text);
    await client.query('select tenancy.protect_schema(current_schema())');
    await look(client);
  } finally {
    await client.end();
  }
}

for (const [what, text] of [
  ['table', 'create table later (id bigint generated by default as identity, name text)'],
  ['partitioned table', 'create table later (id bigint, name text) partition by range (id)'],
] as const) {
  test.serial(`gives a ${what} of a later migration its policy and its grants`, async (t) => {
    await migrating(text, async (client) => {
      const { rows } = await client.query(
        `select c.relrowsecurity, c.relforcerowsecurity, p.polname, p.polroles::oid[] as roles, p.polcmd,
                pg_get_expr(p.polqual, p.polrelid) as qual,
                (select string_agg(a.privilege_type, ',' order by a.privilege_type)
                 from aclexplode(c.relacl) as a where a.grantee = $1::regrole) as granted,
                c.relowner::regrole::text as owner
         from pg_class as c join pg_policy as p on p.polrelid = c.oid
         where c.oid = 'later'::regclass`,
        [world.acme.role],
      );
      t.is(rows.length, 1);
      t.like(rows[0], {
        relrowsecurity: true,
        relforcerowsecurity: true,
        polname: 'same_tenant',
        polcmd: '*',
        granted: 'DELETE,INSERT,SELECT,UPDATE',
        owner: 'tenant_owner',
      });
      t.deepEqual(rows[0].roles, [0], 'TO PUBLIC');
      t.true(rows[0].qual.includes(`'${world.acme.role}'`));
    });
  });
}

test.serial('restores removed protection when a schema is protected again', async (t) => {
  await migrating(
    'alter table notes disable row level security; alter table notes no force row level security; drop policy same_tenant on notes',
    async (client) => {
      const { rows } = await client.query(
        `select relrowsecurity, relforcerowsecurity,
                (select count(*)::integer from pg_policy where polrelid = c.oid) as policies
         from pg_class as c where c.oid = 'notes'::regclass`,
      );
      t.deepEqual(rows, [{ relrowsecurity: true, relforcerowsecurity: true, policies: 1 }]);
    },
  );
});

test.serial('accepts a view with security_invoker', async (t) => {
  await t.notThrowsAsync(
    migrating('create view names with (security_invoker = true) as select name from notes'),
  );
  await t.notThrowsAsync(migrating('create view names with (security_invoker) as select name from notes'));
});

for (const [what, text, message] of [
  ['a view without security_invoker', 'create view names as select name from notes', /owner's rights/],
  [
    'a view with security_invoker turned off',
    'create view names with (security_invoker = false) as select name from notes',
    /owner's rights/,
  ],
  [
    'a materialized view',
    'create materialized view names as select name from notes',
    /which cannot have a policy/,
  ],
  [
    'a security definer function',
    `create function names() returns setof text language sql security definer begin atomic select name from notes; end`,
    /bypasses the walls/,
  ],
  [
    "a table in another tenant's schema, by entering it",
    `select tenancy.enter_owner('globex')`,
    /entered another tenant/,
  ],
  [
    'a wider policy in place of same_tenant',
    'drop policy same_tenant on notes; create policy wide on notes using (true)',
    /.*/,
  ],
  [
    'a rule, which runs with the rights of the table owner',
    'create table taken (name text); create rule takes as on insert to notes do also insert into taken (name) select new.name',
    /notes has a rule/,
  ],
  ['a second policy that is wider', 'create policy wide on notes using (true)', /.*/],
] as const) {
  test.serial(`rejects a migration that creates ${what}`, async (t) => {
    await t.throwsAsync(migrating(text), { message });
  });
}
