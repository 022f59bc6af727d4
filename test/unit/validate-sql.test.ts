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
  ['\ninsert into "Other" . a values (1)', /^line 2: ""Other"\."/],
  ['create or replace function x.f() returns int language sql as $$ select 1 $$', /^line 1: "x\."/],
  ['create unique index concurrently a on b (c)', /^line 1: CONCURRENTLY/],
  ['\ncreate extension if not exists citext', /^line 2: .*declare it with `extensions` in defineApp/],
  ['alter extension citext update', /^line 1: extensions belong to the database/],
  ['create table a (b text references\n global . codes (code))', /^line 1: a foreign key to a global table/],
  ['alter table a add foreign key (b) references "global".codes', /^line 1: a foreign key to a global table/],
  ['select 1;\n-- why\ndrop index concurrently if exists a;', /^line 3: CONCURRENTLY/],
] as const) {
  test(`rejects ${JSON.stringify(text)}`, (t) => {
    const found = faults(text);
    t.is(found.length, 1);
    t.regex(found[0] ?? '', fault);
  });
}

test('accepts these words elsewhere', (t) => {
  t.deepEqual(
    faults(`
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
  t.deepEqual(faults('create index concurrently a on b (c)', true), []);
});

test('accepts every tenant SQL file of the repository', async (t) => {
  const folder = path.join(import.meta.dirname, '../../sql/tenant');
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.sql'));
  t.true(files.length > 0);
  for (const file of files) {
    t.deepEqual(faults(await readFile(path.join(folder, file), 'utf8')), [], file);
  }
});
