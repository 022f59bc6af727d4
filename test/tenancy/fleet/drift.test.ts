import test from 'ava';
import pg from 'pg';

import { findDrift } from '../../../src/tenancy/fleet/drift.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import {
  loadTenantMigrations,
  type TenantMigration,
} from '../../../src/tenancy/migrations/tenant-migrations.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { laterRelease, migration, undoMigrations } from './release.ts';

let world: World;
test.serial.before(async () => {
  world = await openWorld();
});
test.after.always(() => world?.close());

/** Returns the drift that a change causes. Rolls the change back. */
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
  'finds no differences between tenants that were only migrated, and leaves no objects behind',
  async (t) => {
    const before = await names();
    t.deepEqual(await after('select'), { compared: 3, drift: [], others: [] });
    t.deepEqual(await names(), before);
  },
);

test.serial('ignores a constraint that was dumped and restored', async (t) => {
  // PostgreSQL prints `between` with a further `and` in parentheses that it does not need, and parses them to a flat list.
  const [written] = await world.asOwner<{ text: string }>(
    `select pg_get_constraintdef(oid) as text from pg_constraint where conname = 'people__username_form' and connamespace = 'acme'::regnamespace`,
  );
  const [flat] = await world.asOwner<{ text: string }>(
    `select pg_get_constraintdef(oid, true) as text from pg_constraint where conname = 'people__username_form' and connamespace = 'acme'::regnamespace`,
  );
  t.not(written?.text, flat?.text);
  const { drift } = await after(
    `alter table acme.people drop constraint people__username_form;
     alter table acme.people add constraint people__username_form ${flat?.text}`,
  );
  t.deepEqual(drift, []);
});

const CHANGES = [
  ['a column more', 'alter table acme.notes add column x integer', 'column notes.x is in no migration'],
  ['a column less', 'alter table acme.notes drop column description', 'column notes.description is missing'],
  [
    "a column's type",
    'alter table acme.notes alter description type varchar(9)',
    /^column notes\.description is "character varying\(9\) not null default .*" and should be "text not null default ''::text"$/,
  ],
  [
    "a column's default",
    `alter table acme.notes alter description set default 'x'`,
    /^column notes\.description is "text not null default 'x'::text" and should be/,
  ],
  [
    'a column that may be null',
    'alter table acme.notes alter name drop not null',
    'column notes.name is "text" and should be "text not null"',
  ],
  [
    'a missing constraint',
    'alter table acme.notes drop constraint notes__name_length',
    'constraint notes__name_length on notes is missing',
  ],
  [
    'a constraint that is not validated',
    'alter table acme.people add constraint people__x check (true) not valid',
    'constraint people__x on people is in no migration',
  ],
  [
    'a foreign key that does not cascade',
    `alter table acme.logins drop constraint logins__person;
     alter table acme.logins add constraint logins__person foreign key (person_id) references acme.people (id)`,
    /^constraint logins__person on logins is .* and should be .* ON DELETE CASCADE"$/,
  ],
  ['an index less', 'drop index acme.notes__created_at', 'index notes__created_at is missing'],
  [
    'an index of other columns',
    'drop index acme.notes__created_at; create index notes__created_at on acme.notes (id)',
    /^index notes__created_at is "CREATE INDEX notes__created_at ON notes USING btree \(id\)" and should be/,
  ],
  [
    'an invalid index',
    `update pg_index set indisvalid = false where indexrelid = 'acme.notes__created_at'::regclass`,
    /^index notes__created_at is ".*, invalid" and should be/,
  ],
  [
    'a policy that admits every tenant',
    'create policy everybody on acme.notes using (true)',
    'policy everybody on notes is in no migration',
  ],
  ['a policy less', 'drop policy same_tenant on acme.people', 'policy same_tenant on people is missing'],
  [
    'row-level security that is off',
    'alter table acme.people disable row level security',
    /^table people is "owned by tenant_owner, forced" and should be "owned by tenant_owner, row-level security, forced"$/,
  ],
  [
    'a right more',
    'grant select on acme.people to tenancy_owner',
    /^rights on people is ".*SELECT to tenancy_owner.*" and should be/,
  ],
  [
    'a right less',
    'revoke delete on acme.people from public; do $$ begin execute format($x$revoke delete on acme.people from %I$x$, (select role_name from public.tenants where schema_name = $x$acme$x$)); end $$',
    /^rights on people is "(?!.*SELECT to tenancy_owner)/,
  ],
  [
    "another tenant's role",
    'do $$ begin execute format($x$grant usage on schema acme to %I$x$, (select role_name from public.tenants where schema_name = $x$globex$x$)); end $$',
    /^schema is ".*USAGE to t_[0-9a-f]{32}.*" and should be/,
  ],
  [
    'another owner',
    'alter table acme.notes owner to tenancy_owner',
    /^table notes is "owned by tenancy_owner/,
  ],
  [
    'a trigger',
    `create trigger notes__x before update on acme.notes for each row execute function suppress_redundant_updates_trigger()`,
    'trigger notes__x on notes is in no migration',
  ],
  [
    'a function',
    'create function acme.one(integer) returns integer language sql return 1',
    'function one(integer) is in no migration',
  ],
  ['a view', 'create view acme.names as select 1 as one', 'view names is in no migration'],
  ['a table', 'create table acme.papers (id bigint)', 'table papers is in no migration'],
  ['a type', `create type acme.mood as enum ('good')`, 'type mood is in no migration'],
  [
    'a sequence with another increment',
    'alter sequence acme.notes_id_seq increment by 10',
    /^sequence notes_id_seq is ".*from 1 by 10,.*" and should be/,
  ],
] as const;

