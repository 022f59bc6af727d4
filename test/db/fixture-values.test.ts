// Values of many types through dump-data and load-data: every digit is kept.
import test from 'ava';
import fc from 'fast-check';
import type pg from 'pg';

import { dumpFixture } from '../../src/tenancy/fixtures/dump-fixture.ts';
import { loadFixture } from '../../src/tenancy/fixtures/load-fixture.ts';
import type { Model } from '../../src/tenancy/fixtures/model.ts';
import { parseFixture } from '../../src/tenancy/fixtures/parse-fixture.ts';
import { withOwnerTenant } from '../../src/tenancy/with-owner-tenant.ts';
import { openWorld, type World } from '../helpers/world.ts';

const integer = (bits: bigint) => fc.bigInt(-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n).map(String);
const numericOf = (digits: bigint): fc.Arbitrary<string> =>
  fc
    .tuple(fc.bigInt({ min: -(10n ** digits), max: 10n ** digits }), fc.nat({ max: 12 }))
    .map(([digits, scale]) => {
      const text = digits
        .toString()
        .replace('-', '')
        .padStart(scale + 1, '0');
      const sign = digits < 0n ? '-' : '';
      return `${sign}${scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`}`;
    });
const numeric = numericOf(30n);
const float = fc.double().map((value) => (Object.is(value, -0) ? '-0' : String(value)));
// PostgreSQL stores no NUL.
const text = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 8 }).map((value) => value.replaceAll('\0', '')),
  fc.constantFrom('', 'null', 'NULL', '{}', '"', '\\', "'", '[0:1]={a,b}', '{"$text": "x"}', '\u001b[31m'),
);
const quoted = (value: string): string => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
const array = (item: fc.Arbitrary<string>, type = 'list') =>
  fc
    .tuple(
      fc.array(fc.option(item.map(quoted), { nil: 'NULL' }), { maxLength: 4 }),
      fc.integer({ min: -3, max: 3 }),
    )
    .map(([items, from]) =>
      items.length === 0 || type === 'plain'
        ? `{${items.join(',')}}`
        : `[${from}:${from + items.length - 1}]={${items.join(',')}}`,
    );
const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.constantFrom('null', 'true', 'false', '[]', '{}', '1e22', '9007199254740993', '1.10', '-0.0', '""'),
    numeric,
    text.map((value) => JSON.stringify(value)),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
    fc
      .array(fc.tuple(fc.oneof(text, fc.constantFrom('$text', '__proto__', '1')), tie('value')), {
        maxLength: 3,
      })
      .map((pairs) => `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`),
  ),
})).value;
const date = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })
  .map((value) => value.toISOString());
const instant = fc.oneof(date, fc.constantFrom('infinity', '-infinity', '0044-03-15 12:00:00.000001 BC'));
const part = text.map((value) => (value === '' ? '""' : quoted(value)));

/** By type: texts that PostgreSQL reads as values of it. */
const TYPES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  boolean: fc.constantFrom('t', 'f'),
  smallint: integer(16n),
  integer: integer(32n),
  bigint: integer(64n),
  numeric: fc.oneof(numeric, fc.constantFrom('NaN', 'Infinity', '-Infinity', '1.10', '1234567890123456.789')),
  'numeric(40, 3)': numericOf(20n),
  real: fc.oneof(fc.float().map(String), fc.constantFrom('NaN', '-0', 'Infinity')),
  'double precision': float,
  text,
  'character varying(20)': text.filter((value) => [...value].length <= 20),
  'character(3)': fc.constantFrom('', 'a', 'ab', 'abc'),
  '"char"': fc.constantFrom('', 'a', '"'),
  name: fc.constantFrom('a', 'ü', 'with space'),
  bytea: fc.uint8Array({ maxLength: 9 }).map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`),
  uuid: fc.uuid(),
  date: fc.oneof(
    date.map((value) => value.slice(0, 10)),
    fc.constantFrom('infinity', '0044-03-15 BC'),
  ),
  time: date.map((value) => value.slice(11, 23)),
  timetz: date.map((value) => `${value.slice(11, 23)}+05:30`),
  timestamp: instant,
  timestamptz: instant,
  interval: fc.constantFrom('1 mon -3 days 04:05:06.789', '-1 year', '00:00:00', '178956970 years'),
  json: jsonText,
  jsonb: jsonText,
  xml: fc.constantFrom('<a/>', '<a>x</a>', 'text'),
  money: fc.constantFrom('$1.00', '-$1,234.56', '$92,233,720,368,547,758.07'),
  inet: fc.constantFrom('192.168.0.1/24', '::1', '10.0.0.1'),
  cidr: fc.constantFrom('10.0.0.0/8'),
  macaddr: fc.constantFrom('08:00:2b:01:02:03'),
  'bit(3)': fc.constantFrom('101', '000'),
  'bit varying': fc.constantFrom('', '1', '10101'),
  point: fc.constantFrom('(1.5,-2)', '(0.1,1e+100)'),
  box: fc.constantFrom('(2,2),(0,0)'),
  int4range: fc.constantFrom('empty', '[1,5)', '(,)'),
  int4multirange: fc.constantFrom('{}', '{[1,3),[5,7)}'),
  tsvector: fc.constantFrom("'a':1 'it''s':2"),
  pg_lsn: fc.constantFrom('16/B374D848'),
  jsonpath: fc.constantFrom('$."a"[*]'),
  mood: fc.constantFrom('sad', 'not, "so" sad'),
  amount: numericOf(12n),
  pair: fc.oneof(
    fc
      .tuple(fc.option(integer(32n), { nil: '' }), fc.option(part, { nil: '' }))
      .map((both) => `(${both.join(',')})`),
    fc.constant('(,)'),
  ),
  'integer[]': array(integer(32n)),
  'bigint[]': fc.oneof(
    array(integer(64n)),
    fc.constantFrom('{{1,2},{3,4}}', '[0:1][5:6]={{1,2},{3,9007199254740993}}'),
  ),
  'numeric[]': array(fc.oneof(numeric, fc.constant('NaN'))),
  'float8[]': array(float),
  'boolean[]': array(fc.constantFrom('t', 'f')),
  'text[]': fc.oneof(array(text), array(text, 'plain')),
  'timestamptz[]': array(instant),
  'json[]': array(jsonText),
  'jsonb[]': array(jsonText),
  'box[]': fc.constantFrom('{(2,2),(0,0);(1,1),(0,0)}'),
  'pair[]': fc.constantFrom('{"(1,\\"a b\\")","(,)",NULL}'),
  'mood[]': fc.constantFrom('{sad,NULL}'),
  int2vector: fc.constantFrom('1 2 3'),
};

