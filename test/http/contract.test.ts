import test from 'ava';
import { servedProject } from '../fixture-app/served-project.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

let world: World;
let service: TestService;
let token: string;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'alice');
  service = await serve(world);
  token = await service.logIn('acme.localhost', 'alice', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

test('every response has a new id, and never the one the client sent', async (t) => {
  const seen = new Set<string>();
  for (const [host, method, path] of [
    ['acme.localhost', 'GET', '/api/notes/'],
    ['acme.localhost', 'GET', '/nowhere'],
    ['acme.localhost', 'DELETE', '/api/notes/'],
    ['acme.localhost', 'POST', '/api/notes/'],
    ['nobody.localhost', 'GET', '/'],
    ['not a host', 'GET', '/'],
    ['localhost', 'GET', '/healthz'],
  ] as const) {
    const { headers } = await service.request(host, method, path, {
      token,
      headers: { 'X-Request-Id': 'mine' },
    });
    const id = String(headers['x-request-id']);
    t.regex(id, /^[0-9a-f-]{36}$/);
    seen.add(id);
    t.true(service.requests.some(({ requestId }) => requestId === id));
  }
  t.is(seen.size, 7);
});

test('every response is JSON in UTF-8 that a browser cannot sniff as another type', async (t) => {
  for (const [host, method, path] of [
    ['acme.localhost', 'GET', '/api/notes/'],
    ['acme.localhost', 'GET', '/nowhere'],
    ['acme.localhost', 'POST', '/api/auth/jwt/create/'],
    ['nobody.localhost', 'GET', '/'],
  ] as const) {
    const { headers } = await service.request(host, method, path, { token });
    t.is(headers['content-type'], 'application/json; charset=utf-8');
    t.is(headers['x-content-type-options'], 'nosniff');
    t.is(headers['x-powered-by'], undefined);
  }
});

test('returns only "Not found." for every missing resource', async (t) => {
  for (const path of ['/nowhere', '/api/', '/api/notes/1/members/', '/api/notes/999999/', '/api/auth/']) {
    const { status, body } = await service.request('acme.localhost', 'GET', path, { token });
    t.deepEqual([status, body], [404, { detail: 'Not found.' }], path);
  }
});

test('checks credentials before the method, and the method before the body', async (t) => {
  const asked = async (method: string, path: string, asking: object) => {
    const { status } = await service.request('acme.localhost', method, path, asking);
    return status;
  };
  // 401 before 405 before 400.
  t.is(await asked('DELETE', '/api/notes/', { raw: '{' }), 401);
  t.is(await asked('DELETE', '/api/notes/', { token: 'bad', raw: '{' }), 401);
  t.is(await asked('PUT', '/api/notes/', { token, raw: '{' }), 405);
  t.is(await asked('POST', '/api/notes/1/', { token, raw: '{' }), 405);
  t.is(await asked('POST', '/api/notes/', { token, raw: '{' }), 400);
  // 404 before 400: the row is checked before the change.
  t.is(await asked('PUT', '/api/notes/999999/', { token, raw: '{' }), 404);
  t.is(await asked('PATCH', '/api/notes/999999/', { token, body: { name: null } }), 404);
  t.is(await asked('PUT', '/api/notes/abc/', { token, body: {} }), 404);
  // The host is checked first.
  t.is((await service.request('nobody.localhost', 'DELETE', '/api/notes/', { raw: '{' })).status, 404);
});

test('405 lists the allowed methods', async (t) => {
  for (const [method, path, allowed] of [
    ['DELETE', '/api/notes/', ['GET', 'HEAD', 'POST']],
    ['PATCH', '/api/notes', ['GET', 'HEAD', 'POST']],
    ['POST', '/api/notes/1/', ['DELETE', 'GET', 'HEAD', 'PATCH', 'PUT']],
    ['GET', '/api/auth/jwt/create/', ['POST']],
    ['POST', '/api/auth/users/me/', ['GET', 'HEAD']],
    ['PROPFIND', '/api/notes/', ['GET', 'HEAD', 'POST']],
  ] as const) {
    const { status, headers, body } = await service.request('acme.localhost', method, path, { token });
    t.is(status, 405, `${method} ${path}`);
    t.is(body.detail, `Method "${method}" not allowed.`);
    const listed = String(headers.allow).split(', ').sort();
    t.deepEqual(
      listed.filter((name) => (allowed as readonly string[]).includes(name)),
      [...allowed],
    );
  }
});

test('405 on an open route needs no token', async (t) => {
  const { status } = await service.request('acme.localhost', 'GET', '/api/auth/jwt/create/');
  t.is(status, 405);
});

test.serial('a bug returns "Internal error." and nothing else', async (t) => {
  await world.asOwner('alter table acme.notes rename column description to hidden');
  try {
    for (const [method, path, asking] of [
      ['GET', '/api/notes/?search=needle', {}],
      ['GET', '/api/notes/1/', {}],
      ['POST', '/api/notes/', { body: { name: 'needle' } }],
    ] as const) {
      const before = service.bugs.length;
      const { status, text, headers } = await service.request('acme.localhost', method, path, {
        token,
        ...asking,
      });
      t.deepEqual([status, text], [500, '{"detail":"Internal error."}'], `${method} ${path}`);
      t.truthy(headers['x-request-id']);
      t.is(headers.location, undefined);
      t.is(service.bugs.length, before + 1);
    }
  } finally {
    await world.asOwner('alter table acme.notes rename column hidden to description');
  }
  t.is((await service.request('acme.localhost', 'GET', '/api/notes/', { token })).status, 200);
});

test('the request log has method, path, status, tenant and user, and no search term or credential', async (t) => {
  const { headers } = await service.request('acme.localhost', 'GET', '/api/notes/?search=private', {
    token,
  });
  const line = service.requests.find(({ requestId }) => requestId === headers['x-request-id']);
  t.like(line, {
    method: 'GET',
    path: '/api/notes/',
    status: 200,
    tenant: world.acme.id,
  });
  t.truthy(line?.user);
  const all = JSON.stringify(service.requests);
  t.false(all.includes('private'));
  t.false(all.includes(token));
  t.false(all.includes(PASSWORD));
});

test('the log has the status of the response', async (t) => {
  for (const [path, status] of [
    ['/nowhere', 404],
    ['/api/notes/?page=0', 404],
    ['/api/notes/', 200],
  ] as const) {
    const { headers } = await service.request('acme.localhost', 'GET', path, { token });
    const line = service.requests.find(({ requestId }) => requestId === headers['x-request-id']);
    t.is(line?.status, status, path);
  }
});
