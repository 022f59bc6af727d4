import { seen } from '../../../src/attacks/evaluate.ts';
import { inOpenTransaction } from '../../../src/attacks/in-open-transaction.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import type { World } from '../../helpers/world.ts';
import { raw, sendAsAcme } from '../attack.ts';
import type { Attack, Category } from './attack.ts';

type Fault = Readonly<{
  id: string;
  what: string;
  plant: (world: World) => string;
  fix: (world: World) => string;
  read: string;
  leak?: 'change';
  /** Called while a transaction of acme that has sent `read` is open. */
  during?: (world: World) => Promise<unknown>;
}>;

const VIEW = 'select name from globex.attack_notes';

const FAULTS: readonly Fault[] = [
  {
    id: 'view',
    what: "a view with its owner's rights",
    plant: ({ acme }) => `create view acme.peek as ${VIEW}; grant select on acme.peek to ${acme.role}`,
    fix: () => 'drop view acme.peek',
    read: 'select name from peek',
  },
  {
    id: 'matview',
    what: 'a materialized view',
    plant: ({ acme }) =>
      `create materialized view acme.peek as ${VIEW}; grant select on acme.peek to ${acme.role}`,
    fix: () => 'drop materialized view acme.peek',
    read: 'select name from peek',
  },
  {
    id: 'definer',
    what: 'a SECURITY DEFINER function',
    plant: ({ acme }) =>
      `create function acme.peek() returns setof text language sql security definer begin atomic ${VIEW}; end;
       grant execute on function acme.peek() to ${acme.role}`,
    fix: () => 'drop function acme.peek()',
    read: 'select peek()',
  },
  {
    id: 'child-table',
    what: 'a table whose child table is in another schema',
    plant: () =>
      `create table acme.peek (like globex.attack_notes including generated);
       alter table acme.peek owner to tenant_owner;
       set role tenant_owner; select tenancy.protect_schema('acme'); reset role;
       alter table globex.attack_notes inherit acme.peek`,
    fix: () => 'alter table globex.attack_notes no inherit acme.peek; drop table acme.peek',
    read: 'select name from peek',
  },
  {
    id: 'cascade',
    what: 'a foreign key that cascades into another schema',
    plant: () =>
      `insert into acme.attack_notes (id, name) select id, 'own' from globex.attack_notes where id > 2;
       alter table globex.attack_notes add constraint tie foreign key (id) references acme.attack_notes on delete cascade`,
    fix: () =>
      `alter table globex.attack_notes drop constraint tie; delete from acme.attack_notes where name = 'own'`,
    read: 'delete from attack_notes where id = 1',
    leak: 'change',
  },
  {
    id: 'open',
    what: 'a policy that is always true, and a grant to PUBLIC',
    plant: () =>
      `create policy wide on globex.attack_notes using (true); grant usage on schema globex to public;
       grant select on globex.attack_notes to public`,
    fix: () =>
      `drop policy wide on globex.attack_notes; revoke usage on schema globex from public;
       revoke select on globex.attack_notes from public`,
    read: VIEW,
  },
  {
    id: 'member',
    what: 'a tenant that is a member of another, and no policy',
    plant: ({ acme, globex }) =>
      `alter table globex.attack_notes disable row level security; grant ${globex.role} to ${acme.role}`,
    fix: ({ acme, globex }) =>
      `alter table globex.attack_notes enable row level security; revoke ${globex.role} from ${acme.role}`,
    read: VIEW,
  },
  {
    id: 'rule',
    what: 'a rule that reads another, and no policy',
    plant: () =>
      `create table acme.peek (name text);
       alter table acme.peek owner to tenant_owner;
       set role tenant_owner; select tenancy.protect_schema('acme'); reset role;
       create rule takes as on insert to acme.peek
         do instead insert into acme.attack_notes (name) select name from globex.attack_notes returning name;
       alter table globex.attack_notes disable row level security`,
    fix: () => 'alter table globex.attack_notes enable row level security; drop table acme.peek',
    read: `insert into peek (name) values ('x') returning name`,
  },
  {
    id: 'keys',
    what: 'a registry that PUBLIC may read',
    plant: () => 'grant select on tenancy.keys to public',
    fix: () => 'revoke select on tenancy.keys from public',
    read: 'select id from tenancy.keys',
  },
  {
    id: 'unhardened',
    what: 'functions that execute text, and a policy that is always true',
    plant: () =>
      `create policy wide on globex.attack_notes using (true);
       grant execute on function pg_catalog.set_config(text, text, boolean) to public;
       grant execute on function pg_catalog.query_to_xml(text, boolean, boolean, text) to public`,
    fix: () =>
      `drop policy wide on globex.attack_notes;
       revoke execute on function pg_catalog.set_config(text, text, boolean) from public;
       revoke execute on function pg_catalog.query_to_xml(text, boolean, boolean, text) from public`,
    read: `select set_config('role', '$globex', true) || query_to_xml('${VIEW}', true, false, '')::text`,
  },
  {
    id: 'global-write',
    what: 'a global table that everybody may write',
    plant: () => 'grant update on global.attack_texts to public',
    fix: () => `revoke update on global.attack_texts from public`,
    read: `update global.attack_texts set name = 'x'`,
    leak: 'change',
  },
  {
    id: 'global-definer',
    what: 'a function that writes a global table with the rights of its owner',
    plant: () =>
      `create function global.peek() returns void language sql security definer
       begin atomic update global.attack_texts set name = 'x'; end;
       grant execute on function global.peek() to public`,
    fix: () => 'drop function global.peek()',
    read: 'select global.peek()',
    leak: 'change',
  },
  {
    id: 'global-view',
    what: "a view in the schema global with its owner's rights",
    plant: () => `create view global.peek as ${VIEW}; grant select on global.peek to public`,
    fix: () => 'drop view global.peek',
    read: 'select name from global.peek',
  },
  {
    id: 'global-foreign-key',
    what: "a foreign key from a tenant's table to a global table",
    plant: () =>
      `create table acme.peek (name text);
       alter table acme.peek owner to tenant_owner;
       set role tenant_owner; select tenancy.protect_schema('acme'); reset role;
       alter table acme.peek add constraint tie foreign key (name) references global.attack_texts (code)`,
    fix: () => 'drop table acme.peek',
    read: `insert into peek (name) values ('one')`,
    leak: 'change',
    during: (world) =>
      world
        .asGlobalOwner(`set local lock_timeout = '200ms'; delete from attack_texts where code = 'one'`)
        .catch((error: Error) => seen(`the owner is blocked: ${error.message}`)),
  },
  {
    id: 'extensions-view',
    what: 'a view on the path of every tenant',
    plant: () => `create view extensions.peek as ${VIEW}; grant select on extensions.peek to public`,
    fix: () => 'drop view extensions.peek',
    read: 'select name from peek',
  },
  {
    id: 'extension',
    what: 'an extension that runs SQL text, and a policy that is always true',
    plant: () =>
      `create policy wide on globex.attack_notes using (true);
       create extension xml2 schema extensions`,
    fix: () => `drop policy wide on globex.attack_notes; drop extension xml2`,
    read: `select t.name from xpath_table(
        '1; set local role $globex; select id', '''<a>'' || name || ''</a>''', 'globex.attack_notes', '/a', 'true'
      ) as t (id text, name text)`,
  },
];

