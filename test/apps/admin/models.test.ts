/** Run alone: node_modules/.bin/node test/run.ts test/apps/admin/models.test.ts */
import test from 'ava';

import type { AdminModel } from '../../../src/apps/admin/models/admin-model.ts';
import { jsonbLength } from '../../../src/apps/admin/models/jsonb-length.ts';
import { accessOf } from '../../../src/apps/admin/models/model-permissions.ts';
import { recordChange } from '../../../src/apps/admin/models/record-change.ts';
import type { Context } from '../../../src/http/state.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const HOST = 'acme.localhost';

type Row = Readonly<Record<string, unknown>>;

let world: World;
let service: TestService;
let boss: { id: number };
let token: string;
const tokens: Record<string, string> = {};
test.before(async () => {
  world = await openWorld({ project });
  boss = await makeUser(world, 'acme', 'boss', { isSuperuser: true });
  await makeUser(world, 'acme', 'clerk');
  await makeUser(world, 'acme', 'user');
  await makeUser(world, 'globex', 'neighbor', { isSuperuser: true });
  await world.asOwner(`update acme.users set is_staff = true where username = 'clerk'`);
  await world.asOwner(`insert into globex.authors (id, name) values (900001, 'of globex')`);
  service = await serve(world);
  token = await service.logIn(HOST, 'boss', PASSWORD);
  tokens.clerk = await service.logIn(HOST, 'clerk', PASSWORD);
  tokens.user = await service.logIn(HOST, 'user', PASSWORD);
  tokens.neighbor = await service.logIn('globex.localhost', 'neighbor', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const call = (method: string, path: string, body?: unknown, as = token) =>
  service.request(HOST, method, path, { token: as, body });

async function addAuthor(name: string): Promise<number> {
  const { status, body, text } = await call('POST', '/api/admin/library.author/', { name });
  if (status !== 201) {
    throw new Error(text);
  }
  return body.id;
}

test('a model is described by its declaration and the foreign keys of its table', async (t) => {
  const { status, body } = await call('GET', '/api/admin/');
  t.is(status, 200);
  t.deepEqual(
    body.map(({ model, hidden, can }: { model: string; hidden: boolean; can: object }) => [
      model,
      hidden,
      can,
    ]),
    [
      ['accounts.user', true, { add: false, change: false, delete: false }],
      ['library.author', false, { add: true, change: true, delete: true }],
      ['library.book', false, { add: true, change: true, delete: true }],
      ['library.loan', false, { add: true, change: true, delete: true }],
      ['library.fine', false, { add: true, change: true, delete: true }],
    ],
  );
  const book = body[2];
  t.deepEqual(
    [book.name, book.name_plural, book.label, book.order, book.search],
    ['book', 'books', 'title', ['-created_at'], ['title', 'summary', 'shelf']],
  );
  t.deepEqual(book.list_columns, ['title', 'author_id', 'added_by', 'genre', 'price', 'published_on']);
  t.deepEqual(book.filters, ['genre', 'published_on', 'created_at', 'author_id', 'added_by']);
  const fields = Object.fromEntries(book.fields.map((field: { name: string }) => [field.name, field]));
  t.deepEqual(fields.author_id, {
    name: 'author_id',
    label: 'Author',
    kind: 'number',
    read_only: false,
    required: true,
    nullable: false,
    relation: { model: 'library.author', label: 'name', name: 'author' },
    schema: { type: 'integer' },
  });
  t.deepEqual(fields.added_by.relation, { model: 'accounts.user', label: 'username', name: 'user' });
  t.deepEqual(fields.genre.schema.enum, ['novel', 'poetry', 'science']);
  t.deepEqual(
    [fields.price.nullable, fields.price.required, fields.title.schema.maxLength],
    [true, false, 200],
  );
  t.deepEqual(
    [fields.genre, fields.shelf, fields.facts, body[1].fields[2]].map(({ schema }) => schema.default),
    ['novel', 'A', {}, true],
  );
  t.deepEqual(
    [fields.created_at.read_only, fields.summary.kind, fields.facts.kind],
    [true, 'long text', 'json'],
  );
});

test('staff add, read, change and delete rows, with the checks of the API', async (t) => {
  const author = await addAuthor('Writer');
  const created = await call('POST', '/api/admin/library.book/', {
    title: ' A book ',
    author_id: author,
    added_by: boss.id,
    genre: 'poetry',
    price: '12.5',
    published_on: '2020-02-29',
    facts: { pages: [1, 2], big: 12345678901234567890n.toString() },
    shelf: 'B',
  });
  t.is(created.status, 201, created.text);
  const { id, created_at: createdAt } = created.body;
  const path = `/api/admin/library.book/${id}/`;
  t.is(created.headers.location, `http://${HOST}${path}`);
  const row = {
    id,
    title: 'A book',
    author_id: author,
    added_by: boss.id,
    genre: 'poetry',
    price: '12.50',
    published_on: '2020-02-29',
    facts: { pages: [1, 2], big: '12345678901234567890' },
    summary: '',
    shelf: 'B',
    created_at: createdAt,
  };
  t.deepEqual(created.body, row);
  t.deepEqual((await call('GET', path)).body, row);
  const changed = await call('PATCH', path, { price: null, facts: 'text', title: 'Changed' });
  t.deepEqual(changed.body, { ...row, price: null, facts: 'text', title: 'Changed' });
  t.deepEqual((await call('PATCH', path, {})).body, changed.body);
  t.deepEqual((await call('PUT', path, { title: 'Put' })).body, {
    author_id: ['This field is required.'],
    added_by: ['This field is required.'],
  });
  const stale = await service.request(HOST, 'PATCH', path, {
    token,
    body: { title: 'Late' },
    headers: { 'If-Match': '"stale"' },
  });
  t.is(stale.status, 412);
  t.is((await call('DELETE', path)).status, 204);
  t.is((await call('GET', path)).status, 404);
  t.is((await call('PATCH', path, { title: '' })).status, 404);
});

test('faults of fields and violations of constraints are reported on the field', async (t) => {
  const author = await addAuthor('Taken');
  const post = (model: string, body: unknown) => call('POST', `/api/admin/${model}/`, body);
  const valid = { title: 'x', author_id: author, added_by: boss.id };
  const cases: ReadonlyArray<readonly [string, unknown, unknown]> = [
    ['library.author', { name: 'Taken' }, { name: ['This field must be unique.'] }],
    ['library.author', { name: '' }, { name: ['This field may not be blank.'] }],
    [
      'library.book',
      { ...valid, author_id: 12345 },
      { author_id: ['Invalid pk "12345" - object does not exist.'] },
    ],
    ['library.book', { ...valid, genre: 'thriller' }, { genre: ['"thriller" is not a valid choice.'] }],
    [
      'library.book',
      { ...valid, price: '-1', published_on: '2021-02-29' },
      {
        price: ['Ensure this value is greater than or equal to 0.'],
        published_on: ['Date has wrong format. Use one of these formats instead: YYYY-MM-DD.'],
      },
    ],
    [
      'library.book',
      { ...valid, shelf: 'b' },
      { non_field_errors: ['Constraint “books__shelf” is violated.'] },
    ],
    ['library.book', [], { non_field_errors: ['Invalid data. Expected a dictionary, but got list.'] }],
  ];
  for (const [model, body, expected] of cases) {
    const answer = await post(model, body);
    t.deepEqual([answer.status, answer.body], [400, expected], JSON.stringify(body));
  }
  t.is((await post('library.book', valid)).status, 201);
  t.deepEqual((await call('DELETE', `/api/admin/library.author/${author}/`)).body, {
    non_field_errors: ['This object cannot be deleted or changed, because other objects refer to it.'],
  });
});

test('lists have search, filters, an order and pages', async (t) => {
  const author = await addAuthor('List author');
  for (const [index, title] of ['Zebra list', 'Apple list', 'Mango list'].entries()) {
    const body = { title, author_id: author, added_by: boss.id, genre: index === 1 ? 'science' : 'novel' };
    t.is((await call('POST', '/api/admin/library.book/', body)).status, 201);
  }
  const titles = async (query: string) => {
    const { status, body, text } = await call('GET', `/api/admin/library.book/?author_id=${author}&${query}`);
    t.is(status, 200, text);
    return body.results.map(({ title }: { title: string }) => title.replace(' list', ''));
  };
  t.deepEqual(await titles(''), ['Mango', 'Apple', 'Zebra']);
  t.deepEqual(await titles('ordering=title'), ['Apple', 'Mango', 'Zebra']);
  t.deepEqual(await titles('search=LIST%20zebra'), ['Zebra']);
  t.deepEqual(await titles('search=100%25'), []);
  t.deepEqual(await titles('genre=science'), ['Apple']);
  t.deepEqual(await titles('title__icontains=ANG'), ['Mango']);
  t.deepEqual(await titles('price__isnull=true&ordering=-id&page_size=1&page=2'), ['Apple']);
  t.deepEqual(await titles('created_at__lt=2020-01-01T00:00Z'), []);
  const page = await call('GET', `/api/admin/library.book/?author_id=${author}&page_size=2`);
  t.is(page.body.count, 3);
  t.regex(page.body.next, /page=2/);
  t.is((await call('GET', '/api/admin/library.book/?page=99')).status, 404);
  t.deepEqual((await call('GET', '/api/admin/library.book/?author_id=x&genre=none')).body, {
    author_id: ['Incorrect type. Expected pk value, received str.'],
    genre: ['"none" is not a valid choice.'],
  });
});

test('pickers offer the rows of the own tenant, by search and by id', async (t) => {
  const one = await addAuthor('Picker one');
  const two = await addAuthor('Picker two');
  const choices = (query: string) => call('GET', `/api/admin/library.book/choices/?${query}`);
  t.deepEqual((await choices('field=author_id&search=picker')).body.results, [
    { id: one, label: 'Picker one' },
    { id: two, label: 'Picker two' },
  ]);
  t.deepEqual((await choices(`field=author_id&ids=${two},900001`)).body.results, [
    { id: two, label: 'Picker two' },
  ]);
  t.is((await choices('field=author_id&search=globex')).body.count, 0);
  t.deepEqual(
    (await choices('field=added_by&search=clerk')).body.results.map(({ label }: { label: string }) => label),
    ['clerk'],
  );
  for (const field of ['title', 'password', '__proto__', 'id', '']) {
    t.is((await choices(`field=${field}`)).status, 404, field);
  }
});

test('each change is an event of the tenant, and a rejected change is none', async (t) => {
  const author = await addAuthor('Watched');
  await call('PATCH', `/api/admin/library.author/${author}/`, { name: 'Watched', is_living: false });
  await call('PATCH', `/api/admin/library.author/${author}/`, { is_living: false });
  await call('PATCH', `/api/admin/library.author/${author}/`, { name: '' });
  await call('DELETE', `/api/admin/library.author/${author}/`, undefined, tokens.clerk);
  const { body } = await call('GET', '/api/audit/?page_size=100');
  const own = body.results
    .filter(({ before, after }: { before: Row | null; after: Row | null }) => {
      const { id, model } = before ?? after ?? {};
      return id === author && model === 'library.author';
    })
    .map(({ actor, source, action, before, after }: Row) => ({ actor, source, action, before, after }));
  const identity = { id: author, model: 'library.author' };
  t.deepEqual(own, [
    {
      actor: 'clerk',
      source: 'tenant',
      action: 'delete-row',
      before: { ...identity, name: 'Watched', is_living: false },
      after: null,
    },
    {
      actor: 'boss',
      source: 'tenant',
      action: 'change-row',
      before: { ...identity, is_living: true },
      after: { ...identity, is_living: false },
    },
    {
      actor: 'boss',
      source: 'tenant',
      action: 'add-row',
      before: null,
      after: { ...identity, name: 'Watched', is_living: true },
    },
  ]);
  t.deepEqual(
    (
      await service.request('globex.localhost', 'GET', '/api/audit/', { token: tokens.neighbor })
    ).body.results.filter(({ actor }: Row) => actor === 'boss'),
    [],
  );
});

/** Returns the values of the event of a changed row: action, before and after. */
async function recorded(before: Row, after: Row): Promise<readonly string[]> {
  let sent: readonly string[] = [];
  const tx = {
    maybeOne: async () => ({ username: 'ann' }),
    query: async ({ values }: { values: readonly string[] }) => {
      sent = values;
    },
  };
  const ctx = { ip: null, state: { tx, caller: { userId: '1', actor: null } } } as unknown as Context;
  await recordChange(ctx, 'change-row', { model: 'garage.car' } as AdminModel, { before, after });
  return sent;
}

test('no column of a row takes the place of what identifies the row in an event', async (t) => {
  const sent = await recorded(
    { id: 1, model: 'secret', fields: ['secret'], color: 'red' },
    { id: 1, model: 'another secret', fields: [], color: 'red' },
  );
  t.deepEqual(JSON.parse(String(sent[2])), {
    model: 'garage.car',
    id: 1,
    model_: 'another secret',
    fields_: [],
  });
});

test('the audit accepts the event of every row: jsonb writes values longer than JSON', async (t) => {
  const lengthInPostgres = async (json: unknown): Promise<number> => {
    const [row] = await world.asOwner<{ length: number }>('select length($1::jsonb::text) as length', [json]);
    return row?.length ?? 0;
  };
  for (const value of [
    null,
    true,
    'text "and" \u0001 \u{1f600}',
    -1.5,
    1e21,
    -1.25e300,
    1e-7,
    5e-324,
    [],
    {},
    [1, 2, 3],
    { a: [1e300, { 'b"': -0 }], c: '' },
  ]) {
    const [counted, length] = [jsonbLength(value), await lengthInPostgres(JSON.stringify(value))];
    t.true(counted >= length && counted <= length + 50, `${JSON.stringify(value)}: ${counted}, ${length}`);
  }
  const rowOf = (value: unknown): Row => ({
    id: 'x'.repeat(100_000),
    ...Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`field${index}`, value])),
  });
  for (const value of [1e300, Array(80).fill(1e300), Array(240).fill(1), { a: 5e-324 }]) {
    const [, before, after] = await recorded(rowOf(value), rowOf([value, 2e300]));
    const total = (await lengthInPostgres(before)) + (await lengthInPostgres(after));
    t.true(total <= 65_536, `${JSON.stringify(value).slice(0, 20)}: ${total}`);
  }
});