const COLUMNS = Object.keys(TYPES).map((type, place) => ({ type, name: `c${place}` }));
const VALUES: Model = { model: 'fixture.value', table: 'values' };

let world: World;
test.before(async () => {
  world = await openWorld();
});
test.after.always(() => world?.close());

const asOwner = <T>(schema: string, work: (client: pg.Client) => Promise<T>): Promise<T> =>
  withOwnerTenant(world.owner, schema, work);

async function create(schema: string, ddl: string): Promise<void> {
  await world.provision(schema);
  await asOwner(schema, async (client) => {
    await client.query(ddl);
    await client.query('select tenancy.protect_schema(current_schema())');
  });
}

async function dump(client: pg.ClientBase, models: readonly Model[]): Promise<string> {
  const entries: string[] = [];
  for await (const entry of dumpFixture(client, models)) {
    entries.push(entry);
  }
  return `[${entries.join(',\n')}]`;
}

test('every value of every type is the same after dump-data and load-data', async (t) => {
  const ddl = `
    create type mood as enum ('sad', 'not, "so" sad');
    create domain amount as numeric;
    create type pair as (number integer, note text);
    create table "values" (
      id integer primary key,
      ${COLUMNS.map(({ name, type }) => `${name} ${type}`).join(',')}
    )`;
  await create('values_a', ddl);
  await create('values_b', ddl);
  const names = COLUMNS.map(({ name }) => name);
  const texts = `select id, ${names.map((name) => `format('%s', ${name}) || (${name} is distinct from null)::text as ${name}`).join(', ')} from "values" order by id`;
  const row = fc.tuple(
    ...COLUMNS.map(({ type }) => fc.option(TYPES[type] as fc.Arbitrary<string>, { freq: 8 })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 5 }), async (rows) => {
      const [fixture, before] = await asOwner('values_a', async (client) => {
        await client.query('truncate "values"');
        for (const [place, values] of rows.entries()) {
          await client.query(
            `insert into "values" (id, ${names.join(', ')}) values ($1, ${names.map((_name, at) => `$${at + 2}`).join(', ')})`,
            [place, ...values],
          );
        }
        await client.query(`set local timezone = 'Asia/Kolkata'`);
        const dumped = await dump(client, [VALUES]);
        return [dumped, (await client.query(texts)).rows];
      });
      const after = await asOwner('values_b', async (client) => {
        await client.query('truncate "values"');
        await client.query(`set local timezone = 'America/New_York'`);
        await loadFixture(client, parseFixture(fixture), [VALUES]);
        t.is(await dump(client, [VALUES]), fixture);
        return (await client.query(texts)).rows;
      });
      t.deepEqual(after, before);
    }),
    { numRuns: 40, endOnFailure: true },
  );
});