/** Creates the fault. If the service would start nevertheless, acme uses it. */
const misconfigured = ({ id, what, plant, fix, read, leak, during }: Fault): Attack => ({
  id: `config-${id}`,
  name: `the service does not serve with ${what}`,
  controls: 'a wrong configuration',
  walls: ['start'],
  leak: leak ?? 'row',
  action: async (fixture) => {
    const { world, starts } = fixture;
    await world.asOwner(plant(world));
    try {
      if (!(await starts())) {
        return 'it refuses to start';
      }
      return during
        ? await inOpenTransaction(fixture, [read], () => during(world))
        : await sendAsAcme(world, [read.replace('$globex', world.globex.role)]);
    } finally {
      await world.asOwner(fix(world));
    }
  },
});

const superuser: Attack = {
  id: 'config-superuser',
  name: 'the service does not serve with a login that is a superuser',
  controls: 'a wrong configuration',
  walls: ['start'],
  leak: 'row',
  action: async ({ world, starts }) => {
    await world.asOwner(`alter role ${world.service} superuser`);
    try {
      return (await starts()) ? await world.pool.any(raw(VIEW)) : 'it refuses to start';
    } finally {
      await world.asOwner(`alter role ${world.service} nosuperuser`);
    }
  },
};

const wrongKey: Attack = {
  id: 'config-wrong-key',
  name: 'a process with a key that is not in the database cannot enter a tenant',
  controls: 'a wrong configuration',
  walls: ['proof'],
  leak: 'row',
  action: ({ world }) =>
    withTenant(
      { ...world.tenantDatabase, key: { id: 'nobody', secret: Buffer.alloc(32, 7) } },
      { tenant: world.globex.id, readOnly: true },
      (tx) => tx.any(raw('select name from attack_notes')),
    ).catch(String),
};

export const configuration: Category = {
  title: 'A weakened database',
  attacks: [...FAULTS.map(misconfigured), superuser, wrongKey],
};
