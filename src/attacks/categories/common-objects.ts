import { named } from '../context.ts';
import { seen } from '../evaluate.ts';
import { inOpenTransaction } from '../in-open-transaction.ts';
import { type Attack, type AttackFixture, type Category, sqlAttack } from '../record.ts';
import { enterBare } from '../send-as-acme.ts';

/** Writes of the global table, and uses of its sequence. */
const WRITES: ReadonlyArray<readonly [id: string, what: string, text: string]> = [
  ['insert', 'insert into', `insert into global.attack_texts (code, name) values ('three', 'x')`],
  ['update', 'update', `update global.attack_texts set name = 'x'`],
  ['delete', 'delete from', 'delete from global.attack_texts'],
  [
    'upsert',
    'overwrite a row of',
    `insert into global.attack_texts (code, name) values ('one', 'x')
     on conflict (code) do update set name = excluded.name`,
  ],
  [
    'merge',
    'merge into',
    `merge into global.attack_texts as t using (values ('one')) as v (code) on t.code = v.code
     when matched then delete`,
  ],
];

/** System columns, which a right on the whole table would include. The owner has locked and changed rows. */
const SYSTEM_COLUMNS: ReadonlyArray<readonly [column: string, what: string]> = [
  ['xmax', 'which rows of a global table others lock'],
  ['xmin', 'when others have written a global table'],
  ['ctid', 'how often others have written a row of a global table'],
];

const systemColumn = ([column, what]: (typeof SYSTEM_COLUMNS)[number]): Attack => ({
  id: `global-${column}`,
  name: `a tenant cannot see ${what}`,
  controls: 'one SQL expression',
  walls: ['global'],
  leak: 'bit',
  action: async ({ world, send }) => {
    await world.asGlobalOwner(named(world, 'select g.code from global.attack_texts as g for update'));
    const received = await send([`select g.${column}::text as ${column} from global.attack_texts as g`]);
    return JSON.stringify(received).includes(`"${column}":"`) ? seen(`${column} was read`) : received;
  },
});

/** Returns whether the owner of the global table is blocked while a transaction of acme is open. */
const probeBlockedOwner = (fixture: AttackFixture, text: string): Promise<unknown> =>
  inOpenTransaction(fixture, [text], async () => {
    const { world } = fixture;
    try {
      await world.asGlobalOwner(
        named(
          world,
          `set local lock_timeout = '200ms';
           update global.attack_texts set code = code;
           lock table global.attack_texts in access exclusive mode`,
        ),
      );
      return [];
    } catch (error) {
      return seen(`the owner is blocked: ${(error as Error).message}`);
    }
  });

/** Objects that acme may not create. The transaction is rolled back. `found` returns a row if it was created. */
const CREATED: ReadonlyArray<
  readonly [id: string, what: string, text: string, found: string, walls: Attack['walls']]
> = [
  [
    'create-in-extensions',
    'create an object on the path of every tenant',
    'create view extensions.attack_made as select 1 as one',
    `select c.relname from pg_class as c where c.relname = 'attack_made'`,
    ['statement', 'privileges'],
  ],
  [
    'create-in-global',
    'create a global table',
    'create table global.attack_made (name text)',
    `select c.relname from pg_class as c where c.relname = 'attack_made'`,
    ['statement', 'privileges'],
  ],
  [
    'create-extension',
    'install an extension',
    'create extension tsm_system_rows',
    'select e.extname from pg_extension as e where e.extowner = current_user::regrole',
    ['statement', 'privileges'],
  ],
  [
    'global-foreign-key',
    'refer to a global table by a foreign key',
    'create table extensions.attack_made (code text references global.attack_texts (code))',
    `select c.relname from pg_class as c where c.relname = 'attack_made'`,
    ['statement', 'privileges', 'global'],
  ],
  [
    'global-trigger',
    'add a trigger to a global table',
    `create trigger attack_made before update on global.attack_texts
     for each row execute function suppress_redundant_updates_trigger()`,
    `select t.tgname from pg_trigger as t where t.tgname = 'attack_made'`,
    ['statement', 'global'],
  ],
];

