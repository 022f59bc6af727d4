import test from 'ava';

import { provisionTenant } from '../../../src/tenancy/lifecycle/provision.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { moveTenant } from '../../../src/tenancy/transfer/move/move-tenant.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { type MadeApp, makeApp } from './make-app.ts';
import { openPremium, type Premium } from './premium.ts';

/** Functions that resolve their names under an empty search_path. */
const MIGRATION = `
  create type mood as enum ('sad', 'fine');
  create function label(k mood) returns text language sql immutable return upper(k::text);
  create function pinned(k mood) returns text language sql immutable set search_path from current as $$ select label(k) $$;
  create function bound(k mood) returns text language sql immutable begin atomic select label(k); end;
  create function plain(k text) returns text language plpgsql immutable as $$
    begin
      -- label(k) is not called, nor is /* mood */ named
      return upper(k) /* label(k) */;
    end $$;
  create domain word as text check (plain(value) <> 'NOTHING');
  create table things (
    id integer primary key,
    mood mood not null,
    word word,
    one text generated always as (pinned(mood)) stored,
    two text generated always as (bound(mood)) stored,
    three text generated always as (plain(word)) stored,
    constraint things__one check (pinned(mood) <> 'X')
  );
  create index things__two on things (pinned(mood)) where bound(mood) <> 'Y';`;

let world: World;
let premium: Premium;
let made: MadeApp;
test.serial.before(async () => {
  world = await openWorld();
  premium = await openPremium(world);
  made = await makeApp('functions', [MIGRATION]);
});
test.after.always(async () => {
  await made?.remove();
  await premium?.close();
  await world?.close();
});

const project = () => ({ ...world.fleet.project, apps: [...world.fleet.project.apps, made.app] as never });
const create = (schema: string) =>
  provisionTenant(
    world.owner,
    { service: world.service, project: project() },
    {
      schema: parseSchemaName(schema),
      name: schema,
      domains: [parseDomainName(`${schema.replaceAll('_', '-')}.localhost`)],
    },
  );
const inside = (schema: string, text: string) =>
  world.asOwner(`begin; set local search_path = ${schema}; ${text}; commit`);
const move = (schema: string, onStep: (step: string) => Promise<void> = async () => {}) =>
  moveTenant(
    { main: { name: 'main', owner: world.owner, service: world.service }, premium: premium.database },
    schema,
    { project: project(), to: 'premium', online: true, blockSeconds: 60, keepDays: 0, onStep },
  );

test.serial('resolves names in functions that compute replicated changes', async (t) => {
  await create('mover');
  await inside('mover', `insert into things values (1, 'sad', 'a')`);
  await move('mover', async (step) => {
    if (step === 'follow') {
      await inside(
        'mover',
        `insert into things values (2, 'fine', 'b'); update things set mood = 'fine' where id = 1`,
      );
    }
  });
  t.deepEqual(await premium.asOwner('select id, one, two, three from mover.things order by id'), [
    { id: 1, one: 'FINE', two: 'FINE', three: 'A' },
    { id: 2, one: 'FINE', two: 'FINE', three: 'B' },
  ]);
});

const BY_NAME = `create function by_name(k mood) returns text language sql immutable as $$ select label(k) $$`;
/** In PL/pgSQL: since version 17, PostgreSQL rejects an index on the SQL function above. */
const BY_NAME_LATE = `create function by_name(k mood) returns text language plpgsql immutable as $$ begin return label(k); end $$`;
for (const [what, text] of [
  [
    'a generated column',
    `${BY_NAME}; alter table things add column x text generated always as (by_name(mood)) stored`,
  ],
  ['a check', `${BY_NAME}; alter table things add constraint x check (by_name(mood) <> '')`],
  ['an index expression', `${BY_NAME_LATE}; create index x on things ((by_name(mood)))`],
  ['an index predicate', `${BY_NAME_LATE}; create index x on things (id) where by_name(mood) <> ''`],
  [
    'a function that a bound one calls',
    `${BY_NAME}; create function y(k mood) returns text language sql immutable return by_name(k); alter table things add constraint x check (y(mood) <> '')`,
  ],
  [
    'an operator',
    `${BY_NAME}; create function z(k mood, text) returns boolean language sql immutable as $$ select label(k) = $2 $$;
     create operator ~~! (function = z, leftarg = mood, rightarg = text); alter table things add constraint x check (mood ~~! 'SAD')`,
  ],
  [
    'a domain',
    `create function w(text) returns boolean language plpgsql immutable as $$ begin return $1::mood is not null; end $$;
     create domain d as text check (w(value)); alter table things add column x d`,
  ],
  [
    'a quoted name',
    `create function q(k mood) returns text language sql immutable as $$ select "label"(k) $$; alter table things add constraint x check (q(mood) <> '')`,
  ],
] as const) {
  test.serial(
    `rejects a move before it starts when ${what} uses a function with an unqualified name`,
    async (t) => {
      const schema = `by_name_${what.replaceAll(' ', '_')}`.slice(0, 40);
      await create(schema);
      await inside(schema, text);
      const steps: string[] = [];
      const moving = move(schema, async (step) => {
        steps.push(step);
      });
      await t.throwsAsync(moving, {
        code: 'precondition_failed',
        message:
          /names "(label|mood)" by its plain name.*set search_path from current.*move it without --online/,
      } as never);
      t.deepEqual(steps, []);
      t.deepEqual(await premium.asOwner('select from pg_namespace where nspname = $1', [schema]), []);
    },
  );
}
