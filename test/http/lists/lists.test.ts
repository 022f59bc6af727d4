// Pages, search, filters and ordering against PostgreSQL.
import test from 'ava';
import { sql } from 'slonik';
import { z } from 'zod';

import { ApiError, ValidationFailed } from '../../../src/errors.ts';
import { jsonb } from '../../../src/http/fields/json.ts';
import { assertExists, relation } from '../../../src/http/fields/relation.ts';
import { serializer } from '../../../src/http/fields/serializer.ts';
import { text } from '../../../src/http/fields/text.ts';
import { cursorPage } from '../../../src/http/lists/cursor-page.ts';
import { filtersFor } from '../../../src/http/lists/filters.ts';
import { type NumberedPageOptions, numberedPage } from '../../../src/http/lists/numbered-page.ts';
import { orderingFor } from '../../../src/http/lists/ordering.ts';
import { searchFor } from '../../../src/http/lists/search.ts';
import { type TenantTransaction, withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { fixtureProject } from '../../fixture-app/project.ts';
import fc from '../../helpers/fast-check.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { FILTERS, listOf, note } from './list-notes.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ project: fixtureProject });
  await world.asOwner(`
    insert into acme.notes (name, created_at, level, due_on, amount, details)
    select
      'note ' || (n % 5),
      '2026-01-01T00:00:00.123456Z'::timestamptz + (n % 7) * interval '1 microsecond',
      (case when n % 2 = 0 then 'low' else 'high' end)::acme.note_level,
      case when n % 3 = 0 then null else '2026-01-01'::date + n end,
      case when n % 4 = 0 then null else n + 0.125 end,
      '{"n": 1}'
    from generate_series(1, 25) as n
  `);
});
test.after.always(() => world?.close());

const inside = <T>(work: (tx: TenantTransaction) => Promise<T>): Promise<T> =>
  withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: false }, work);

const ORIGIN = 'http://acme.localhost';
const contextOf = (tx: TenantTransaction, querystring: string, path = '/api/notes/') => ({
  protocol: 'http',
  host: 'acme.localhost',
  path,
  querystring,
  query: Object.fromEntries(new URLSearchParams(querystring)),
  state: { tx, tenant: { id: world.acme.id } as never },
});

const numbered = (querystring: string, options?: NumberedPageOptions) =>
  inside((tx) => {
    const ctx = contextOf(tx, querystring);
    return numberedPage(ctx, listOf(ctx.query), options);
  });
const byCursor = (querystring: string, path?: string) =>
  inside((tx) => {
    const ctx = contextOf(tx, querystring, path);
    return cursorPage(ctx, listOf(ctx.query));
  });
const queryOf = (link: string | null): string => (link === null ? '' : new URL(link).search.slice(1));
const ids = ({ results }: { results: readonly { id: number }[] }): number[] => results.map(({ id }) => id);

test('a numbered page has the rows in the requested order, and the count', async (t) => {
  const page = await numbered('ordering=-name&page_size=7&page=2');
  t.is(page.count, 25);
  t.is(page.results.length, 7);
  t.is(page.previous, `${ORIGIN}/api/notes/?ordering=-name&page_size=7`);
  const all = await numbered('ordering=-name&page_size=100');
  t.deepEqual(ids(page), ids(all).slice(7, 14));
  t.deepEqual(
    all.results
      .map(({ name }) => name)
      .toSorted()
      .toReversed(),
    all.results.map(({ name }) => name),
  );
  const last = await numbered('ordering=-name&page_size=7&page=last');
  t.deepEqual(ids(last), ids(all).slice(21));
  t.is(typeof all.results[0]?.due_on === 'string' || all.results[0]?.due_on === null, true);
});

test('an empty list has one empty page, and a page past the end does not exist', async (t) => {
  const empty = { count: 0, next: null, previous: null, results: [] };
  t.deepEqual(await numbered('name=nothing'), empty);
  t.deepEqual(await numbered('name=nothing&page=last'), empty);
  t.deepEqual(await numbered('name=nothing', { maxCount: 3 }), empty);
  for (const querystring of ['name=nothing&page=2', 'page_size=5&page=6', 'page=999999999']) {
    await t.throwsAsync(numbered(querystring), { message: 'Invalid page.' }, querystring);
    await t.throwsAsync(numbered(querystring, { maxCount: 3 }), { message: 'Invalid page.' }, querystring);
  }
});