const NAMES = [
  't',
  'r',
  's',
  'x',
  'o',
  'k',
  'c',
  'given',
  'target',
  'excluded',
  'entries',
  '__proto__',
  'pk',
  'fields',
];

test('no alias captures a column, and no table is taken for an alias', async (t) => {
  const tables = ['t', 'x', 'excluded', 'given', 'target'];
  const ddl = tables
    .map(
      (table) =>
        `create table ${table} (id bigint generated always as identity primary key, ${NAMES.map((name) => `${name} text`).join(', ')}, o_id bigint references ${table} deferrable initially deferred);`,
    )
    .join('\n');
  await create('captured_a', ddl);
  await create('captured_b', ddl);
  const models = tables.map((table) => ({ model: `fixture.${table}`, table }));
  const fields = Object.fromEntries(NAMES.map((name) => [name, `${name}'s`]));
  const pairs = NAMES.map((name) => `${JSON.stringify(name)}: ${JSON.stringify(`${name}'s`)}`).join(', ');
  const file = models.map(({ model }) => `{"model": "${model}", "pk": 1, "fields": {${pairs}, "o_id": 1}}`);
  await asOwner('captured_a', (client) => loadFixture(client, parseFixture(`[${file.join(',')}]`), models));
  const dumped = await asOwner('captured_a', (client) => dump(client, models));
  t.is(JSON.parse(dumped).length, tables.length);
  t.deepEqual(Object.keys(JSON.parse(dumped)[0].fields).sort(), [...NAMES, 'o_id'].sort());
  for (const _time of ['first', 'second']) {
    await asOwner('captured_b', (client) => loadFixture(client, parseFixture(dumped), models));
  }
  t.is(await asOwner('captured_b', (client) => dump(client, models)), dumped);
  const [row] = await world.asOwner('select * from captured_b.excluded');
  t.like(row, { id: '1', o_id: '1', t: fields.t, excluded: "excluded's" });
  t.is(Object.entries(row ?? {}).length + (Object.hasOwn(row ?? {}, '__proto__') ? 0 : 1), NAMES.length + 2);
});

const TREE: readonly Model[] = [
  { model: 'fixture.node', table: 'nodes' },
  { model: 'fixture.leaf', table: 'leaves' },
];

test.serial('deferred constraints are checked where the error can name row, model and field', async (t) => {
  await create(
    'deferred',
    `
    create table nodes (
      id integer primary key,
      parent_id integer references nodes deferrable initially deferred,
      code text unique deferrable initially deferred
    );
    create table leaves (id integer primary key, node_id integer not null references nodes)`,
  );
  const load = (rows: readonly unknown[]) =>
    asOwner('deferred', (client) => loadFixture(client, parseFixture(JSON.stringify(rows)), TREE));
  const node = (pk: number, fields: object) => ({ model: 'fixture.node', pk, fields });
  await t.throwsAsync(load([node(1, {}), node(2, { parent: 1 }), node(3, { parent: 99 })]), {
    code: 'fixture_invalid',
    message: /^Row 2 \(fixture\.node, pk 3\): field "parent_id": .*violates foreign key.* \(99\)\./,
  } as never);
  await t.throwsAsync(load([node(1, { code: 'a' }), node(2, {}), node(3, { code: 'a' })]), {
    code: 'fixture_invalid',
    message: /^Row 2 \(fixture\.node, pk 3\): field "code": duplicate key/,
  } as never);
  t.deepEqual(await world.asOwner('select id from deferred.nodes'), []);
  await load([node(1, { parent: 2 }), node(2, { parent: 1 })]);
});

test.serial(
  'rows of one model may refer to later rows, farther away than one statement writes',
  async (t) => {
    await create('tree', 'create table nodes (id integer primary key, parent_id integer references nodes)');
    const load = (rows: readonly unknown[]) =>
      asOwner('tree', (client) => loadFixture(client, parseFixture(JSON.stringify(rows)), TREE.slice(0, 1)));
    const node = (pk: number, parent: number | null) => ({ model: 'fixture.node', pk, fields: { parent } });
    const rows = [
      node(1, 900),
      ...Array.from({ length: 899 }, (_, n) => node(n + 2, n === 898 ? null : 900)),
    ];
    t.deepEqual([...(await load([...rows, node(1, 2)]))], [['fixture.node', 901]]);
    t.deepEqual(await world.asOwner('select parent_id from tree.nodes where id = 1'), [{ parent_id: 2 }]);
    await t.throwsAsync(load([node(2000, 3000), node(3000, 4000)]), {
      message: /^Row 1 \(fixture\.node, pk 3000\): field "parent_id": .* \(4000\)\./,
    });
  },
);

test.serial('a time without a zone is in UTC, whatever the zone of the login is', async (t) => {
  await create('zones', 'create table "values" (id integer primary key, at timestamptz)');
  await asOwner('zones', async (client) => {
    await client.query(`set local timezone = 'Asia/Kolkata'`);
    await loadFixture(
      client,
      parseFixture('[{"model": "fixture.value", "pk": 1, "fields": {"at": "2026-01-01T10:00:00"}}]'),
      [VALUES],
    );
  });
  const [row] = await world.asOwner(
    `select at at time zone 'UTC' = '2026-01-01 10:00' as utc from zones."values"`,
  );
  t.true(row?.utc);
});

test.serial('what a column cannot have is rejected with its name', async (t) => {
  await create(
    'rejected',
    `create type pair as (number integer, note text);
     create table "values" (id integer primary key, pair pair, words text[], short varchar(3), note text)`,
  );
  const load = (fields: string) =>
    asOwner('rejected', (client) =>
      loadFixture(client, parseFixture(`[{"model": "fixture.value", "pk": 1, "fields": ${fields}}]`), [
        VALUES,
      ]),
    );
  for (const [fields, field] of [
    ['{"pair": {"numbr": 1}}', 'pair'],
    ['{"pair": [1]}', 'pair'],
    ['{"pair": {"number": "x"}}', 'pair'],
    ['{"words": {"a": 1}}', 'words'],
    ['{"short": "abcd"}', 'short'],
    ['{"note": "\\ud800"}', 'note'],
    ['{"note": "a\\u0000"}', 'note'],
    ['{"note": {"$text": 1}}', 'note'],
    ['{"id": 1}', 'id'],
  ] as const) {
    await t.throwsAsync(
      async () => load(fields),
      {
        message: new RegExp(
          `^Row 0 \\(fixture\\.value, pk 1\\): field "${field}": .* Nothing was written\\.$`,
        ),
      },
      fields,
    );
  }
  await load(
    '{"pair": {"number": 1, "note": "a \\"b\\""}, "words": ["x", null, "y,z"], "note": {"$text": "plain"}}',
  );
  t.deepEqual(await world.asOwner('select pair::text as pair, words, note from rejected."values"'), [
    { pair: '(1,"a ""b""")', words: ['x', null, 'y,z'], note: 'plain' },
  ]);
});