test('staff need the permissions that a model declares', async (t) => {
  const as = (token: string) => (method: string, path: string, body?: unknown) =>
    service.request(HOST, method, path, { token, body });
  const [byBoss, byClerk] = [as(token), as(tokens.clerk ?? '')];
  const added = await byBoss('POST', '/api/admin/library.loan/', { borrower: 'A private name' });
  t.is(added.status, 201, added.text);
  const list = '/api/admin/library.loan/';
  const path = `${list}${added.body.id}/`;
  const allow = (...names: string[]) =>
    world.asOwner(`update acme.users set permissions = $1 where username = 'clerk'`, [names]);
  t.teardown(() => allow());
  const statuses = async () => [
    (await byClerk('GET', list)).status,
    (await byClerk('GET', path)).status,
    (await byClerk('OPTIONS', list)).status,
    (await byClerk('GET', '/api/admin/library.fine/choices/?field=loan_id')).status,
    (await byClerk('POST', list, { borrower: '' })).status,
    (await byClerk('PATCH', path, { borrower: '' })).status,
    (await byClerk('PUT', path, { borrower: '' })).status,
  ];
  const described = async () => {
    const { body } = await byClerk('GET', '/api/admin/');
    const find = (name: string) => body.find(({ model }: { model: string }) => model === name);
    return [find('library.loan')?.can, find('library.fine').fields[2].relation?.model];
  };
  const event = async () => {
    const { body } = await byClerk('GET', '/api/audit/?page_size=100');
    return body.results.find(({ after }: { after: Row | null }) => after?.model === 'library.loan').after;
  };

  t.deepEqual(await statuses(), [403, 403, 403, 403, 403, 403, 403]);
  t.deepEqual(await described(), [undefined, undefined]);
  t.deepEqual(await event(), { model: 'library.loan', id: added.body.id, borrower: '(hidden)' });
  t.is((await byClerk('GET', '/api/admin/library.fine/')).status, 200, 'another model');

  await allow('library.view_loans');
  t.deepEqual(await statuses(), [200, 200, 200, 200, 403, 403, 403]);
  t.deepEqual(await described(), [{ add: false, change: false, delete: false }, 'library.loan']);
  t.is((await event()).borrower, 'A private name');

  await allow('library.change_loans');
  t.deepEqual(await statuses(), [200, 200, 200, 200, 400, 400, 400], 'change includes view');
  t.deepEqual(await described(), [{ add: true, change: true, delete: false }, 'library.loan']);
  t.is((await byClerk('DELETE', path)).status, 403);

  await allow('library.delete_loans');
  t.is((await byClerk('DELETE', path)).status, 204);
});