test('a list with a maximum count is counted up to it, and all of its pages are served', async (t) => {
  const all = await numbered('page_size=100');
  const seen: number[] = [];
  let query = 'page_size=4';
  for (let number = 0; number < 10 && query; number += 1) {
    const page = await numbered(query, { maxCount: 10 });
    t.is(page.count, 10);
    seen.push(...ids(page));
    query = queryOf(page.next);
  }
  t.deepEqual(seen, ids(all));
  const last = await numbered('page_size=4&page=last', { maxCount: 10 });
  t.deepEqual([last.count, ids(last)], [10, ids(all).slice(8, 12)]);
  t.truthy(last.next);
  t.deepEqual(await numbered('page_size=4&page=3', { maxCount: 25 }), await numbered('page_size=4&page=3'));
  t.deepEqual(
    await numbered('page=last&page_size=4', { maxCount: 30 }),
    await numbered('page=last&page_size=4'),
  );
});

for (const ordering of [
  '',
  '-id',
  'name',
  '-name',
  'created_at',
  '-created_at,name',
  'level,-name',
  'due_on',
  '-due_on',
  'amount,due_on',
  '-amount,-name',
  'author_id',
]) {
  test(`cursor pages by "${ordering}" contain every row once, forwards and backwards`, async (t) => {
    const all = ids(await numbered(`ordering=${ordering}&page_size=100`));
    const seen: number[] = [];
    const pages: number[][] = [];
    let page = await byCursor(`ordering=${ordering}&page_size=4`);
    t.is(page.previous, null);
    for (;;) {
      seen.push(...ids(page));
      pages.push(ids(page));
      if (page.next === null) {
        break;
      }
      page = await byCursor(queryOf(page.next));
    }
    t.deepEqual(seen, all);
    for (const expected of pages.toReversed().slice(1)) {
      page = await byCursor(queryOf(page.previous));
      t.deepEqual(ids(page), expected);
    }
    t.is(page.previous, null);
  });
}

test.serial('a cursor page keeps its position when rows are added and deleted', async (t) => {
  await world.asOwner(`insert into acme.notes (name) select 'moving ' || n from generate_series(1, 9) as n`);
  const names = ({ results }: { results: readonly { name: string }[] }) => results.map(({ name }) => name);
  const first = await byCursor('search=moving&ordering=name&page_size=3');
  await world.asOwner(`delete from acme.notes where name in ('moving 1', 'moving 3')`);
  await world.asOwner(`insert into acme.notes (name) values ('moving 0')`);
  const second = await byCursor(queryOf(first.next));
  t.deepEqual(names(second), ['moving 4', 'moving 5', 'moving 6']);
  t.deepEqual(names(await byCursor(queryOf(second.previous))), ['moving 0', 'moving 2']);
  await world.asOwner(`delete from acme.notes where name like 'moving %'`);
});

test.serial('an empty page past the last row links to the previous page', async (t) => {
  const [row] = await world.asOwner<{ id: number }>(
    `insert into acme.notes (name) values ('goes') returning id::int`,
  );
  const page = await byCursor('search=goes');
  const { next } = await byCursor('page_size=25');
  await world.asOwner(`delete from acme.notes where id = ${row?.id}`);
  t.is(page.results.length, 1);
  const empty = await byCursor(queryOf(next));
  t.deepEqual([empty.results.length, empty.next], [0, null]);
  t.is(ids(await byCursor(queryOf(empty.previous))).length, 25);
});

