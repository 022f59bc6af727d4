import test from 'ava';
import pg from 'pg';

import { findDrift } from '../../../src/tenancy/fleet/drift.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import {
  loadTenantMigrations,
  type TenantMigration,
} from '../../../src/tenancy/migrations/tenant-migrations.ts';
import { run } from '../../cli/run.ts';
import { environmentOf } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { goBack, migration, released } from './release.ts';

let world: World;
test.serial.before(async () => {
  world = await openWorld();
});
test.after.always(() => world?.close());

/** What is found after a change that is undone. */
async function after(text: string, migrations?: readonly TenantMigration[]) {
  const client = new pg.Client(world.owner);
  await client.connect();
  try {
    await client.query('begin');
    await client.query(text);
    return await findDrift(client, world.service, {
      owner: world.owner,
      migrations: migrations ?? (await loadTenantMigrations(world.fleet.project)),
    });
  } finally {
    await client.end();
  }
}

const names = () =>
  world.asOwner(
    `select n.nspname as name from pg_namespace as n
     union all
     select r.rolname from pg_roles as r where pg_has_role($1, r.oid, 'member')
     order by 1`,
    [world.service],
  );

test.serial(
  'tenants that were only migrated do not differ, and comparing leaves nothing behind',
  async (t) => {
    const before = await names();
    t.deepEqual(await after('select'), { compared: 3, drift: [], others: [] });
    t.deepEqual(await names(), before);
  },
);

test.serial('the name of a tenant is no difference, whatever it is', async (t) => {
  for (const schema of ['projects', 'user', 'table', 'users', 'lower', 'a', 'acme_2']) {
    await world.provision(schema);
  }
  const migrations = await released(
    migration(
      1,
      `alter table projects add column host text not null default 'acme.localhost';
       create view listed with (security_invoker = true) as
         select projects.name, lower(projects.host) as host, users.username
         from projects join users on users.id = projects.id;
       create function counted() returns bigint language sql stable begin atomic select count(*) from projects; end;
       create function touched() returns trigger language plpgsql as $f$ begin new.name := 'user.x'; return new; end $f$;
       create trigger projects__touched before update on projects for each row execute function touched();
       create type mood as enum ('good', 'bad');
       alter table projects add column mood mood default 'good'`,
      {
        down: `
          drop view listed;
          drop function counted();
          drop trigger projects__touched on projects;
          drop function touched();
          alter table projects drop column host, drop column mood;
          drop type mood`,
      },
    ),
  );
  await migrate(world.owner, world.fleet, { migrations });
  t.deepEqual(await after('select', migrations), { compared: 10, drift: [], others: [] });
  await goBack(world, migrations);
});

test.serial('a constraint that was dumped and restored is no drift', async (t) => {
  // PostgreSQL writes `between` and a further `and` with parentheses of which it needs none, and reads them back flat.
  const [written] = await world.asOwner<{ text: string }>(
    `select pg_get_constraintdef(oid) as text from pg_constraint where conname = 'users__username_form' and connamespace = 'acme'::regnamespace`,
  );
  const [flat] = await world.asOwner<{ text: string }>(
    `select pg_get_constraintdef(oid, true) as text from pg_constraint where conname = 'users__username_form' and connamespace = 'acme'::regnamespace`,
  );
  t.not(written?.text, flat?.text);
  const { drift } = await after(
    `alter table acme.users drop constraint users__username_form;
     alter table acme.users add constraint users__username_form ${flat?.text}`,
  );
  t.deepEqual(drift, []);
});

