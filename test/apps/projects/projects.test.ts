import test from 'ava';
import { project } from '../../../src/project.ts';
import { createFormClient } from '../../helpers/form-client.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';

const NEIGHBORS_ID = 100_000;

let world: World;
let service: TestService;
let token: string;
test.before(async () => {
  world = await openWorld({ project });
  await makeUser(world, 'acme', 'alice');
  service = await serve(world);
  token = await service.logIn('acme.localhost', 'alice', PASSWORD);
  await world.asOwner(`insert into globex.projects (id, name) values (${NEIGHBORS_ID}, 'of globex')`);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const call = (method: string, path: string, body?: unknown) =>
  service.request('acme.localhost', method, path, { token, body });

/** Creates projects whose names begin with a unique word, and returns that word. */
let batches = 0;
async function plant(names: readonly string[]): Promise<string> {
  batches += 1;
  const word = `batch${batches}x`;
  for (const [index, name] of names.entries()) {
    await world.asOwner(`insert into acme.projects (name, created_at) values ($1, $2)`, [
      `${word} ${name}`,
      new Date(Date.UTC(2026, 0, 1, 0, 0, index)),
    ]);
  }
  return word;
}
const names = (body: { results: { name: string }[] }, word: string): string[] =>
  body.results.map(({ name }) => name.replace(`${word} `, ''));

test('creates, reads, updates and deletes a project', async (t) => {
  const created = await call('POST', '/api/projects/', { name: 'Rocket', description: 'Goes up' });
  t.is(created.status, 201);
  const { id } = created.body;
  t.is(typeof id, 'number');
  t.deepEqual(created.body, {
    id,
    name: 'Rocket',
    description: 'Goes up',
    created_at: created.body.created_at,
  });
  const [stored] = await world.asOwner<{ at: string }>(
    `select to_json(created_at at time zone 'utc') #>> '{}' as at from acme.projects where id = $1`,
    [id],
  );
  // With all stored digits.
  t.regex(created.body.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  t.is(Date.parse(created.body.created_at), Date.parse(`${stored?.at}Z`));
  t.true(created.body.created_at.startsWith(stored?.at));
  t.is(created.headers.location, `http://acme.localhost/api/projects/${id}/`);

  t.deepEqual((await call('GET', `/api/projects/${id}/`)).body, created.body);
  const changed = await call('PUT', `/api/projects/${id}/`, { name: 'Rocket 2', description: '' });
  t.is(changed.status, 200);
  t.deepEqual(changed.body, { ...created.body, name: 'Rocket 2', description: '' });

  const deleted = await call('DELETE', `/api/projects/${id}/`);
  t.deepEqual([deleted.status, deleted.text], [204, '']);
  for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
    t.is((await call(method, `/api/projects/${id}/`, { name: 'x' })).status, 404, method);
  }
});

test('Location and links carry the port that the client used', async (t) => {
  const { headers } = await service.request('acme.localhost:8080', 'POST', '/api/projects/', {
    token,
    body: { name: 'Ported' },
  });
  t.regex(headers.location ?? '', /^http:\/\/acme\.localhost:8080\/api\/projects\/\d+\/$/);
});

test('description is optional, and created_at and id are read-only', async (t) => {
  const { status, body } = await call('POST', '/api/projects/', {
    name: 'Plain',
    id: 5_000_000,
    created_at: '1999-01-01T00:00:00Z',
    tenant_id: world.globex.id,
    unknown: { deep: [] },
  });
  t.is(status, 201);
  t.is(body.description, '');
  t.not(body.id, 5_000_000);
  t.notRegex(body.created_at, /^1999/);
});

test('PUT requires the same fields as POST and keeps fields that were not sent; PATCH changes only the fields that were sent', async (t) => {
  const { body: project } = await call('POST', '/api/projects/', { name: 'Kept', description: 'Kept too' });
  const path = `/api/projects/${project.id}/`;

  const lacking = await call('PUT', path, { description: 'new' });
  t.deepEqual([lacking.status, lacking.body], [400, { name: ['This field is required.'] }]);
  t.deepEqual((await call('GET', path)).body, project);

  const put = await call('PUT', path, { name: 'Put' });
  t.deepEqual(put.body, { ...project, name: 'Put' });
  const patched = await call('PATCH', path, { description: '' });
  t.deepEqual(patched.body, { ...project, name: 'Put', description: '' });
  for (const empty of [{}, undefined]) {
    const unchanged = await call('PATCH', path, empty);
    t.deepEqual([unchanged.status, unchanged.body], [200, patched.body]);
  }
  const blank = await call('PATCH', path, { name: '  ' });
  t.deepEqual([blank.status, blank.body], [400, { name: ['This field may not be blank.'] }]);
  const none = await call('PATCH', path, { name: null });
  t.deepEqual([none.status, none.body], [400, { name: ['This field may not be null.'] }]);
});

test('accepts every path with and without a trailing slash', async (t) => {
  const { body: project } = await call('POST', '/api/projects', { name: 'Slashed' });
  t.truthy(project.id);
  t.deepEqual((await call('GET', `/api/projects/${project.id}`)).body, project);
  t.deepEqual((await call('GET', `/api/projects/${project.id}/`)).body, project);
  const [bare, slashed] = [
    await call('GET', '/api/projects?search=Slashed'),
    await call('GET', '/api/projects/?search=Slashed'),
  ];
  t.deepEqual([bare.status, bare.body], [200, slashed.body]);
});

test('HEAD returns the response of GET without the body', async (t) => {
  for (const path of ['/api/projects/', '/api/projects/?page_size=1', '/api/auth/users/me/']) {
    const [head, get] = [await call('HEAD', path), await call('GET', path)];
    t.deepEqual([head.status, head.text], [200, ''], path);
    t.is(head.headers['content-type'], get.headers['content-type']);
  }
  t.is((await call('HEAD', '/api/projects/999999/')).status, 404);
});

test('returns the same response for a missing project and a project of another tenant, for every method', async (t) => {
  for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
    const [missing, foreign] = [
      await call(method, `/api/projects/${NEIGHBORS_ID + 1}/`, { name: 'mine' }),
      await call(method, `/api/projects/${NEIGHBORS_ID}/`, { name: 'mine' }),
    ];
    t.is(missing.status, 404);
    t.deepEqual([foreign.status, foreign.text], [missing.status, missing.text], method);
    t.deepEqual(Object.keys(foreign.headers), Object.keys(missing.headers));
  }
  t.deepEqual(await world.asOwner(`select name from globex.projects where id = ${NEIGHBORS_ID}`), [
    { name: 'of globex' },
  ]);
});

test('returns 404 for an id that is not a bigint', async (t) => {
  for (const id of [
    'abc',
    '-1',
    '0',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    '%31%00',
    '%00',
    '%ZZ',
    '1%2F2',
    '%EF%BC%91',
    '9223372036854775807',
    '9223372036854775808',
    '9'.repeat(400),
    "1'--",
    'null',
  ]) {
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
      const { status, body } = await call(method, `/api/projects/${id}/`, {
        name: 'x',
      });
      t.deepEqual([status, body?.detail], [404, 'Not found.'], `${method} ${id}`);
    }
  }
  t.deepEqual(service.bugs, []);
});