test('rejects a changed cursor and a cursor of another list', async (t) => {
  const { next } = await byCursor('ordering=name&page_size=3');
  const cursor = new URLSearchParams(queryOf(next)).get('cursor') ?? '';
  const invalid = { instanceOf: ApiError, message: 'Invalid cursor' };
  await t.throwsAsync(byCursor(`cursor=${cursor}&ordering=-name`), invalid);
  await t.throwsAsync(byCursor(`cursor=${cursor}`), invalid);
  await t.throwsAsync(byCursor(`cursor=${cursor}&ordering=name`, '/api/others/'), invalid);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(cursor.length - 1),
      fc.constantFrom('', 'A', 'B', '-', '_', '%00', '=', '🎉', 'AAAA'),
      async (index, put) => {
        const changed = cursor.slice(0, index) + put + cursor.slice(index + 1);
        fc.pre(changed !== cursor);
        await t.throwsAsync(byCursor(`ordering=name&cursor=${changed}`), invalid, changed);
      },
    ),
    { numRuns: 40 },
  );
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    "' or true --",
    "'; drop table notes; --",
    '%',
    '_',
    '\\',
    '{}',
    'null',
    '1e400',
    '\0',
    '$1',
  ),
  fc.integer().map(String),
);

test('no value of search, filters, ordering or cursor causes a database error', async (t) => {
  const parameters = [
    'search',
    'ordering',
    'page',
    'page_size',
    ...Object.entries(FILTERS).flatMap(([name, lookups]) =>
      lookups.map((lookup) => (lookup === 'exact' ? name : `${name}__${lookup}`)),
    ),
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...parameters), hostile), { maxLength: 4 }),
      async (given) => {
        const querystring = new URLSearchParams(given).toString();
        for (const ask of [numbered, byCursor]) {
          try {
            await ask(querystring);
          } catch (error) {
            t.true(error instanceof ApiError, `${querystring}: ${String(error)}`);
          }
        }
      },
    ),
    { numRuns: 60 },
  );
  t.is((await numbered('')).count, 25);
});

test('filters compare by value, and reject the values that the field rejects', async (t) => {
  const count = async (querystring: string): Promise<number> => (await numbered(querystring)).count;
  t.is(await count('level=high'), 13 - 0);
  t.is(await count('level__in=high,low'), 25);
  t.is(await count('name=note 1'), 5);
  t.is(await count('name__icontains=NOTE 1'), 5);
  t.is(await count('amount__isnull=true'), 6);
  t.is(await count('amount__isnull=false&amount__gt=20'), 4);
  t.is(await count('created_at__gt=2026-01-01T00:00:00.123Z'), 25);
  t.is(await count('created_at=2026-01-01T01:00:00.123457%2B01:00'), 4);
  t.is(await count('created_at__gt=2026-01-01 00:00:00,123460'), 6);
  t.is(await count('due_on__lte=2026-01-03'), 2);
  t.is(await count('id__in=1,2,3&name='), 3);
});

test('a value that a filter rejects returns 400 on the parameter', async (t) => {
  const error = await t.throwsAsync<ValidationFailed>(
    numbered('id=x&created_at__gte=y&level=medium&id__in=1,z&amount__isnull=perhaps&unknown=1'),
    { instanceOf: ValidationFailed },
  );
  t.deepEqual(error?.fields, {
    id: ['Incorrect type. Expected pk value, received str.'],
    id__in: ['Incorrect type. Expected pk value, received str.'],
    created_at__gte: [
      'Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].',
    ],
    level: ['"medium" is not a valid choice.'],
    amount__isnull: ['Must be a valid boolean.'],
  });
});

test('limits a search, which matches the beginning or the whole value as configured', async (t) => {
  const find = (search: string, fields: readonly string[]) =>
    inside((tx) => {
      const ctx = contextOf(tx, new URLSearchParams({ search }).toString());
      return numberedPage(ctx, { ...listOf({}), where: [searchFor(ctx.query, fields)] });
    });
  t.is((await find('note', ['name'])).count, 25);
  t.is((await find('ote', ['^name'])).count, 0);
  t.is((await find('NOT', ['^name'])).count, 25);
  t.is((await find('"note 1"', ['=name'])).count, 5);
  t.is((await find('note 1', ['=name'])).count, 0);
  const fields = async (search: string) =>
    (await t.throwsAsync<ValidationFailed>(find(search, ['name'])))?.fields;
  t.deepEqual(await fields('x'.repeat(501)), {
    search: ['Ensure this field has no more than 500 characters.'],
  });
  t.deepEqual(await fields('a '.repeat(21)), { search: ['Ensure this field has no more than 20 words.'] });
});

