import { type Category, sqlAttack } from '../record.ts';
import type { Wall } from '../walls.ts';

const ROLE_POLICY: readonly [Wall, ...Wall[]] = ['role', 'policy'];

const ONE: ReadonlyArray<readonly [id: string, what: string, text: string]> = [
  ['id', "read another's row by its id", 'select name from globex.attack_notes where id = 1'],
  ['table', "list another's rows", 'table globex.attack_notes'],
  ['people', "read another's people", 'select * from globex.attack_people'],
  [
    'join',
    "join its own rows to another's",
    'select g.name from attack_notes as p join globex.attack_notes as g using (id)',
  ],
  [
    'cast',
    "read another's value from an error message",
    'select * from attack_notes where (select name from globex.attack_notes where id = 1)::integer = 1',
  ],
  [
    'insert',
    "insert a row into another's table",
    `insert into globex.attack_notes (id, name) values (99, 'planted')`,
  ],
  [
    'upsert',
    "update another's row with ON CONFLICT",
    `insert into globex.attack_notes (id, name) values (1, 'x') on conflict (id) do update set name = excluded.name`,
  ],
  ['update', "update another's row", `update globex.attack_notes set name = 'changed' where id = 1`],
  ['delete', "delete another's row", 'delete from globex.attack_notes where id = 1'],
  [
    'merge',
    "merge into another's table",
    `merge into globex.attack_notes as g using attack_notes as p on g.id = p.id
     when matched then update set name = 'merged'`,
  ],
  [
    'with-update',
    "update another's row inside WITH",
    `with changed as (update globex.attack_notes set name = 'changed' where id = 1 returning name) select name from changed`,
  ],
  [
    'for-update',
    "lock and read another's row",
    'select name from globex.attack_notes where id = 1 for update',
  ],
  [
    'lateral',
    "read another's rows with a lateral join",
    'select g.name from attack_notes as p, lateral (select x.name from globex.attack_notes as x where x.id = p.id) as g',
  ],
  [
    'union',
    "read another's rows with UNION",
    'select name from attack_notes union all select name from globex.attack_notes',
  ],
  [
    'values',
    "read another's value in VALUES",
    'values ((select name from globex.attack_notes where id = 1))',
  ],
  ['json', "read another's row as JSON", 'select to_jsonb(g) from globex.attack_notes as g'],
  ['whole-row', "read another's row as one text", 'select g::text from globex.attack_notes as g'],
  ['array', "aggregate another's values into an array", 'select array(select name from globex.attack_notes)'],
  [
    'recursive',
    "read another's rows with a recursive query",
    `with recursive walk (id, name) as (
       select id, name from globex.attack_notes where id = 1
       union all select g.id, g.name from walk as w join globex.attack_notes as g on g.id = w.id + 1
     ) select name from walk`,
  ],
  ['sample', "sample another's table", 'select name from globex.attack_notes tablesample system (100)'],
  [
    'copy-in',
    "copy another's rows into its own table",
    'insert into attack_notes (name) select name from globex.attack_notes where id = 1 returning name',
  ],
  [
    'returning',
    "return another's value from an update of its own rows",
    `update attack_notes set description = (select name from globex.attack_notes where id = 1) where id = 1 returning description`,
  ],
  [
    'delete-using',
    "return another's rows from a delete of its own rows",
    'delete from attack_notes as p using globex.attack_notes as g where p.id = g.id and false = (g.id = 99) returning g.name',
  ],
  ['ctid', "read another's row by its ctid", `select name from globex.attack_notes where ctid = '(0,1)'`],
  [
    'populate',
    "expand another's rows as JSON",
    'select r.name from jsonb_to_recordset((select jsonb_agg(g) from globex.attack_notes as g)) as r (name text)',
  ],
  [
    'json-table',
    "read another's rows with JSON_TABLE (PostgreSQL 17)",
    `select t.name from json_table(
       (select jsonb_agg(g) from globex.attack_notes as g), '$[*]' columns (name text path '$.name')
     ) as t`,
  ],
  [
    'xml',
    "read another's values as XML",
    `select xmlserialize(content xmlelement(name taken, (select string_agg(name, ',') from globex.attack_notes)) as text)`,
  ],
  [
    'input-error',
    "read another's value with pg_input_error_info (PostgreSQL 16)",
    `select e.message from pg_input_error_info((select name from globex.attack_notes where id = 1), 'bigint') as e`,
  ],
  [
    'upsert-own',
    "copy another's value into its own row with ON CONFLICT",
    `insert into attack_notes (id, name) values (1, 'x')
     on conflict (id) do update set name = (select g.name from globex.attack_notes as g where g.id = 1) returning name`,
  ],
  [
    'merge-returning',
    "return another's values from MERGE (PostgreSQL 17)",
    `merge into globex.attack_notes as g using attack_notes as p on g.id = p.id
     when matched then update set name = g.name returning g.name`,
  ],
  [
    'returning-old',
    "return another's old value from UPDATE (PostgreSQL 18)",
    `update globex.attack_notes set name = name where id = 1 returning old.name as before`,
  ],
  [
    'taken',
    "move another's row into its own table in one statement",
    `with taken as (delete from globex.attack_notes where id = 2 returning name)
     insert into attack_notes (name) select name from taken returning name`,
  ],
  ['window', "rank another's rows", 'select first_value(name) over (order by id) from globex.attack_notes'],
  ['aggregate', "aggregate another's values", `select string_agg(name, ',') from globex.attack_notes`],
];

export const rows: Category = {
  title: 'Rows by qualified name',
  attacks: [
    ...ONE.map(([id, what, texts]) =>
      sqlAttack({
        id: `rows-${id}`,
        name: `a tenant cannot ${what}`,
        controls: 'one statement',
        walls: ROLE_POLICY,
        leak: /insert|update|delete$|merge|upsert/.test(id) ? 'change' : 'row',
        texts,
      }),
    ),
    sqlAttack({
      id: 'rows-own-names',
      name: "a tenant cannot find another's rows under its own tables' names",
      controls: 'one statement',
      walls: ['path', 'role', 'policy'],
      texts: 'select name from attack_notes',
    }),
    sqlAttack({
      id: 'rows-own-names-write',
      name: "a tenant cannot change another's rows under its own tables' names",
      controls: 'one statement',
      walls: ['path', 'role', 'policy'],
      leak: 'change',
      texts: `update attack_notes set name = 'changed' where id = 1`,
    }),
    {
      id: 'rows-migration',
      name: "a tenant's migration cannot read another's rows, although one role owns both tables",
      controls: 'several statements',
      walls: ['policy'],
      leak: 'row',
      action: ({ world: { acme, globex, migrating } }) =>
        migrating(acme, `select name from ${globex.schema}.attack_notes`),
    },
  ],
};