test('a page has a count, links and at most page_size rows', async (t) => {
  const word = await plant(['1', '2', '3', '4', '5']);
  const first = await call('GET', `/api/projects/?search=${word}&page_size=2`);
  t.is(first.status, 200);
  t.deepEqual(Object.keys(first.body), ['count', 'next', 'previous', 'results']);
  t.is(first.body.count, 5);
  t.is(first.body.previous, null);
  t.deepEqual(names(first.body, word), ['1', '2']);

  const origin = 'http://acme.localhost';
  t.true(first.body.next.startsWith(`${origin}/api/projects/?`));
  const second = await call('GET', first.body.next.slice(origin.length));
  t.deepEqual(names(second.body, word), ['3', '4']);
  const third = await call('GET', second.body.next.slice(origin.length));
  t.deepEqual(names(third.body, word), ['5']);
  t.is(third.body.next, null);
  t.deepEqual((await call('GET', third.body.previous.slice(origin.length))).body, second.body);
  t.deepEqual((await call('GET', second.body.previous.slice(origin.length))).body, first.body);
  t.is(new URL(second.body.previous).searchParams.get('page'), null);
});

test('page=last returns the last page', async (t) => {
  const word = await plant(['1', '2', '3', '4', '5']);
  for (const [size, last] of [
    [2, ['5']],
    [5, ['1', '2', '3', '4', '5']],
    [4, ['5']],
    [1, ['5']],
  ] as const) {
    const { status, body } = await call('GET', `/api/projects/?search=${word}&page=last&page_size=${size}`);
    t.is(status, 200);
    t.deepEqual(names(body, word), [...last]);
    t.is(body.next, null);
  }
  const none = await call('GET', '/api/projects/?search=nothing-has-this-name&page=last');
  t.deepEqual(none.body, { count: 0, next: null, previous: null, results: [] });
});

