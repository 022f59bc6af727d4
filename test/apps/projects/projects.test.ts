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
