import test from 'ava';
import { sql } from 'slonik';
import { z } from 'zod';

import { fetchRows } from '../../src/tenancy/context/fetch-rows.ts';
import type { World } from '../helpers/world.ts';
import { insideOf, namesOf, openDriverWorld } from './driver-world.ts';

let world: World;
test.before(async () => {
  world = await openDriverWorld();
});
test.after.always(() => world?.close());

const inside = insideOf(() => world);
const _names = namesOf(() => world);

test('rejects a cursor of Slonik', async (t) => {
  const { pool } = await inside(t);
  await t.throwsAsync(pool.stream(sql.unsafe`select 1`, () => {}));
});

const numbered = (count: number, text = `repeat('x', 100)`) => ({
  ...sql.type(z.object({ id: z.number(), text: z.string() }))`select`,
  sql: `select i as id, ${text} as text from generate_series(1, ${count}) as s (i)`,
});

for (const isPreparing of [undefined, false] as const) {
  const how = isPreparing === undefined ? 'with' : 'without';
  test(`returns the rows of a query in parts, ${how} prepared statements`, async (t) => {
    const { run, clients } = await inside(t, isPreparing === undefined ? {} : { isPreparing });
    for (const count of [0, 1, 49, 50, 51, 5_000]) {
      const [ids, sizes] = await run(async (tx) => {
        const [ids, sizes]: [number[], number[]] = [[], []];
        for await (const rows of fetchRows(tx, numbered(count))) {
          ids.push(...rows.map(({ id }) => id));
          sizes.push(rows.length);
          // Other statements and other cursors of the transaction do not move this one.
          await tx.query(sql.unsafe`select 1`);
          await fetchRows(tx, numbered(100)).next();
        }
        return [ids, sizes];
      });
      t.deepEqual(
        ids,
        Array.from({ length: count }, (_, index) => index + 1),
      );
      t.true(sizes.every((size) => size <= 500));
    }
    t.is(clients.length, 1);
  });
}

test('a part has fewer rows when the rows are large', async (t) => {
  const { run } = await inside(t);
  const sizes = await run(async (tx) => {
    const sizes: number[] = [];
    for await (const rows of fetchRows(tx, numbered(90, `repeat('x', 100000)`))) {
      sizes.push(rows.length);
    }
    return sizes;
  });
  t.deepEqual(sizes.slice(0, 4), [50, 3, 3, 3]);
});

test('an error in the middle of a cursor rolls the transaction back and keeps the connection', async (t) => {
  const { run, clients } = await inside(t);
  const seen: number[] = [];
  await t.throwsAsync(
    run(async (tx) => {
      for await (const rows of fetchRows(tx, numbered(200, `(1 / (150 - i))::text`))) {
        seen.push(...rows.map(({ id }) => id));
      }
    }),
    { message: /division by zero|22012/ },
  );
  t.true(seen.length >= 50 && seen.length < 150);
  t.is(await run((tx) => tx.oneFirst(sql.unsafe`select 1`)), 1);
  t.is(clients.length, 1);
});

test('a cursor that is not read to its end is closed with the transaction', async (t) => {
  const { run } = await inside(t);
  const left = await run(async (tx) => {
    const rows = fetchRows(tx, numbered(5_000));
    await rows.next();
    return rows;
  });
  await t.throwsAsync(left.next(), { message: /transaction has ended/ });
  t.is(
    // The statement itself runs in a portal without a name.
    await run((tx) => tx.oneFirst(sql.unsafe`select count(*) from pg_catalog.pg_cursor() where name <> ''`)),
    0,
  );
});

test('a cursor accepts only statements that read or write rows', async (t) => {
  const { run } = await inside(t);
  for (const text of ['set role none', 'declare x cursor for select 1', 'select 1; select 2']) {
    const query = { ...sql.type(z.looseObject({}))`select`, sql: text };
    await t.throwsAsync(
      run((tx) => fetchRows(tx, query).next()),
      undefined,
      text,
    );
  }
});