test('the first page of an empty list is empty, and its second page does not exist', async (t) => {
  const nothing = '/api/projects/?search=nothing-has-this-name';
  t.deepEqual((await call('GET', nothing)).body, { count: 0, next: null, previous: null, results: [] });
  const { status, body } = await call('GET', `${nothing}&page=2`);
  t.deepEqual([status, body.detail], [404, 'Invalid page.']);
});

test('rejects page 0, a word, a fraction and a page past the end', async (t) => {
  for (const page of ['0', '-1', 'abc', '1.5', '999999', '99999999999999999999', '1%00', 'LAST', ' 1x']) {
    const { status, body } = await call('GET', `/api/projects/?page=${encodeURI(page)}`);
    t.deepEqual([status, body.detail], [404, 'Invalid page.'], page);
  }
  t.deepEqual(service.bugs, []);
});

test('page_size is limited to 100, and defaults to 20 for an invalid number', async (t) => {
  const word = await plant(Array.from({ length: 105 }, (_, index) => String(index)));
  for (const [size, length] of [
    ['1000', 100],
    ['99999999999999999999999', 100],
    ['100', 100],
    ['7', 7],
    ['0', 20],
    ['-5', 20],
    ['many', 20],
    ['', 20],
    ['1.5', 20],
  ] as const) {
    const { status, body } = await call('GET', `/api/projects/?search=${word}&page_size=${size}`);
    t.deepEqual([status, body.results?.length], [200, length], size);
  }
  t.is((await call('GET', `/api/projects/?search=${word}`)).body.results.length, 20);
});

test('orders a list by the requested field, by id by default, and ignores an unknown field', async (t) => {
  const word = await plant(['b', 'a', 'c', 'a']);
  const ordered = async (ordering: string): Promise<string[]> =>
    names((await call('GET', `/api/projects/?search=${word}&ordering=${ordering}`)).body, word);
  t.deepEqual(await ordered('name'), ['a', 'a', 'b', 'c']);
  t.deepEqual(await ordered('-name'), ['c', 'b', 'a', 'a']);
  t.deepEqual(await ordered('created_at'), ['b', 'a', 'c', 'a']);
  t.deepEqual(await ordered('-created_at'), ['a', 'c', 'a', 'b']);
  t.deepEqual(await ordered('-id'), ['a', 'c', 'a', 'b']);
  for (const unknown of ['', 'secret', '-', '--name', 'constructor', 'name;drop', '%00', 'random()', 'ID']) {
    t.deepEqual(await ordered(unknown), ['b', 'a', 'c', 'a'], unknown);
  }
  const mixed = await call('GET', `/api/projects/?search=${word}&ordering=nonsense,%20name,-id`);
  const ids = mixed.body.results.map(({ id }: { id: number }) => id);
  t.deepEqual(names(mixed.body, word), ['a', 'a', 'b', 'c']);
  t.true(ids[0] > ids[1]);
});

test('every row is on exactly one page', async (t) => {
  const word = await plant(Array.from({ length: 9 }, () => 'the same'));
  const seen: number[] = [];
  for (const page of [1, 2, 3]) {
    const { body } = await call(
      'GET',
      `/api/projects/?search=${word}&ordering=name&page_size=3&page=${page}`,
    );
    seen.push(...body.results.map(({ id }: { id: number }) => id));
  }
  t.is(new Set(seen).size, 9);
});

