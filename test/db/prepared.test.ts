import test, { type ExecutionContext } from 'ava';
import type pg from 'pg';
import { type QuerySqlToken, sql } from 'slonik';
import { z } from 'zod';

import { type PreparedStatement, PreparedStatements } from '../../src/db/driver/prepared-statements.ts';
import { querySingle } from '../../src/tenancy/context/query-single.ts';
import type { TenantTransaction } from '../../src/tenancy/context/with-tenant.ts';
import { flushEntry, withTenant } from '../../src/tenancy/context/with-tenant.ts';
import { type Member, openWorld, type World } from '../helpers/world.ts';
import { openTappedPool } from '../isolation/tapped-pool.ts';

const LIMITS = { bytes: 2 ** 24 };
const row = z.looseObject({});
const read = (note: string) => sql.type(row)`select name from notes where name <> ${note} order by id`;

type Prepared = { name: string; statement: string; generic_plans: string; custom_plans: string };

const worlds: Partial<Record<'guarded' | 'signed', World>> = {};
test.before(async () => {
  for (const contextMode of ['guarded', 'signed'] as const) {
    const world = await openWorld({ contextMode });
    worlds[contextMode] = world;
    await world.asOwner(`insert into acme.notes (name) values ('of acme')`);
    await world.asOwner(`insert into globex.notes (name) values ('of globex')`);
  }
});
test.after.always(async () => {
  await Promise.all(Object.values(worlds).map((world) => world.close()));
});
const worldOf = (contextMode: 'guarded' | 'signed'): World => {
  const world = worlds[contextMode];
  if (!world) {
    throw new TypeError('The world is not open.');
  }
  return world;
};

/** A pool of one connection, with the prepared statements of its session. */
async function open(t: ExecutionContext, world: World, preparedStatements = LIMITS) {
  const { pool, clients } = await openTappedPool(world, { preparedStatements });
  t.teardown(() => pool.end());
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
  const client = (): pg.Client => clients.at(-1) as pg.Client;
  return {
    clients,
    client,
    single: (
      { id: tenant }: Member,
      query: QuerySqlToken<z.ZodType>,
      { readOnly = true, schemaVersion = '1' } = {},
    ) =>
      querySingle(
        tenantDatabase,
        { tenant, readOnly, schemaVersion, admitted: ['active'] },
        query,
      ) as Promise<ReadonlyArray<Record<string, unknown>>>,
    inside: <T>({ id: tenant }: Member, work: (tx: TenantTransaction) => Promise<T>) =>
      withTenant(tenantDatabase, { tenant, readOnly: false, schemaVersion: '1' }, work),
    /** Returns the prepared statements of the session. The test grants the right to list them. */
    prepared: async (): Promise<readonly Prepared[]> => {
      await world.asOwner(`grant execute on function pg_catalog.pg_prepared_statement() to ${world.service}`);
      try {
        return (
          await client().query<Prepared>(
            'select name, statement, generic_plans, custom_plans from pg_prepared_statements order by prepare_time',
          )
        ).rows;
      } finally {
        await world.asOwner(
          `revoke execute on function pg_catalog.pg_prepared_statement() from ${world.service}`,
        );
      }
    },
  };
}

const ofNotes = (prepared: readonly Prepared[]) =>
  prepared.filter(({ statement }) => statement.includes('from notes'));

test.serial('prepares a statement once for each tenant, schema version and text', async (t) => {
  const world = worldOf('guarded');
  const { single, prepared } = await open(t, world);
  // The first entry of a connection shows that its backend is its own.
  await single(world.acme, read('warm up'));
  t.deepEqual(await prepared(), []);
  for (let at = 0; at < 3; at += 1) {
    t.deepEqual(await single(world.acme, read('nothing')), [{ name: 'of acme' }]);
    t.deepEqual(await single(world.globex, read('nothing')), [{ name: 'of globex' }]);
  }
  t.is(ofNotes(await prepared()).length, 2);
  const entries = (await prepared()).filter(({ statement }) => statement.includes('tenancy.enter'));
  t.is(entries.length, 1, 'all tenants share the entry');
  await single(world.acme, read('nothing'), { schemaVersion: '2' });
  t.is(ofNotes(await prepared()).length, 3);
  const names = (await prepared()).map(({ name }) => name);
  t.is(new Set(names).size, names.length);
  t.true(names.every((name) => /^[\w-]{16}$/.test(name)));
});

test.serial('a transaction uses the same names', async (t) => {
  const world = worldOf('guarded');
  const { single, inside, prepared } = await open(t, world);
  await single(world.acme, read('warm up'));
  await single(world.acme, read('nothing'));
  for (let at = 0; at < 3; at += 1) {
    await inside(world.acme, async (tx) => {
      await tx.any(read('nothing'));
      await tx.any(read('nothing'));
    });
  }
  t.is(ofNotes(await prepared()).length, 1);
});