for (const [what, text, sentence] of [
  ['a column more', 'alter table acme.projects add column x integer', 'column projects.x is in no migration'],
  [
    'a column less',
    'alter table acme.projects drop column description',
    'column projects.description is missing',
  ],
  [
    "a column's type",
    'alter table acme.projects alter description type varchar(9)',
    /^column projects\.description is "character varying\(9\) not null default .*" and should be "text not null default ''::text"$/,
  ],
  [
    "a column's default",
    `alter table acme.projects alter description set default 'x'`,
    /^column projects\.description is "text not null default 'x'::text" and should be/,
  ],
  [
    'a column that may be null',
    'alter table acme.projects alter name drop not null',
    'column projects.name is "text" and should be "text not null"',
  ],
  [
    'a constraint less',
    'alter table acme.projects drop constraint projects__name_length',
    'constraint projects__name_length on projects is missing',
  ],
  [
    'a constraint that is not validated',
    'alter table acme.users add constraint users__x check (true) not valid',
    'constraint users__x on users is in no migration',
  ],
  [
    'a foreign key that does not cascade',
    `alter table acme.sessions drop constraint sessions__user;
     alter table acme.sessions add constraint sessions__user foreign key (user_id) references acme.users (id)`,
    /^constraint sessions__user on sessions is .* and should be .* ON DELETE CASCADE"$/,
  ],
  ['an index less', 'drop index acme.projects__created_at', 'index projects__created_at is missing'],
  [
    'an index of other columns',
    'drop index acme.projects__created_at; create index projects__created_at on acme.projects (id)',
    /^index projects__created_at is "CREATE INDEX projects__created_at ON projects USING btree \(id\)" and should be/,
  ],
  [
    'an invalid index',
    `update pg_index set indisvalid = false where indexrelid = 'acme.projects__created_at'::regclass`,
    /^index projects__created_at is ".*, invalid" and should be/,
  ],
  [
    'a policy that lets everybody in',
    'create policy everybody on acme.projects using (true)',
    'policy everybody on projects is in no migration',
  ],
  ['a policy less', 'drop policy same_tenant on acme.users', 'policy same_tenant on users is missing'],
  [
    'row-level security that is off',
    'alter table acme.users disable row level security',
    /^table users is "owned by tenant_owner, forced" and should be "owned by tenant_owner, row-level security, forced"$/,
  ],
  [
    'a right more',
    'grant select on acme.users to tenancy_owner',
    /^rights on users is ".*SELECT to tenancy_owner.*" and should be/,
  ],
  [
    'a right less',
    'revoke delete on acme.users from public; do $$ begin execute format($x$revoke delete on acme.users from %I$x$, (select role_name from public.tenants where schema_name = $x$acme$x$)); end $$',
    /^rights on users is/,
  ],
  [
    "another tenant's role",
    'do $$ begin execute format($x$grant usage on schema acme to %I$x$, (select role_name from public.tenants where schema_name = $x$globex$x$)); end $$',
    /^schema is ".*USAGE to t_[0-9a-f]{32}.*" and should be/,
  ],
  [
    'another owner',
    'alter table acme.projects owner to tenancy_owner',
    /^table projects is "owned by tenancy_owner/,
  ],
  [
    'a trigger',
    `create trigger projects__x before update on acme.projects for each row execute function suppress_redundant_updates_trigger()`,
    'trigger projects__x on projects is in no migration',
  ],
  [
    'a function',
    'create function acme.one(integer) returns integer language sql return 1',
    'function one(integer) is in no migration',
  ],
  ['a view', 'create view acme.names as select 1 as one', 'view names is in no migration'],
  ['a table', 'create table acme.notes (id bigint)', 'table notes is in no migration'],
  ['a type', `create type acme.mood as enum ('good')`, 'type mood is in no migration'],
  [
    'a sequence that counts in tens',
    'alter sequence acme.projects_id_seq increment by 10',
    /^sequence projects_id_seq is ".*from 1 by 10,.*" and should be/,
  ],
] as const) {
  test.serial(`drift is found: ${what}`, async (t) => {
    const { drift } = await after(text);
    t.deepEqual(
      drift.map(({ schema }) => schema),
      ['acme'],
    );
    const differences = drift[0]?.differences ?? [];
    t.true(
      differences.some((found) => (typeof sentence === 'string' ? found === sentence : sentence.test(found))),
      differences.join('\n'),
    );
  });
}

test.serial('rows, the order of columns and values of sequences are no drift', async (t) => {
  const { drift } = await after(`
    insert into acme.projects (name) values ('x');
    alter table acme.projects drop column description;
    alter table acme.projects add column description text not null default ''`);
  t.deepEqual(drift, []);
});

test.serial('the public site is compared with its own migrations', async (t) => {
  const { drift } = await after('alter table site.users add column x integer');
  t.deepEqual(drift, [{ schema: 'site', differences: ['column users.x is in no migration'] }]);
});

test.serial('a tenant that is behind is named and not compared', async (t) => {
  const migrations = await released(migration(1, 'alter table projects add column x integer'));
  const { compared, others } = await after('select', migrations);
  t.is(compared, 1, 'the site is where it is to be');
  t.true(others.includes('acme'));
});

const tenants = (...args: readonly string[]) => run('cli.ts', args, environmentOf(world));

test.serial('check --drift exits 1 and says what, in sentences and as JSON', async (t) => {
  const fine = await tenants('check', '--drift', '--schema', 'acme');
  t.deepEqual([fine.code, fine.out], [0, ''], fine.err);
  await world.asOwner('drop index acme.projects__created_at');
  const found = await tenants('check', '--drift');
  t.is(found.code, 1);
  t.is(found.out, 'drift   acme   index projects__created_at is missing\n');
  t.regex(found.err, /^1 of 10 differ from what their migrations make\./);
  const json = await tenants('check', '--drift', '--json');
  t.is(json.code, 1);
  t.like(JSON.parse(json.out), { drift: [{ schema: 'acme' }], others: [] });
  t.is((await tenants('check', '--drift', '--schema', 'globex')).code, 0);
  t.is((await tenants('check', '--drift', '--schema', 'nobody')).code, 1);
  t.is((await tenants('check', '--schema', 'acme')).code, 2);
});

test.serial('migrate-status shows versions, who is behind, failures and drift', async (t) => {
  await world.asOwner(
    `update public.tenants set migrated_to = '20261101000000000_accounts' where schema_name = 'a'`,
  );
  await world.asOwner(`update public.tenants set status = 'suspended' where schema_name = 'lower'`);
  await world.asOwner(
    `insert into tenancy.migration_failures (tenant_id, migration, error, attempts)
     select id, '20261101000100000_projects', 'no such luck', 3 from public.tenants where schema_name = 'a'`,
  );
  const ran = await tenants('migrate-status', '--drift');
  t.is(ran.code, 0, ran.err);
  const lines = ran.out.trimEnd().split('\n');
  t.deepEqual(lines.slice(0, 4), [
    '                                     active  suspended',
    '20261124000000000_accounts_sessions       7          1',
    '20261101000000000_accounts                1',
    'behind   a   nothing: its row is not what its ledger says',
  ]);
  t.regex(lines[4] ?? '', /^failed {3}a {3}20261101000100000_projects: no such luck \(3 times, last .*Z\)$/);
  t.is(lines[5], 'drift   acme   index projects__created_at is missing');
  t.is(ran.err, '1 behind, 1 failed, 1 drifted.\n');
  const json = JSON.parse((await tenants('migrate-status', '--json')).out);
  t.like(json, { pending: { tenants: [{ schema: 'a' }] }, failures: [{ attempts: 3 }] });
  t.false('drift' in json);
});