test('the permission to view rows is also needed to change them, unless another one is declared', async (t) => {
  const accessWith = (...names: string[]) => {
    const rights = { isStaff: true, isSuperuser: false, permissions: new Set(names) };
    return accessOf({ method: 'PATCH', state: { caller: { userId: '7', rights } } } as unknown as Context);
  };
  const mayDo = async (permissions: AdminModel['permissions'], ...names: string[]) => {
    const allows = await accessWith(...names);
    return (['view', 'change', 'add'] as const).map((action) =>
      allows({ permissions } as AdminModel, action),
    );
  };
  const view = 'library.view_loans';
  const change = 'library.change_loans';
  t.deepEqual(await mayDo({ view }), [false, false, true]);
  t.deepEqual(await mayDo({ view }, view), [true, true, true]);
  t.deepEqual(await mayDo({ view, change }, view), [true, false, true]);
  t.deepEqual(await mayDo({ change }), [true, false, true]);
});

test('events have shortened values, and a tenant with too many events changes nothing', async (t) => {
  const author = await addAuthor('Long');
  const facts = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [`fact${index}`, 'x'.repeat(600)]),
  );
  const long = await call('POST', '/api/admin/library.book/', {
    title: 'Long',
    author_id: author,
    added_by: boss.id,
    summary: '\u0001'.repeat(20_000),
    facts,
  });
  t.is(long.status, 201, long.text);
  const { body } = await call('GET', '/api/audit/?page_size=100');
  const { after } = body.results.find(
    (event: { after: Row | null }) =>
      event.after?.id === long.body.id && event.after?.model === 'library.book',
  );
  t.deepEqual([after.summary.length, after.facts.length, after.title], [501, 501, 'Long']);
  await world.asOwner(
    `insert into tenancy.audit_events (actor, source, tenant_id, schema_name, action)
     select 'x', 'tenant', t.id, 'globex', 'test'
     from public.tenants as t
     cross join generate_series(1, 1000)
     where t.schema_name = 'globex'`,
  );
  const { status, headers } = await service.request(
    'globex.localhost',
    'POST',
    '/api/admin/library.author/',
    { token: tokens.neighbor ?? '', body: { name: 'Too many' } },
  );
  t.deepEqual([status, headers['retry-after']], [429, '60']);
  t.deepEqual(await world.asOwner(`select from globex.authors where name = 'Too many'`), []);
});