test('matches % and _ and \\ literally in a search', async (t) => {
  const word = await plant(['100% sure', '100 sure', 'snake_case', 'snakeXcase', 'back\\slash', 'backslash']);
  const found = async (search: string): Promise<string[]> =>
    names((await call('GET', `/api/projects/?search=${encodeURIComponent(`${word} ${search}`)}`)).body, word);
  t.deepEqual(await found('100%'), ['100% sure']);
  t.deepEqual(await found('%'), ['100% sure']);
  t.deepEqual(await found('snake_case'), ['snake_case']);
  t.deepEqual(await found('_'), ['snake_case']);
  t.deepEqual(await found('back\\s'), ['back\\slash']);
  t.deepEqual(await found('\\'), ['back\\slash']);
});

test('a search finds rows with every word anywhere in the name or description, case-insensitively', async (t) => {
  const word = await plant(['red apple', 'green apple', 'red pear']);
  await world.asOwner(`update acme.projects set description = 'from Kent' where name = $1`, [
    `${word} red pear`,
  ]);
  const found = async (search: string): Promise<string[]> =>
    names((await call('GET', `/api/projects/?search=${encodeURIComponent(search)}`)).body, word);
  t.deepEqual(await found(`${word} RED apple`), ['red apple']);
  t.deepEqual(await found(`apple,${word}`), ['red apple', 'green apple']);
  t.deepEqual(await found(`${word} kent red`), ['red pear']);
  t.deepEqual(await found(`${word} "apple red"`), []);
  t.deepEqual(await found(`"${word} red" 'red apple'`), ['red apple']);
  t.deepEqual(await found(`${word} "unclosed`), []);
  t.is((await found(`${word}'; drop table projects; --`)).length, 0);
  t.deepEqual(service.bugs, []);
});

test('an empty search returns every row, and too many words or characters are rejected', async (t) => {
  const everything = (await call('GET', '/api/projects/')).body.count;
  for (const search of ['', '%20', ',,,']) {
    const { status, body } = await call('GET', `/api/projects/?search=${search}`);
    t.is(status, 200);
    t.true(body.count >= everything, search);
  }
  const { status } = await call(
    'GET',
    `/api/projects/?search=${Array.from({ length: 1000 }, () => 'w').join('+')}`,
  );
  t.is(status, 400);
  const searchOfWords = (count: number) => Array.from({ length: count }, () => 'w').join('+');
  t.is((await call('GET', `/api/projects/?search=${searchOfWords(20)}`)).status, 200);
  t.deepEqual((await call('GET', `/api/projects/?search=${searchOfWords(21)}`)).body, {
    search: ['Ensure this field has no more than 20 words.'],
  });
  t.is((await call('GET', `/api/projects/?search=${'w'.repeat(500)}`)).status, 200);
  t.is((await call('GET', `/api/projects/?search=${'w'.repeat(501)}`)).status, 400);
  t.deepEqual(service.bugs, []);
});

test('limits a description to 20,000 characters, and serves a page of such rows', async (t) => {
  const largest = await call('POST', '/api/projects/', { name: 'x', description: '€'.repeat(20_001) });
  t.deepEqual(largest.body, { description: ['Ensure this field has no more than 20000 characters.'] });
  const other = await world.provision('large_rows');
  await makeUser(world, other.schema, 'larry');
  const token = await service.logIn(other.host, 'larry', PASSWORD);
  await world.asOwner(
    `insert into large_rows.projects (name, description)
     select 'large', repeat('€', 20000) from generate_series(1, 100)`,
  );
  const { status, body } = await service.request(other.host, 'GET', '/api/projects/?page_size=100', {
    token,
  });
  t.is(status, 200);
  t.is(body.results.length, 100);
});