test.serial(
  'prepares nothing on a connection whose backend process id changes, as behind a pooler',
  async (t) => {
    const world = worldOf('guarded');
    const { single, prepared, client } = await open(t, world);
    await single(world.acme, read('warm up'));
    Object.assign(client(), { processID: 1 });
    await single(world.acme, read('warm up'));
    const before = (await prepared()).length;
    for (let at = 0; at < 3; at += 1) {
      await single(world.acme, read('nothing'));
    }
    t.is((await prepared()).length, 0, `and the reset has removed ${before}`);
  },
);

test.serial(
  'an error at run time keeps a prepared statement, and an error of its text does not',
  async (t) => {
    const world = worldOf('guarded');
    const { single, prepared } = await open(t, world);
    await single(world.acme, read('warm up'));
    const divide = (by: number) => sql.type(row)`select 1 / ${by}::integer as n from notes`;
    await t.throwsAsync(single(world.acme, divide(0)), { message: /division by zero/ });
    t.deepEqual(await single(world.acme, divide(1)), [{ n: 1 }]);
    t.is(ofNotes(await prepared()).length, 1);
    await t.throwsAsync(single(world.acme, sql.type(row)`select nothing from notes`), { message: /nothing/ });
    t.is(ofNotes(await prepared()).length, 1);
  },
);

test.serial('closes the least recently used statements beyond the limit', async (t) => {
  const world = worldOf('guarded');
  const { single, prepared, clients } = await open(t, world, { bytes: 100_000 });
  for (let at = 0; at < 30; at += 1) {
    const text = { ...read('nothing'), sql: `select ${at} as n from notes where name <> $1` };
    t.deepEqual(await single(world.acme, text), [{ n: at }]);
  }
  // The Close message is sent with the next batch.
  t.true((await prepared()).length <= 6);
  t.is(clients.length, 1);
});

test.serial('the limit is the estimated bytes of all statements', (t) => {
  const statements = new PreparedStatements({ bytes: 60_000 });
  const add = (scope: string, text: string): PreparedStatement => {
    const statement = statements.find(scope, text);
    statements.add(statement);
    return statement;
  };
  const [a, b, c] = [add('t', 'a'), add('t', 'b'), add('t', 'c')];
  t.is(statements.find('t', 'a'), a, 'which keeps it when the limit is next reached');
  add('t', 'd');
  t.deepEqual(statements.takeUnused(), [b.name]);
  t.deepEqual(statements.takeUnused(), []);
  t.is(statements.size, 3);
  add('u', 'a');
  t.deepEqual(statements.takeUnused(), [c.name]);
  t.is(statements.find('t', 'a'), a, 'the same text in another scope is another statement');
  const long = add('t', 'y'.repeat(10_000));
  t.deepEqual(statements.takeUnused(), [long.name], 'a statement above the limit is closed after its use');
  t.is(statements.size, 3);
  t.not(statements.find('t', long.text), long);
  add('t', 'x'.repeat(1_000));
  t.is(statements.size, 1);
  t.is(statements.bytes, 50_000);
});

test.serial('prepares a deallocated statement again without an error', async (t) => {
  const world = worldOf('guarded');
  const { single, inside, client, clients } = await open(t, world);
  const insert = (name: string) => sql.type(row)`insert into notes (name) values (${name}) returning name`;
  await single(world.acme, read('warm up'));
  await single(world.acme, insert('kept 1'), { readOnly: false });
  await client().query('deallocate all');
  t.deepEqual(await single(world.acme, insert('kept 2'), { readOnly: false }), [{ name: 'kept 2' }]);
  await client().query('deallocate all');
  t.deepEqual(await inside(world.acme, (tx) => tx.any(insert('kept 3'))), [{ name: 'kept 3' }]);
  t.deepEqual(
    await world.asOwner(`select name from acme.notes where name like 'kept%' order by name`),
    [{ name: 'kept 1' }, { name: 'kept 2' }, { name: 'kept 3' }],
    'each once',
  );
  t.is(clients.length, 1);
  await world.asOwner(`delete from acme.notes where name like 'kept%'`);
});

test.serial('plans a statement again without an error after its columns have changed', async (t) => {
  const world = worldOf('guarded');
  const { single, clients } = await open(t, world);
  const all = { ...read('nothing'), sql: 'select * from shapes where $1 <> $1 or true' };
  await world.migrating(world.acme, 'create table shapes (a integer)');
  await world.asOwner(`insert into acme.shapes values (1)`);
  await world.asOwner(`select tenancy.protect_schema('acme')`);
  await single(world.acme, all);
  t.deepEqual(await single(world.acme, all), [{ a: 1 }]);
  await world.asOwner('alter table acme.shapes alter a type text, add b integer default 2');
  t.deepEqual(await single(world.acme, all), [{ a: '1', b: 2 }]);
  await world.asOwner('alter table acme.shapes rename a to c');
  t.deepEqual(await single(world.acme, all), [{ c: '1', b: 2 }]);
  t.is(clients.length, 1);
});

