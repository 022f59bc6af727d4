/** Run alone: node_modules/.bin/node test/run.ts test/tenancy/context/script-tenancy.test.ts */
import test from 'ava';
import { sql } from 'slonik';

import { openTenancy, type Tenancy } from '../../../src/cli/framework/script-tenancy.ts';
import { openTestTenancy, type TestTenancy } from '../../../src/testing/open-test-tenancy.ts';
import { fixtureProject as project } from '../../fixture-app/project.ts';

let world: TestTenancy;
let tenancy: Tenancy;
test.before(async () => {
  world = await openTestTenancy({ project });
  tenancy = await openTenancy({ project, environment: world.environment });
});
test.after.always(async () => {
  await tenancy?.close();
  await world?.close();
});

const COUNT = 'select count(*)::integer as count from notes where name = $1';

const countOf = async (schema: string, name: string): Promise<number | undefined> => {
  const { rows } = await tenancy.withTenant(schema, (tx) => tx.query<{ count: number }>(COUNT, [name]));
  return rows[0]?.count;
};

test('query accepts the text and values of a query builder', async (t) => {
  // The output of Kysely's compile() and of Drizzle's toSQL().
  const compiled = {
    sql: 'insert into "notes" ("name", "labels", "due_on") values ($1, $2, $3) returning "id", "name"',
    parameters: [`it's $1; select 1`, ['a', 'b'], null],
  };
  const inserted = await tenancy.withTenant('acme', (tx) =>
    tx.query<{ id: number; name: string }>(compiled.sql, compiled.parameters),
  );
  t.is(inserted.rowCount, 1);
  t.is(inserted.rows[0]?.name, `it's $1; select 1`);
  t.is(typeof inserted.rows[0]?.id, 'number');
  t.is(await countOf('acme', `it's $1; select 1`), 1);
  t.is(await countOf('globex', `it's $1; select 1`), 0);
  const { rows } = await tenancy.withTenant('acme', (tx) => tx.query('select 1 as one'));
  t.deepEqual(rows, [{ one: 1 }]);
});

test('query applies the statement wall to text', async (t) => {
  for (const text of [
    'commit',
    'set role none',
    '/* select */ rollback',
    '(reset all)',
    'do $$ begin end $$',
    'copy notes to stdout',
  ]) {
    await t.throwsAsync(
      tenancy.withTenant('acme', (tx) => tx.query(text)),
      { code: 'statement_refused' } as never,
      text,
    );
  }
  for (const values of [[], [1]]) {
    await t.throwsAsync(
      tenancy.withTenant('acme', (tx) => tx.query('select 1; delete from notes', values)),
      { message: /multiple commands|bind message/ },
    );
  }
  await t.throwsAsync(
    tenancy.withTenant('acme', (tx) => tx.query('select count(*) from globex.notes')),
    {
      message: /permission denied/,
    },
  );
});

test('query rejects values that are not an array', async (t) => {
  for (const values of ['x', {}, 1, { [Symbol.iterator]: () => [][Symbol.iterator]() }]) {
    await t.throwsAsync(
      tenancy.withTenant('acme', (tx) => tx.query('select 1', values as never)),
      { instanceOf: TypeError, message: /must be an array/ },
    );
  }
});

test('fails the transaction of a query with text that is not awaited', async (t) => {
  await t.throwsAsync(
    tenancy.withTenant('acme', async (tx) => {
      void tx.query('insert into notes (name) values ($1)', ['floating']);
    }),
    { code: 'transaction_aborted' } as never,
  );
  t.is(await countOf('acme', 'floating'), 0);
});

test('openTenancy lists tenants, and enters one of them', async (t) => {
  t.deepEqual(
    (await tenancy.listTenants()).map(({ schema, status }) => ({ schema, status })),
    [
      { schema: 'acme', status: 'active' },
      { schema: 'globex', status: 'active' },
    ],
  );
  await t.throwsAsync(
    tenancy.withTenant('nobody', async () => {}),
    { code: 'tenant_not_found' } as never,
  );
  await t.throwsAsync(
    tenancy.withTenant('acme"; --', async () => {}),
    { code: 'schema_name_invalid' } as never,
  );
  await t.throwsAsync(
    tenancy.withTenant('acme', (tx) => tx.query('insert into notes (name) values ($1)', ['no']), {
      readOnly: true,
    }),
    { message: /read-only transaction/ },
  );
  await t.throwsAsync(
    tenancy.withTenant('acme', async (tx) => {
      await tx.query(sql.unsafe`insert into notes (name) values ('undone')`);
      throw new Error('changed my mind');
    }),
    { message: 'changed my mind' },
  );
  t.is(await countOf('acme', 'undone'), 0);
});

test('openTenancy names a variable that is missing', async (t) => {
  const { OWNER_DATABASE_URL: _, ...environment } = world.environment;
  await t.throwsAsync(openTenancy({ project, environment }), {
    code: 'configuration_invalid',
    message: /OWNER_DATABASE_URL/,
  } as never);
});
