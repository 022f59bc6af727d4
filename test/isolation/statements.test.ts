import test from 'ava';
import { type SharedConnections, shareConnections } from '../../src/attacks/shared-connections.ts';
import { assertRowStatement } from '../../src/db/driver/statement.ts';
import { withTenant } from '../../src/tenancy/context/with-tenant.ts';
import fc from '../helpers/fast-check.ts';
import type { World } from '../helpers/world.ts';
import { attack, plant, raw } from './attack.ts';
import { openAttackedWorld } from './attacked-world.ts';

const ROW_STATEMENTS = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'WITH', 'VALUES', 'TABLE'];
const rejected = { code: 'statement_refused' } as never;

/** One statement of each kind that handlers cannot send, as an attacker in acme would write it. */
const kinds = ({ acme, globex, service }: World): readonly string[] => [
  `set role ${globex.role}`,
  `set local role ${globex.role}`,
  `set session authorization ${globex.role}`,
  `set search_path = globex`,
  `set row_security = off`,
  'set constraints all deferred',
  'set transaction read write',
  'reset role',
  'reset all',
  'show all',
  'begin',
  'start transaction',
  'commit',
  'commit and chain',
  'end',
  'rollback',
  'rollback and chain',
  'abort',
  'savepoint mine',
  'release savepoint mine',
  'rollback to savepoint mine',
  `prepare transaction 'left'`,
  `commit prepared 'left'`,
  'explain select * from globex.attack_notes',
  'explain analyze select * from globex.attack_people',
  'prepare theirs as select * from globex.attack_notes',
  'execute theirs',
  'deallocate all',
  'declare c cursor for select * from globex.attack_notes',
  'fetch all from c',
  'move all from c',
  'close all',
  'listen koa_tenants',
  'unlisten *',
  `notify koa_tenants, 'x'`,
  'lock table globex.attack_notes in access exclusive mode',
  'lock table attack_notes in access exclusive mode',
  'truncate globex.attack_notes',
  'truncate attack_notes',
  'copy globex.attack_notes to stdout',
  `copy attack_notes to '/tmp/x'`,
  `copy attack_notes from program 'id'`,
  `do $$ begin set local role ${globex.role}; end $$`,
  'call nothing()',
  `load 'dblink'`,
  'discard all',
  'discard temp',
  'checkpoint',
  'vacuum globex.attack_notes',
  'analyze globex.attack_notes',
  'cluster globex.attack_notes',
  'reindex table globex.attack_notes',
  'create table mine (id int)',
  'create temporary table attack_notes (id int)',
  'create table mine as select * from globex.attack_notes',
  'create view mine as select * from globex.attack_notes',
  'create materialized view mine as select * from globex.attack_notes',
  `create function mine() returns int language sql begin atomic select 1; end`,
  'create schema mine',
  'create role mine',
  'create extension dblink',
  'create policy wide on globex.attack_notes using (true)',
  'create rule r as on insert to attack_notes do also select 1',
  'create trigger tr after insert on globex.attack_notes for each row execute function mine()',
  `create operator === (leftarg = int, rightarg = int, procedure = int4eq)`,
  'create statistics mine on id, name from globex.attack_notes',
  'create publication mine for all tables',
  'create domain mine as text',
  `create type mine as enum ('a')`,
  'create cast (text as int) without function as implicit',
  'create event trigger mine on ddl_command_end execute function mine()',
  'alter table globex.attack_notes disable row level security',
  'alter table globex.attack_notes no force row level security',
  'alter policy same_tenant on globex.attack_notes using (true)',
  `alter role ${service} set search_path = globex`,
  `alter role ${acme.role} login`,
  `alter role ${service} createrole`,
  `alter function tenancy.current_tenant() set search_path = globex`,
  'alter default privileges grant select on tables to public',
  `alter system set row_security = off`,
  'drop table globex.attack_notes',
  'drop policy same_tenant on globex.attack_notes',
  'drop schema globex cascade',
  `drop owned by ${globex.role}`,
  `drop role ${globex.role}`,
  `reassign owned by ${globex.role} to ${acme.role}`,
  `grant ${globex.role} to ${acme.role}`,
  `grant select on globex.attack_notes to ${acme.role}`,
  `grant ${service} to ${acme.role}`,
  'revoke all on globex.attack_notes from public',
  `comment on table globex.attack_notes is 'mine'`,
  `security label on table globex.attack_notes is 'mine'`,
  'import foreign schema x from server y into z',
  'refresh materialized view mine',
];

let guarded: World;

