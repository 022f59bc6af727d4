import test from 'ava';
import pg from 'pg';

import { servedProject } from '../fixture-app/served-project.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

const HOST = 'acme.localhost';

let world: World;
let service: TestService;
let token: string;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'alice');
  service = await serve(world);
  token = await service.logIn(HOST, 'alice', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const ask = (method: string, path: string, headers: Readonly<Record<string, string>> = {}, body?: unknown) =>
  service.request(HOST, method, path, { token, headers, body });

/** Creates a note, and returns its path and its ETag. */
async function create(name: string): Promise<{ path: string; etag: string }> {
  const { body } = await ask('POST', '/api/notes/', {}, { name });
  const path = `/api/notes/${body.id}/`;
  return { path, etag: String((await ask('GET', path)).headers.etag) };
}
const nameOf = async (path: string): Promise<string> => (await ask('GET', path)).body.name;

test('GET has a strong ETag, and is 304 for a client that has the object', async (t) => {
  const { path, etag } = await create('one');
  t.regex(etag, /^"[\w-]+"$/);
  for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const { status, text, headers } = await ask('GET', path, { 'If-None-Match': tag });
    t.deepEqual([status, text, headers.etag], [304, '', etag], tag);
  }
  t.is((await ask('GET', path, { 'If-None-Match': '"other"' })).status, 200);
  t.is((await ask('HEAD', path)).headers.etag, etag);
  t.is((await ask('GET', '/api/notes/999999/')).headers.etag, undefined);
});

test('a change with the current ETag succeeds, and returns the next one', async (t) => {
  const { path, etag } = await create('two');
  const changed = await ask('PATCH', path, { 'If-Match': etag }, { name: 'two changed' });
  t.is(changed.status, 200);
  const next = String(changed.headers.etag);
  t.not(next, etag);
  t.is((await ask('GET', path)).headers.etag, next);
  t.is((await ask('PUT', path, { 'If-Match': `"x", ${next}` }, { name: 'two again' })).status, 200);
  t.is((await ask('DELETE', path, { 'If-Match': '*' })).status, 204);
  t.is((await ask('DELETE', path, { 'If-Match': '*' })).status, 404);
});

test('a change with another ETag is 412 and changes nothing', async (t) => {
  const { path, etag } = await create('three');
  await ask('PATCH', path, {}, { name: 'three changed' });
  for (const tag of [etag, `W/${etag}`, '"x"', 'x', '""']) {
    for (const [method, body] of [
      ['PATCH', { name: 'lost' }],
      ['PUT', { name: 'lost' }],
      ['DELETE', undefined],
    ] as const) {
      const { status, body: sent, headers } = await ask(method, path, { 'If-Match': tag }, body);
      t.is(status, 412, `${method} ${tag}`);
      t.regex(sent.detail, /was changed/);
      t.is(sent.code, 'etag_mismatch');
      t.is(headers.etag, undefined);
    }
  }
  t.is(await nameOf(path), 'three changed');
  // The version is compared before the body is read.
  t.is((await ask('PATCH', path, { 'If-Match': etag }, { name: '' })).status, 412);
});

test('a weak tag of the current version does not match', async (t) => {
  const { path, etag } = await create('four');
  t.is((await ask('PATCH', path, { 'If-Match': `W/${etag}` }, { name: 'lost' })).status, 412);
});

test('of two changes of the same version at the same time, one succeeds', async (t) => {
  const { path, etag } = await create('five');
  const id = path.split('/')[3];
  const owner = new pg.Client(world.owner);
  await owner.connect();
  try {
    // Both wait for the row, so that both have read the same version.
    await owner.query('begin');
    await owner.query('select from acme.notes where id = $1 for update', [id]);
    const both = ['first', 'second'].map((name) => ask('PATCH', path, { 'If-Match': etag }, { name }));
    await until(
      () =>
        world.asOwner(
          `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
        ),
      (waiting) => waiting.length === 2,
    );
    await owner.query('commit');
    t.deepEqual((await Promise.all(both)).map(({ status }) => status).sort(), [200, 412]);
  } finally {
    await owner.end();
  }
});

test('a route may require If-Match', async (t) => {
  const { path, etag } = await create('six');
  for (const [method, body] of [
    ['PATCH', { name: 'lost' }],
    ['DELETE', undefined],
  ] as const) {
    const { status, body: sent } = await ask(method, `${path}strict`, {}, body);
    t.is(status, 428);
    t.regex(sent.detail, /If-Match/);
    t.is(sent.code, 'if_match_required');
  }
  t.is((await ask('PATCH', `${path}strict`, { 'If-Match': etag }, { name: 'seven' })).status, 200);
  t.is(await nameOf(path), 'seven');
});

test('credentials come first, also for routes of one statement', async (t) => {
  const { path, etag } = await create('eight');
  await makeUser(world, 'acme', 'bob');
  const bob = await service.logIn(HOST, 'bob', PASSWORD);
  await service.request(HOST, 'DELETE', '/api/auth/users/me/', {
    token: bob,
    body: { current_password: PASSWORD },
  });
  for (const [at, headers] of [
    [path, { 'If-Match': etag }],
    [path, { 'If-Match': '"x"' }],
    [`${path}strict`, {}],
  ] as const) {
    const { status } = await service.request(HOST, 'DELETE', at, { token: bob, headers });
    t.is(status, 401);
  }
  t.is(await nameOf(path), 'eight');
});
