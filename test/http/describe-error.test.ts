import test from 'ava';
import { sql } from 'slonik';
import { z } from 'zod';

import { describeError } from '../../src/observability/describe-error.ts';
import { withTenant } from '../../src/tenancy/context/with-tenant.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { raw } from '../isolation/attack.ts';

let world: World;
test.before(async () => {
  world = await openWorld();
  await world.asOwner(`
    create type acme.mood as enum ('sad');
    create domain acme.short as text constraint short__length check (length(value) < 3);
    create table acme.parents (id bigint primary key);
    create table acme.things (
      id bigint primary key,
      parent_id bigint constraint things__parent references acme.parents,
      code text constraint things__code unique,
      five varchar(5),
      small smallint,
      mood acme.mood,
      short acme.short,
      at timestamptz,
      data jsonb,
      list integer[],
      size integer constraint things__size check (size < 10),
      required text not null default 'x'
    );
    create function acme.shout(what text) returns text language plpgsql as $$
    begin
      raise exception 'the value % is "%"', what, what using errcode = '23514', detail = what;
    end $$;
    insert into acme.things (id, code) values (1, 's3cret');
    select tenancy.protect_schema('acme');
  `);
});
test.after.always(() => world?.close());

const SECRET = 's3cret';

const failing = async (query: ReturnType<typeof sql.unsafe>): Promise<unknown> =>
  withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: false }, (tx) => tx.query(query)).then(
    () => null,
    (error: unknown) => error,
  );

/** Errors of PostgreSQL that contain the value in message, detail or context. */
const QUOTING: ReadonlyArray<readonly [string, ReturnType<typeof sql.unsafe>]> = [
  ['22P02', sql.unsafe`select ${SECRET}::integer`],
  ['22P02', sql.unsafe`insert into things (id, mood) values (2, ${SECRET}::text::mood)`],
  ['22P02', sql.unsafe`select ${`{"a": ${SECRET}}`}::jsonb`],
  ['22P02', sql.unsafe`select ${`{${SECRET}`}::integer[]`],
  ['22007', sql.unsafe`select ${SECRET}::timestamptz`],
  ['22007', sql.unsafe`select ${`2026-99-99 ${SECRET}`}::timestamptz`],
  ['22023', sql.unsafe`select date_trunc(${SECRET}, now())`],
  ['2201B', sql.unsafe`select 'x' ~ ${`(${SECRET}`}`],
  ['22001', sql.unsafe`insert into things (id, five) values (2, ${SECRET})`],
  ['23505', sql.unsafe`insert into things (id, code) values (2, ${SECRET})`],
  ['23514', sql.unsafe`insert into things (id, size, code) values (2, 11, ${`${SECRET}2`})`],
  ['23514', sql.unsafe`insert into things (id, short) values (2, ${SECRET})`],
  ['23502', sql.unsafe`insert into things (id, required, code) values (2, null, ${`${SECRET}3`})`],
  ['23503', sql.unsafe`insert into things (id, parent_id, code) values (2, 7, ${`${SECRET}4`})`],
  ['23514', sql.unsafe`select shout(${SECRET})`],
  ['42601', raw(`select id from things where code = '${SECRET}' '${SECRET}'`)],
  ['42601', raw(`select id from things where code == '${SECRET}' ${SECRET}'`)],
  ['42704', raw(`select '${SECRET}'::unknown_type`)],
  ['42883', raw(`select nowhere('${SECRET}')`)],
  ['22P02', raw(`select '${SECRET}'::integer`)],
  ['42P18', raw(`select $9, '${SECRET}'`)],
];

for (const [index, [code, query]] of QUOTING.entries()) {
  test(`the log of ${code} contains no value, ${index}: ${query.sql.replaceAll(SECRET, '…').slice(0, 60)}`, async (t) => {
    const error = await failing(query);
    t.true(error instanceof Error);
    for (const development of [false, true]) {
      const described = JSON.stringify(describeError(error, { development }));
      t.true(described.includes(code), described);
      t.false(described.includes(SECRET), described);
    }
  });
}

test('PostgreSQL and pg put values into the errors of these tests', async (t) => {
  let found = 0;
  for (const [, query] of QUOTING) {
    const error = (await failing(query)) as Error & { cause?: Error };
    const report = error.cause ?? error;
    found += JSON.stringify([{ ...report }, report.message]).includes(SECRET) ? 1 : 0;
  }
  t.true(found >= 8, String(found));
});

const partsOf = (error: unknown) => {
  const described = describeError(error) as { cause?: Record<string, unknown> } & Record<string, unknown>;
  return { statement: described.statement, report: described.cause ?? described };
};

test('the log of a violated constraint has SQLSTATE, message, statement, schema, table, constraint and stack', async (t) => {
  const { statement, report } = partsOf(
    await failing(sql.unsafe`insert into things (id, code) values (2, ${SECRET})`),
  );
  t.is(statement, 'insert into things (id, code) values (?, $1)');
  t.like(report, {
    code: '23505',
    message: 'duplicate key value violates unique constraint "things__code"',
    schema: 'acme',
    table: 'things',
    constraint: 'things__code',
  });
  t.regex(String(report.stack), /\s+at /);
});

test('the log of an invalid statement describes the mistake', async (t) => {
  const column = partsOf(await failing(sql.unsafe`select wrong from things where code = ${SECRET}`));
  t.is(column.report.message, 'column "wrong" does not exist');
  t.is(column.statement, 'select wrong from things where code = $1');
  const relation = partsOf(await failing(raw('select id from nowhere')));
  t.is(relation.report.message, 'relation "nowhere" does not exist');
  const rights = partsOf(await failing(raw('select pg_reload_conf()')));
  t.is(rights.report.message, 'permission denied for function pg_reload_conf');
});

test('the log of another error has its message, and the paths of invalid schemas in development only', async (t) => {
  t.is(describeError(new TypeError('x is not a function')).message, 'x is not a function');
  t.deepEqual(describeError('thrown text'), { kind: 'string' });
  const row = await withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
    tx.any(sql.type(z.object({ code: z.number() }))`select code from things where code = ${SECRET}`),
  ).catch((error: unknown) => error);
  t.deepEqual(describeError(row, { development: true }).paths, ['code: invalid_type']);
  const production = describeError(row);
  t.is(production.paths, undefined);
  t.is(production.statement, 'select code from things where code = $1');
  const zod = z.object({ user: z.object({ [SECRET]: z.string() }) }).safeParse({ user: {} }).error;
  t.is(describeError(zod).message, undefined);
});
