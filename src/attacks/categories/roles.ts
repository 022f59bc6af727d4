import type { AttackContext } from '../context.ts';
import { type AttackFixture, type Category, type Leak, sqlAttack } from '../record.ts';
import type { Wall } from '../walls.ts';

const READ = 'select name from globex.attack_notes';

export const forgedContext = ({ contextMode, globex }: AttackContext): string =>
  contextMode === 'guarded'
    ? `select set_config('backtrace_functions', '${globex.role}', true)`
    : `select set_config(
         'tenancy.context',
         '${globex.role}|' || pg_backend_pid() || '|' || extract(epoch from transaction_timestamp()) || '|00',
         true
       )`;

type Row = readonly [
  id: string,
  what: string,
  walls: readonly [Wall, ...Wall[]],
  texts: (role: string, fixture: AttackFixture) => readonly string[],
  leak?: Leak,
];

const STATEMENT_POLICY: readonly [Wall, ...Wall[]] = ['statement', 'policy'];

const SEVERAL: readonly Row[] = [
  [
    'stacked',
    'become another and read, with stacked statements in a query without values',
    STATEMENT_POLICY,
    (role) => [`select 1; set local role ${role}; ${READ}`],
  ],
  [
    'set',
    'become another with SET ROLE and read',
    STATEMENT_POLICY,
    (role) => [`set local role ${role}`, READ],
  ],
  [
    'comment',
    'become another with SET ROLE behind a comment and a parenthesis and read',
    STATEMENT_POLICY,
    (role) => [`/* select /* */ 1 */ -- select\n set local role ${role}`, `(${READ})`],
  ],
  [
    'write',
    'become another with SET ROLE and write',
    STATEMENT_POLICY,
    (role) => [`set local role ${role}`, `insert into globex.attack_notes (id, name) values (99, 'planted')`],
    'change',
  ],
  [
    'commit',
    'end its transaction, become another and read',
    STATEMENT_POLICY,
    (role) => ['commit', 'begin', `set role ${role}`, READ, 'commit; begin'],
  ],
  [
    'commit-stacked',
    'end its transaction within a query, become another and read',
    STATEMENT_POLICY,
    (role) => [`COMMIT; begin; set local role ${role}; ${READ}; commit; begin`],
  ],
  [
    'chain',
    'chain a new transaction, become another and read',
    STATEMENT_POLICY,
    (role) => ['commit and chain', `set role ${role}`, READ, 'reset role'],
  ],
  [
    'forge',
    'forge the context of another and read as the other',
    ['statement', 'context'],
    (role, { world }) => ['set local role none', forgedContext(world), `set local role ${role}`, READ],
  ],
  [
    'row-security',
    "disable row-level security and read another's row",
    STATEMENT_POLICY,
    (role) => [`set local role ${role}`, 'set local row_security = off', READ],
  ],
  [
    'cursor',
    "read another's rows through a cursor",
    STATEMENT_POLICY,
    (role) => [`set local role ${role}`, `declare c cursor for ${READ}`, 'fetch all from c'],
  ],
  [
    'prepare',
    'prepare a statement and run it as another',
    STATEMENT_POLICY,
    (role) => [`set local role ${role}`, `prepare theirs as ${READ}`, 'execute theirs'],
  ],
  [
    'prepare-before',
    'prepare a statement as itself and run it as another',
    STATEMENT_POLICY,
    (role) => [
      'prepare own as select name from attack_notes',
      `set local role ${role}`,
      'set local search_path = globex',
      'execute own',
    ],
  ],
  [
    'copy',
    "copy another's rows out",
    STATEMENT_POLICY,
    (role) => [`set local role ${role}`, `create temporary table t as ${READ}`, READ],
  ],
  [
    'savepoint',
    'become another inside a savepoint and read',
    STATEMENT_POLICY,
    (role) => ['savepoint mine', `set local role ${role}`, READ, 'rollback to savepoint mine'],
  ],
  [
    'savepoint-error',
    'become another after rolling back to a savepoint',
    STATEMENT_POLICY,
    (role) => [
      'savepoint mine',
      'select 1 / 0',
      'rollback to savepoint mine',
      `set local role ${role}`,
      READ,
    ],
  ],
  [
    'leaky-filter',
    'evaluate its own filter before the policy',
    STATEMENT_POLICY,
    (role) => [`set local role ${role}`, 'select from globex.attack_notes where name::integer = 1'],
  ],
  [
    'for-update',
    'become another and lock its rows',
    STATEMENT_POLICY,
    (role) => [`set local role ${role}`, `${READ} for update`],
  ],
  [
    'login',
    "go back to the service's login and read",
    ['statement', 'login'],
    () => ['set local role none', READ],
  ],
  ['reset', 'reset its role and read', ['statement', 'login'], () => ['reset role', READ]],
  [
    'replica',
    'become another and write without triggers and constraints',
    ['statement', 'policy'],
    (role) => [
      `set local role ${role}`,
      'set local session_replication_role = replica',
      `insert into globex.attack_notes (id, name) values (99, 'planted')`,
    ],
    'change',
  ],
  [
    'session-authorization',
    'become another with SET SESSION AUTHORIZATION and read',
    ['statement', 'login'],
    () => ['set local role none', 'set local session authorization postgres', READ],
  ],
  [
    'do',
    'become another inside DO and read from an error message',
    ['statement', 'hardening', 'policy'],
    (role) => [
      `do $$ begin set local role ${role}; raise exception '%', (select name from globex.attack_notes where id = 1); end $$`,
    ],
  ],
];

export const roles: Category = {
  title: 'Becoming another tenant',
  attacks: SEVERAL.map(([id, what, walls, texts, leak = 'row']) =>
    sqlAttack({
      id: `role-${id}`,
      name: `a tenant cannot ${what}`,
      controls: 'several statements',
      walls,
      leak,
      texts: (fixture) => texts(fixture.world.globex.role, fixture),
    }),
  ),
};
