import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';

import { validateSql } from '../../src/tenancy/migrations/validate-sql.ts';

const faults = (text: string, concurrent = false) => validateSql(text, { concurrent });

for (const [text, fault] of [
  ['create table a (id int);\n\ncommit;', /^line 3: "commit"/],
  ['-- x\n/* y */ begin;', /^line 2: "begin"/],
  ['select 1;\nsavepoint a', /^line 2: "savepoint"/],
  ['create table public.a (id int)', /^line 1: "public\."/],
  ['\ninsert into "Other" . a values (1)', /^line 2: "Other\."/],
  ['create or replace function x.f() returns int language sql as $$ select 1 $$', /^line 1: "x\."/],
  ['create unique index concurrently a on b (c)', /^line 1: CONCURRENTLY/],
  [
    '\ncreate extension if not exists citext',
    /^line 2: .*declare the extension with `extensions` in defineApp/,
  ],
  ['alter extension citext update', /^line 1: extensions belong to the database/],
  ['create table a (b text references\n global . codes (code))', /^line 1: a foreign key to a global table/],
  ['alter table a add foreign key (b) references "global".codes', /^line 1: a foreign key to a global table/],
  ['select 1;\n-- why\ndrop index concurrently if exists a;', /^line 3: CONCURRENTLY/],
  ['create table a (b int references public.tenants (id))', /^line 1: "public\."/],
  ['create table a (b acme.mood)', /^line 1: "acme\."/],
  ['select 1;\n\nselect *\nfrom "é"."é"\njoin b on true', /^line 4: "é\."/],
  ['update a set b = (select max(c.d) from acme.c)', /^line 1: "acme\."/],
  ['select acme.f()', /^line 1: "acme\."/],
  ['select acme.notes.id from notes', /^line 1: "acme\."/],
  ['create view v as\n  select id\n  from acme.notes', /^line 3: "acme\."/],
  ['create trigger t before update on notes for each row execute function acme.f()', /^line 1: "acme\."/],
  ['create index on acme.notes (id)', /^line 1: "acme\."/],
  ['comment on column acme.notes.id is $$x$$', /^line 1: "acme\."/],
  ['drop trigger t on acme.notes', /^line 1: "acme\."/],
  ['drop table a, acme.notes', /^line 1: "acme\."/],
  ['alter sequence s owned by acme.notes.id', /^line 1: "acme\."/],
  ['alter table notes set schema acme', /^line 1: "acme\."/],
  [
    'select 1;\ncreate function f() returns bigint language sql as $$ select count(*) from acme.notes $$',
    /^line 2: "acme\."/,
  ],
  [
    'create function f() returns int language plpgsql as $$ declare a int; begin a := (select max(id) from acme.notes); return a; end $$',
    /^line 1: "acme\."/,
  ],
  ['do $$ begin perform id from acme.notes; end $$', /^line 1: "acme\."/],
  ['select 1;\nselekt 2;', /^line 2: syntax error at or near "selekt"/],
] as const) {
  test(`rejects ${JSON.stringify(text)}`, async (t) => {
    const found = await faults(text);
    t.is(found.length, 1);
    t.regex(found[0] ?? '', fault);
  });
}

test('accepts these words in other positions', async (t) => {
  t.deepEqual(
    await faults(`
      create table notes (id integer primary key, note text default 'commit; begin');
      -- commit;
      do $$ begin perform 1; end $$;
      create function f() returns integer language sql begin atomic select 1; end;
      comment on table notes is 'concurrently';
      comment on column notes.note is 'references global.codes';
      create view named as select c.name from notes as n join global.codes as c on c.code = n.note;
      update notes set note = n.note from notes as n where n.id = notes.id;
    `),
    [],
  );
  t.deepEqual(await faults('create index concurrently a on b (c)', true), []);
});

test('accepts columns, shared schemas and objects of tables', async (t) => {
  t.deepEqual(
    await faults(`
      create table notes (id integer primary key, at timestamptz default pg_catalog.now());
      create index on notes (lower(notes.id::pg_catalog.text) collate "pg_catalog"."C");
      comment on column notes.id is 'x';
      comment on constraint notes_pkey on notes is 'x';
      alter sequence s owned by notes.id;
      drop trigger if exists t on notes;
      create view v as select n.*, (n).id, c.code from notes as n join global.countries as c on true;
      create function f(a notes.id%type) returns uuid language sql as $$ select tenancy.current_tenant()::uuid $$;
      alter table notes add constraint a check (id operator(pg_catalog.>) 0);
      grant select on notes to current_user;
    `),
    [],
  );
});

test('accepts names with a schema in shared migrations', async (t) => {
  const shared = { concurrent: false, shared: true };
  t.deepEqual(await validateSql('create table public.a (id int)', shared), []);
  t.deepEqual(await validateSql('create table public.a (id int);\ncommit', shared), [
    'line 2: "commit" is not allowed: the engine begins and ends the transaction of a migration',
  ]);
});

test('accepts every tenant SQL file of the repository', async (t) => {
  const folder = path.join(import.meta.dirname, '../../sql/tenant');
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.sql'));
  t.true(files.length > 0);
  for (const file of files) {
    t.deepEqual(await faults(await readFile(path.join(folder, file), 'utf8')), [], file);
  }
});
