import type { World } from '../helpers/world.ts';
import type { Wall } from './walls.ts';

/** Statements that would reach globex from a transaction of acme, and every wall that stops them. */
export type Attack = Readonly<{
  /** What a tenant cannot do. */
  title: string;
  /** Each of them alone is enough: sabotage.test.ts takes down all but one, for each one. */
  walls: readonly Wall[];
  statements: (world: World) => readonly string[];
}>;

const forgedContext = ({ carrier, globex }: World): string =>
  carrier === 'guarded'
    ? `select set_config('backtrace_functions', '${globex.role}', true)`
    : `select set_config(
         'tenancy.context',
         '${globex.role}|' || pg_backend_pid() || '|' || extract(epoch from transaction_timestamp()) || '|00',
         true
       )`;

const ONE_STATEMENT: ReadonlyArray<readonly [title: string, text: string]> = [
  ["find another's row by its id", 'select name from globex.projects where id = 1'],
  ["list another's rows", 'table globex.projects'],
  ["read another's users", 'select * from globex.users'],
  ["join its own rows to another's", 'select g.name from projects as p join globex.projects as g using (id)'],
  [
    "have an error tell another's value",
    'select * from projects where (select name from globex.projects where id = 1)::integer = 1',
  ],
  ["add a row to another's table", `insert into globex.projects (id, name) values (99, 'planted')`],
  [
    "overwrite another's row by way of a conflict",
    `insert into globex.projects (id, name) values (1, 'x') on conflict (id) do update set name = excluded.name`,
  ],
  ["change another's row", `update globex.projects set name = 'changed' where id = 1`],
  ["remove another's row", 'delete from globex.projects where id = 1'],
  [
    "merge into another's table",
    `merge into globex.projects as g using projects as p on g.id = p.id
     when matched then update set name = 'merged'`,
  ],
  [
    "change another's row inside a WITH",
    `with changed as (update globex.projects set name = 'changed' where id = 1 returning name) select name from changed`,
  ],
  ["lock and read another's row", 'select name from globex.projects where id = 1 for update'],
];

export const attacks: readonly Attack[] = [
  ...ONE_STATEMENT.map(
    ([title, text]): Attack => ({ title, walls: ['role', 'policy'], statements: () => [text] }),
  ),
  {
    title: "find another's rows under its own tables' names",
    walls: ['path', 'role', 'policy'],
    statements: () => ['select name from projects'],
  },
  {
    title: "change another's rows under its own tables' names",
    walls: ['path', 'role', 'policy'],
    statements: () => [`update projects set name = 'changed' where id = 1`],
  },
  {
    title: 'become another and read, in one expression',
    walls: ['hardening', 'policy'],
    statements: ({ globex }) => [
      `select set_config('role', '${globex.role}', true)
         || query_to_xml('select name from globex.projects', true, false, '')::text`,
    ],
  },
  {
    title: 'become another and read, with statements stacked in a query without values',
    walls: ['statement', 'policy'],
    statements: ({ globex }) => [`select 1; set local role ${globex.role}; select name from globex.projects`],
  },
  {
    title: 'become another with SET ROLE and read',
    walls: ['statement', 'policy'],
    statements: ({ globex }) => [`set local role ${globex.role}`, 'select name from globex.projects'],
  },
  {
    title: 'become another with SET ROLE behind a comment and a parenthesis and read',
    walls: ['statement', 'policy'],
    statements: ({ globex }) => [
      `/* select /* */ 1 */ -- select\n set local role ${globex.role}`,
      '(select name from globex.projects)',
    ],
  },
  {
    title: 'become another with SET ROLE and write',
    walls: ['statement', 'policy'],
    statements: ({ globex }) => [
      `set local role ${globex.role}`,
      `insert into globex.projects (id, name) values (99, 'planted')`,
    ],
  },
  {
    title: 'leave its transaction, become another and read',
    walls: ['statement', 'policy'],
    statements: ({ globex }) => [
      'commit',
      'begin',
      `set role ${globex.role}`,
      'select name from globex.projects',
      'commit; begin',
    ],
  },
  {
    title: 'leave its transaction in the middle of a query, become another and read',
    walls: ['statement', 'policy'],
    statements: ({ globex }) => [
      `COMMIT; begin; set local role ${globex.role}; select name from globex.projects; commit; begin`,
    ],
  },
  {
    title: 'forge the context of another and read as the other',
    walls: ['statement', 'context'],
    statements: (world) => [
      'set local role none',
      forgedContext(world),
      `set local role ${world.globex.role}`,
      'select name from globex.projects',
    ],
  },
  {
    title: "turn row security off and read another's row",
    walls: ['statement', 'policy'],
    statements: ({ globex }) => [
      `set local role ${globex.role}`,
      'set local row_security = off',
      'select name from globex.projects',
    ],
  },
  {
    title: "read another's rows through a cursor",
    walls: ['statement', 'policy'],
    statements: ({ globex }) => [
      `set local role ${globex.role}`,
      'declare c cursor for select name from globex.projects',
      'fetch all from c',
    ],
  },
  {
    title: 'prepare a statement and run it as another',
    walls: ['statement', 'policy'],
    statements: ({ globex }) => [
      `set local role ${globex.role}`,
      'prepare theirs as select name from globex.projects',
      'execute theirs',
    ],
  },
  {
    // A policy stands before tables only: the role is the one wall of a sequence.
    title: "move another's counter",
    walls: ['role'],
    statements: () => [`select nextval('globex.projects_id_seq')`],
  },
  {
    title: "read the registry's rows of others",
    walls: ['registry'],
    statements: () => ['select name from public.tenants'],
  },
];