/** Changes of one group do not affect each other. Neighbors in the list, which change the same things, are in different groups. */
const GROUPS = 4;

let found: Promise<ReadonlyArray<Awaited<ReturnType<typeof after>>['drift']>> | undefined;

/** Returns the drift that each group of changes causes. A comparison creates a tenant and a site. */
function driftOfGroups(): NonNullable<typeof found> {
  found ??= (async () => {
    const groups = [];
    for (let group = 0; group < GROUPS; group += 1) {
      const texts = CHANGES.filter((_, index) => index % GROUPS === group).map(([, text]) => text);
      groups.push((await after(texts.join(';\n'))).drift);
    }
    return groups;
  })();
  return found;
}

for (const [index, [what, , sentence]] of CHANGES.entries()) {
  test.serial(`finds drift: ${what}`, async (t) => {
    const groups = await driftOfGroups();
    t.deepEqual(
      groups.map((drift) => drift.map(({ schema }) => schema)),
      Array.from({ length: GROUPS }, () => ['acme']),
    );
    const found = groups.map(
      ([drift]) =>
        drift?.differences.filter((difference) =>
          typeof sentence === 'string' ? difference === sentence : sentence.test(difference),
        ).length,
    );
    const expected = Array.from({ length: GROUPS }, (_, group) => (group === index % GROUPS ? 1 : 0));
    t.deepEqual(found, expected, groups[index % GROUPS]?.[0]?.differences.join('\n'));
  });
}

test.serial('ignores rows, the order of columns and values of sequences', async (t) => {
  const { drift } = await after(`
    insert into acme.notes (name) values ('x');
    alter table acme.notes drop column description;
    alter table acme.notes add column description text not null default ''`);
  t.deepEqual(drift, []);
});

test.serial('compares the public site with its own migrations', async (t) => {
  const { drift } = await after('alter table site.people add column x integer');
  t.deepEqual(drift, [{ schema: 'site', differences: ['column people.x is in no migration'] }]);
});

test.serial('reports a tenant that is behind without comparing it', async (t) => {
  const migrations = await laterRelease(migration(1, 'alter table notes add column x integer'));
  const { compared, others } = await after('select', migrations);
  t.is(compared, 1, 'the site has the expected version');
  t.true(others.includes('acme'));
});

test.serial('ignores the name of the tenant, whatever it is', async (t) => {
  for (const schema of ['notes', 'user', 'table', 'people', 'lower', 'a', 'acme_2']) {
    await world.provision(schema);
  }
  const migrations = await laterRelease(
    migration(
      1,
      `alter table notes add column host text not null default 'acme.localhost';
       create view listed with (security_invoker = true) as
         select notes.name, lower(notes.host) as host, people.username
         from notes join people on people.id = notes.id;
       create function counted() returns bigint language sql stable begin atomic select count(*) from notes; end;
       create function touched() returns trigger language plpgsql as $f$ begin new.name := 'user.x'; return new; end $f$;
       create trigger notes__touched before update on notes for each row execute function touched();
       create type mood as enum ('good', 'bad');
       alter table notes add column mood mood default 'good'`,
      {
        down: `
          drop view listed;
          drop function counted();
          drop trigger notes__touched on notes;
          drop function touched();
          alter table notes drop column host, drop column mood;
          drop type mood`,
      },
    ),
  );
  await migrate(world.owner, world.fleet, { migrations });
  t.deepEqual(await after('select', migrations), { compared: 10, drift: [], others: [] });
  await undoMigrations(world, migrations);
});