for (const contextMode of ['guarded', 'signed'] as const) {
  let world: World;
  let connections: SharedConnections;
  test.serial.before(async () => {
    const opened = await openAttackedWorld({ contextMode });
    connections = shareConnections(opened.bare);
    world = { ...opened, bare: connections.open };
    await plant(world);
    if (contextMode === 'guarded') {
      guarded = world;
    }
  });
  test.after.always(async () => {
    await connections?.close();
    await world?.close();
  });

  test.serial(`${contextMode}: a tenant cannot send statements other than row statements`, async (t) => {
    await withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: false }, async (tx) => {
      for (const text of kinds(world)) {
        await t.throwsAsync(tx.query(raw(text)), rejected, text);
        await t.throwsAsync(tx.query(raw(`/* select */ ${text}`)), rejected, text);
      }
      // None of them has reached the database: the transaction has not changed.
      t.deepEqual(await tx.one(raw('select current_user::text as role')), { role: world.acme.role });
    });
  });

  test.serial(
    `${contextMode}: the same statements past the driver, as the tenant, reach no row of another`,
    async (t) => {
      await connections.closeIdle();
      for (const text of kinds(world)) {
        t.is(await attack(world, [text], 'bare'), null, text);
      }
      t.is(await attack(world, kinds(world), 'bare'), null, 'nor one after the other');
    },
  );

  test.serial(
    `${contextMode}: the same statements past the driver, as the login, reach no row of another`,
    async (t) => {
      await connections.closeIdle();
      for (const text of kinds(world)) {
        t.is(await attack(world, ['set local role none', text], 'bare'), null, text);
      }
    },
  );

  test.serial(
    `${contextMode}: the same statements past the driver, as the other's role, read no row of the other`,
    // New sessions of the login have a search path of the attacker since the test above.
    async (t) => {
      await connections.closeIdle();
      for (const text of kinds(world)) {
        const sent = [`set local role ${world.globex.role}`, text, 'select name from globex.attack_notes'];
        t.is(await attack(world, sent, 'bare'), null, text);
      }
    },
  );

  test.serial(`${contextMode}: these statements leave no changes behind`, async (t) => {
    const [left] = await world.asOwner(
      `select (select count(*)::integer from pg_class where relname in ('mine', 'attack_notes') and relkind <> 'r') as relations,
              (select json_object_agg(setrole::regrole, setconfig) from pg_db_role_setting
               where setdatabase = 0 -- The installer's temp_file_limit is for one database.
                 and setrole in (select oid from pg_roles where rolname in ($1, $2, $3))) as settings,
              (select count(*)::integer from pg_policy where polname <> 'same_tenant') as policies,
              (select count(*)::integer from pg_class as c
               where c.relname ^@ 'attack_' and c.relkind = 'r' and c.relnamespace <> 'global'::regnamespace
                 and not (c.relrowsecurity and c.relforcerowsecurity)) as open,
              (select count(*)::integer from pg_auth_members as m
               where m.member in ($2::regrole, $3::regrole)) as memberships`,
      [world.service, world.acme.role, world.globex.role],
    );
    // PostgreSQL lets a login change its own settings. So wall 0 rejects ALTER, and the service does not start
    // on a login with settings. The entry also sets the path again.
    const settings = { [world.service]: ['search_path=globex'] };
    t.deepEqual(left, { relations: 0, settings, policies: 0, open: 0, memberships: 0 });
    t.is(await attack(world, ['select name from attack_notes']), null);
  });
}

test.serial('a SELECT that passes wall 0 creates no table', async (t) => {
  for (const text of [
    'select * into mine from attack_notes',
    'select * into temporary mine from attack_notes',
    'select * into globex.mine from attack_notes',
    'select * into public.mine from attack_notes',
    'select * into pg_temp.mine from attack_notes',
  ]) {
    await t.throwsAsync(
      withTenant(guarded.tenantDatabase, { tenant: guarded.acme.id, readOnly: false }, (tx) =>
        tx.query(raw(text)),
      ),
      { message: /permission denied/ },
      text,
    );
  }
  t.deepEqual(await guarded.asOwner(`select from pg_class where relname = 'mine'`), []);
});

test.serial('only the keywords of row statements begin a statement that passes', async (t) => {
  const words = await guarded.asOwner<{ word: string }>('select word from pg_get_keywords()');
  t.true(words.length > 400);
  const passing = words.filter(({ word }) => {
    try {
      assertRowStatement(`${word} x`);
      return true;
    } catch {
      return false;
    }
  });
  t.deepEqual(passing.map(({ word }) => word.toUpperCase()).sort(), [...ROW_STATEMENTS].sort());
});

/** Parts of texts: comments, spaces, quotes, and beginnings of statements that pass and that do not. */
const PIECES = fc.constantFrom(
  ...['/*', '*/', '/**/', '--', '\n', '\r', '\f', '\v', ' ', '\t', '(', ')', ';', '*', '/', '-', '"', "'"],
  ...[
    '\u00A0',
    '\u2028',
    '\u0085',
    '\uFEFF',
    'select 1',
    'values (1)',
    'show work_mem',
    'set local my.x = 1',
  ],
  ...['sElEcT 2', 'Show all', 'with a as (select 1) select 1', 'select', 'set', 'begin'],
);

test.serial('PostgreSQL classifies every statement that passes and runs as a row statement', async (t) => {
  const client = await guarded.bare();
  let ran = 0;
  let rejections = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(PIECES, { minLength: 1, maxLength: 9 }), async (parts) => {
      const text = parts.join('');
      let passes = true;
      try {
        assertRowStatement(text);
      } catch {
        passes = false;
      }
      const config = { text, values: [], queryMode: 'extended' };
      const result = await client.query(config).catch(() => null);
      if (client.getTransactionStatus() !== 'I') {
        await client.query('rollback');
      }
      if (!result?.command) {
        return true;
      }
      ran += 1;
      rejections += passes ? 0 : 1;
      return !passes || ROW_STATEMENTS.includes(result.command);
    }),
    { numRuns: 4000 },
  );
  t.true(ran > 100, `${ran} texts ran`);
  t.true(rejections > 20, `${rejections} of them would have been rejected`);
});