test.serial('reports the error of a repeated statement, and does not send it a third time', async (t) => {
  const world = worldOf('guarded');
  const { single, clients } = await open(t, world);
  const unsupported = {
    ...read('nothing'),
    sql: `select count(*) filter (where true) over (order by $1::text range 1 preceding) from notes`,
  };
  for (let at = 0; at < 3; at += 1) {
    await t.throwsAsync(single(world.acme, unsupported));
  }
  t.is(clients.length, 1);
});

// Plans are not shared between tenants, rights or policies.

for (const contextMode of ['guarded', 'signed'] as const) {
  test.serial(
    `${contextMode}: a plan is invalidated when the policy, a privilege, the schema name or the table changes`,
    async (t) => {
      const world = worldOf(contextMode);
      const member = await world.provision('planned');
      const { single } = await open(t, world);
      await world.asOwner(`insert into planned.notes (name) values ('mine')`);
      const look = async () => {
        try {
          return (await single(member, read('nothing'))).map(({ name }) => name);
        } catch (error) {
          return (error as Error).message;
        }
      };
      // PostgreSQL may keep a generic plan from the sixth execution on.
      for (let at = 0; at < 10; at += 1) {
        t.deepEqual(await look(), ['mine']);
      }
      await world.asOwner('alter policy same_tenant on planned.notes using (false)');
      t.deepEqual(await look(), [], 'another policy');
      await world.asOwner('drop policy same_tenant on planned.notes');
      t.deepEqual(await look(), [], 'no policy');
      await world.asOwner(`select tenancy.protect_schema('planned')`);
      t.deepEqual(await look(), ['mine'], 'the policy again');
      await world.asOwner(`revoke select on planned.notes from ${member.role}`);
      t.regex(String(await look()), /permission denied/);
      await world.asOwner(`grant select on planned.notes to ${member.role}`);
      t.deepEqual(await look(), ['mine']);
      await world.asOwner('alter table planned.notes rename to notes_before');
      t.regex(String(await look()), /does not exist/);
      await world.asOwner(
        `create table planned.notes (id bigint generated always as identity, name text not null)`,
      );
      await world.asOwner(`select tenancy.protect_schema('planned')`);
      t.deepEqual(await look(), [], 'a table that was made again');
      await world.asOwner(`insert into planned.notes (name) values ('of the new table')`);
      t.deepEqual(await look(), ['of the new table']);
    },
  );
}

// Only the driver chooses names.

test.serial(
  'a tenant cannot list the statement names, and can when the privilege is granted: control',
  async (t) => {
    const world = worldOf('guarded');
    const { single } = await open(t, world);
    await single(world.acme, read('warm up'));
    await single(world.globex, read('nothing'));
    const list = sql.type(row)`select name, statement from pg_prepared_statements`;
    await t.throwsAsync(single(world.acme, list), { message: /permission denied/ });
    await world.asOwner(`grant execute on function pg_catalog.pg_prepared_statement() to public`);
    const listed = await single(world.acme, list);
    await world.asOwner(`revoke execute on function pg_catalog.pg_prepared_statement() from public`);
    t.true(JSON.stringify(listed).includes('from notes'), 'the test notices when the right is missing');
  },
);

test.serial(
  'a statement redefined under a name of the driver runs in another tenant, so names are random',
  async (t) => {
    const world = worldOf('guarded');
    const { single, inside, client, prepared } = await open(t, world);
    await world.asOwner(`insert into globex.notes (name) values ('to be deleted')`);
    const count = async () =>
      (await world.asOwner(`select from globex.notes where name = 'to be deleted'`)).length;
    const use = () => single(world.globex, read('nothing'), { readOnly: false });
    await use();
    await use();

    /** Sends statements as an attacker in acme past wall 0, before the session serves globex again. */
    const redefine = (name: string) =>
      inside(world.acme, async (tx) => {
        await flushEntry(tx);
        await client().query(`prepare "${name}" (text) as delete from notes returning name`);
      });
    for (const guess of ['s1', 'S_1', 'PGBOUNCER_1', 'a'.repeat(16)]) {
      await redefine(guess).catch(() => {});
    }
    await use();
    t.is(await count(), 1);

    // The same without the rule for the name.
    const own = (await prepared()).find(({ statement }) => statement.includes('from notes where name <>'));
    await client().query(`deallocate "${own?.name}"`);
    await redefine(own?.name ?? '');
    await use().catch(() => {});
    t.is(await count(), 0, 'the test notices when the name is known');
  },
);

test.serial('neither an error nor the statement itself contains the statement name', async (t) => {
  const world = worldOf('guarded');
  const { single, prepared } = await open(t, world);
  await single(world.acme, read('warm up'));
  const query = sql.type(row)`select current_query() as query, 1 / nullif(${1}::integer, 0) as n`;
  const received = JSON.stringify(await single(world.acme, query));
  const error = await t.throwsAsync(single(world.acme, sql.type(row)`select 1 / ${0}::integer as n`));
  const names = (await prepared()).map(({ name }) => name);
  t.true(names.length > 1);
  for (const name of names) {
    t.false(received.includes(name));
    t.false(`${error?.stack}${JSON.stringify(error)}`.includes(name));
  }
});