for (const [column, value] of [
  ['id', '9007199254740992'],
  ['created_at', `'infinity'`],
  ['created_at', `'-infinity'`],
  ['created_at', `'10000-01-01Z'`],
] as const) {
  test(`rejects a row with ${column} ${value}, which the API cannot represent`, async (t) => {
    await t.throwsAsync(
      world.asOwner(`insert into acme.projects (name, ${column}) values ('unrepresentable', ${value})`),
      { message: /violates check constraint/ },
    );
  });
}

test('ignores an empty phrase in a search', async (t) => {
  const word = await plant(['1', '2']);
  const { body } = await call('GET', `/api/projects/?search=${word}+%22%22+''`);
  t.deepEqual(names(body, word), ['1', '2']);
});

test('uses the last value of a repeated parameter, as Django does', async (t) => {
  const word = await plant(['1', '2', '3']);
  const { body } = await call(
    'GET',
    `/api/projects/?search=none&search=${word}&page_size=1&page_size=2&page=9&page=1`,
  );
  t.deepEqual(names(body, word), ['1', '2']);
});

test('does not interpret the content of a project', async (t) => {
  for (const name of [
    "'; drop table projects; --",
    '<b>&amp;</b>',
    '#{x}',
    '漢字 😀',
    'quoted',
    '\u202Ertl',
  ]) {
    const { status, body } = await call('POST', '/api/projects/', { name, description: name });
    t.deepEqual([status, body.name, body.description], [201, name, name]);
  }
});

test('exports projects with the search and the order of the list', async (t) => {
  const word = await plant(['b', 'a', '=1+1']);
  const { status, headers, text } = await call(
    'GET',
    `/api/projects/export/?search=${word}&ordering=-name&format=csv`,
  );
  t.deepEqual([status, headers['content-disposition']], [200, 'attachment; filename="projects.csv"']);
  const lines = text.trimEnd().split('\r\n');
  t.is(lines[0], 'id,name,description,created_at');
  t.deepEqual(
    lines.slice(1).map((line) => line.split(',')[1]),
    [`${word} b`, `${word} a`, `${word} =1+1`],
  );
});

test('a change can be limited to a version, and a POST repeated', async (t) => {
  const headers = { 'Idempotency-Key': 'project-1' };
  const asking = { token, headers, body: { name: 'once' } };
  const [first, again] = [
    await service.request('acme.localhost', 'POST', '/api/projects/', asking),
    await service.request('acme.localhost', 'POST', '/api/projects/', asking),
  ];
  t.deepEqual([again.status, again.text], [201, first.text]);
  const path = `/api/projects/${first.body.id}/`;
  const { headers: read } = await call('GET', path);
  const change = (name: string) =>
    service.request('acme.localhost', 'PATCH', path, {
      token,
      body: { name },
      headers: { 'If-Match': String(read.etag) },
    });
  t.is((await change('changed')).status, 200);
  t.is((await change('lost')).status, 412);
});

test('the page lists projects, adds one, and escapes what users wrote', async (t) => {
  const browser = createFormClient(service, 'acme.localhost');
  t.is((await browser.get('/projects')).headers.location, '/login?next=%2Fprojects');
  const login = await browser.submit('/login?next=/projects', { username: 'alice', password: PASSWORD });
  t.is(login.headers.location, '/projects');
  const added = await browser.submit('/projects', { name: 'Page <script>', description: 'by a form' });
  t.deepEqual([added.status, added.headers.location], [303, '/projects']);
  const { body } = await call('GET', '/api/projects/?search=Page');
  t.like(body.results[0], { name: 'Page <script>', description: 'by a form' });
  const shown = await browser.get('/projects?search=Page');
  t.is(shown.status, 200);
  t.true(shown.text.includes('Page &lt;script&gt;'));
  t.false(shown.text.includes('<script>'));
  t.false(shown.text.includes('of globex'));
  const wrong = await browser.submit('/projects', { name: '', description: 'kept' });
  t.is(wrong.status, 400);
  t.regex(wrong.text, /may not be blank/);
  t.regex(wrong.text, /value="kept"/);
  t.is((await browser.post('/projects', { name: 'forged' })).status, 403);
  t.is((await browser.get('/projects?page=999')).status, 404);
});