const created = ([id, what, text, found, walls]: (typeof CREATED)[number]): Attack => ({
  id,
  name: `a tenant cannot ${what}`,
  controls: 'one statement',
  walls,
  leak: 'change',
  action: (fixture) =>
    inOpenTransaction(fixture, [text], async (query) =>
      /"(rel|ext|tg)name":/.test(JSON.stringify(await query(found))) ? seen('created') : [],
    ),
});

/** Functions of extensions that return a value if the tenant may call them. */
const FUNCTIONS: ReadonlyArray<
  readonly [id: string, what: string, text: string, extension: NonNullable<Attack['extension']>]
> = [
  ['show-limit', 'read a limit that another has set on its connection', 'show_limit()', 'pg_trgm'],
  [
    'populate',
    'call the relative of the functions of CVE-2026-120141',
    `null::attack_notes #= '"id"=>"1"'::hstore`,
    'hstore',
  ],
  ['uuid', "read the address of the server's network card", 'uuid_generate_v1()', 'uuid-ossp'],
];

const closedFunction = ([id, what, text, extension]: (typeof FUNCTIONS)[number]): Attack => ({
  id: `extension-${id}`,
  name: `a tenant cannot ${what}`,
  controls: 'one SQL expression',
  walls: ['extensions'],
  leak: 'bit',
  extension,
  action: async ({ send }) => {
    const received = await send([`select 'called' as outcome, (${text})::text as answer`]);
    return JSON.stringify(received).includes('"outcome":"called"') ? seen('called') : received;
  },
});

export const commonObjects: Category = {
  title: 'Global tables and extensions',
  attacks: [
    ...WRITES.map(([id, what, texts]) =>
      sqlAttack({
        id: `global-${id}`,
        name: `a tenant cannot ${what} a global table`,
        controls: 'one statement',
        walls: ['global'],
        leak: 'change',
        texts,
      }),
    ),
    sqlAttack({
      id: 'global-truncate',
      name: 'a tenant cannot empty a global table',
      controls: 'one statement',
      walls: ['statement', 'global'],
      leak: 'change',
      texts: 'truncate global.attack_texts',
    }),
    {
      id: 'global-sequence',
      name: 'a tenant cannot advance the sequence of a global table',
      controls: 'one SQL expression',
      walls: ['global'],
      leak: 'change',
      action: async ({ send }) => {
        const received = await send([`select nextval('global.attack_texts_id_seq')::text as next`]);
        return JSON.stringify(received).includes('"next":"') ? seen('moved') : received;
      },
    },
    ...SYSTEM_COLUMNS.map(systemColumn),
    {
      id: 'global-lock-row',
      name: 'a tenant cannot lock a row of a global table',
      controls: 'one statement',
      walls: ['global'],
      leak: 'change',
      action: (fixture) =>
        probeBlockedOwner(fixture, 'select g.code from global.attack_texts as g for key share'),
    },
    {
      id: 'global-lock-table',
      name: 'a tenant cannot lock a global table',
      controls: 'one statement',
      walls: ['statement', 'global'],
      leak: 'change',
      action: (fixture) => probeBlockedOwner(fixture, 'lock table global.attack_texts in row share mode'),
    },
    ...CREATED.map(created),
    {
      id: 'extension-set-limit',
      name: "a tenant cannot change the limit of pg_trgm for the connection's next user",
      controls: 'one SQL expression',
      walls: ['extensions'],
      leak: 'bit',
      extension: 'pg_trgm',
      action: async ({ world }) => {
        const client = await world.bare();
        try {
          await client.query('begin');
          await enterBare(client, world, world.acme);
          await client.query('select set_limit(0.77)').catch(() => {});
          await client.query('commit; begin');
          await enterBare(client, world, world.globex);
          const { rows } = await client.query(
            `select current_setting('pg_trgm.similarity_threshold', true) as threshold`,
          );
          await client.query('rollback');
          return rows[0]?.threshold === '0.77' ? seen('the limit is still set') : rows;
        } finally {
          await client.end();
        }
      },
    },
    ...FUNCTIONS.map(closedFunction),
  ],
};