test('the app sets the limits of a search and of a filter', (t) => {
  const limits = { searchLength: 10, searchWords: 2, filterValues: 3 };
  const faultsOf = (work: () => unknown) => t.throws<ValidationFailed>(work)?.fields;
  const search = (text: string) => () => searchFor({ search: text }, ['name'], { limits });
  const filter = (text: string) => () =>
    filtersFor({ id__in: text }, note.fields, { id: ['in'] }, { limits });
  t.notThrows(search('🎉'.repeat(10)));
  t.deepEqual(faultsOf(search('🎉'.repeat(11))), {
    search: ['Ensure this field has no more than 10 characters.'],
  });
  t.notThrows(search('a b'));
  t.deepEqual(faultsOf(search('a b c')), { search: ['Ensure this field has no more than 2 words.'] });
  t.notThrows(filter('1,2,3'));
  t.deepEqual(faultsOf(filter('1,2,3,4')), { id__in: ['Ensure this field has no more than 3 elements.'] });
});

test.serial('searches, filters and orders a list of joined tables by their columns', async (t) => {
  await world.asOwner(`
    insert into acme.people (id, username) values (1, 'ann'), (2, 'ben');
    update acme.notes set author_id = 1 + id % 2 where id <= 10;
  `);
  const joined = serializer({ id: relation(), name: text(), author: text() });
  const columns = {
    id: sql.fragment`n.id`,
    name: sql.fragment`n.name`,
    author: sql.fragment`p.username`,
  };
  const ask = (page: typeof numberedPage | typeof cursorPage, querystring: string) =>
    inside((tx) => {
      const ctx = contextOf(tx, querystring);
      return page(ctx, {
        row: joined.row,
        columns: sql.fragment`n.id, n.name, p.username as author`,
        from: sql.fragment`notes as n join people as p on p.id = n.author_id`,
        where: [
          searchFor(ctx.query, ['name', 'author'], { columns }),
          filtersFor(ctx.query, joined.fields, { author: ['exact'] }, { columns }),
        ],
        order: orderingFor(ctx.query, joined.fields, { allowed: ['author', 'name'], columns }),
      });
    });
  for (const page of [numberedPage, cursorPage] as const) {
    t.deepEqual(ids(await ask(page, 'search=ben')), [1, 3, 5, 7, 9]);
    t.deepEqual(ids(await ask(page, 'author=ann&ordering=-name&page_size=2')), [4, 8]);
  }
  const { next } = await ask(cursorPage, 'author=ann&ordering=-name&page_size=2');
  t.deepEqual(ids(await ask(cursorPage, queryOf(next))), [2, 6]);
  await world.asOwner('update acme.notes set author_id = null');
});

test.serial('writes a JSON value completely, and reports a missing relation on its field', async (t) => {
  const found = await inside(async (tx) => {
    await tx.query(sql.type(z.object({}))`
      insert into notes (name, details)
      values ('json', ${jsonb({ a: ["'", 1], b: null })})
    `);
    return tx.one(
      sql.type(z.object({ details: z.unknown() }))`select details from notes where name = 'json'`,
    );
  });
  t.deepEqual(found.details, { a: ["'", 1], b: null });
  await world.asOwner(`delete from acme.notes where name = 'json'`);
  const people = (id: number) => sql.fragment`select from people where id = ${id}`;
  const error = await t.throwsAsync<ValidationFailed>(
    inside((tx) => assertExists(tx, 'author', 77, people(77))),
    { instanceOf: ValidationFailed },
  );
  t.deepEqual(error?.fields, { author: ['Invalid pk "77" - object does not exist.'] });
  await t.notThrowsAsync(inside((tx) => assertExists(tx, 'author', null, people(77))));
});
