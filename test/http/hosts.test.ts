import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';

import { servedProject } from '../fixture-app/served-project.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'alice');
  await makeUser(world, 'site', 'operator');
  service = await serve(world);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

test('the public host serves the landing page and no tenant route', async (t) => {
  const landing = await service.request('localhost', 'GET', '/');
  t.is(landing.status, 200);
  t.is(landing.headers['content-type'], 'application/json; charset=utf-8');
  t.is((await service.request('localhost', 'GET', '/api/notes/')).status, 404);
});

test('a tenant host serves the tenant routes and no landing page', async (t) => {
  t.is((await service.request('acme.localhost', 'GET', '/')).status, 404);
  t.is((await service.request('acme.localhost', 'GET', '/api/notes/')).status, 401);
});

test('returns 404 for an unknown host and for an address', async (t) => {
  for (const host of ['nobody.localhost', 'example.com', '127.0.0.1', `127.0.0.1:${service.port}`, '[::1]']) {
    const { status, body } = await service.request(host, 'GET', '/api/notes/');
    t.deepEqual({ status, detail: body?.detail }, { status: 404, detail: 'No such tenant.' }, host);
  }
});

test('the response for an unknown host matches docs/api.md exactly', async (t) => {
  const { body } = await service.request('nobody.localhost', 'GET', '/');
  t.deepEqual(body, { detail: 'No such tenant.' });
});

test('compares hosts in lowercase, without port and trailing dot', async (t) => {
  for (const host of ['ACME.localhost', 'acme.localhost:8080', 'acme.localhost.', 'Acme.LocalHost.:1']) {
    t.is((await service.request(host, 'GET', '/api/notes/')).status, 401, host);
  }
});

test('rejects a malformed Host with 400', async (t) => {
  for (const host of [
    'acme.localhost:port',
    'acme.localhost:',
    'acme.localhost:99999',
    'acme.localhost:65536',
    'acme.localhost:0',
    'acme.localhost:000000',
    'acme.localhost:-1',
    `acme.localhost:${'9'.repeat(500)}`,
    `${'a.'.repeat(4_000)}localhost`,
    'acme localhost',
    'acme..localhost',
    '-acme.localhost',
    'acme_.localhost',
    'acme.localhost..',
    'acme.localhost/x',
    'user@acme.localhost',
    'acme.localhost, globex.localhost',
    'acme.localhost,globex.localhost',
    'globex.localhost#acme.localhost',
    'acme%2elocalhost',
    '[acme]',
    '.',
    `${'a'.repeat(300)}.localhost`,
    "acme'--.localhost",
  ]) {
    const { status, body, headers } = await service.request(host, 'GET', '/api/notes/');
    t.is(status, 400, host);
    t.is(typeof body?.detail, 'string', host);
    t.truthy(headers['x-request-id'], host);
  }
});

test('rejects two Host headers with 400, in either order', async (t) => {
  for (const [one, other] of [
    ['acme.localhost', 'globex.localhost'],
    ['acme.localhost', 'acme.localhost'],
  ]) {
    const answer = await service.rawRequest(
      `GET /api/notes/ HTTP/1.1\r\nHost: ${one}\r\nHOST: ${other}\r\nConnection: close\r\n\r\n`,
    );
    t.regex(answer, /^HTTP\/1\.1 400 /);
  }
});

test('rejects HTTP/1.0 without a Host with 400 and a JSON body', async (t) => {
  const answer = await service.rawRequest('GET /api/notes/ HTTP/1.0\r\n\r\n');
  t.regex(answer, /^HTTP\/1\.1 400 /);
  t.regex(answer, /X-Request-Id: /i);
  t.regex(answer, /"detail":/);
});

test('rejects HTTP/1.1 without a Host with 400', async (t) => {
  const answer = await service.rawRequest('GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n');
  t.regex(answer, /^HTTP\/1\.1 400 /);
});

test('an absolute request target does not override the Host header', async (t) => {
  const answer = await service.rawRequest(
    'GET http://localhost/ HTTP/1.1\r\nHost: acme.localhost\r\nConnection: close\r\n\r\n',
  );
  t.notRegex(answer, /^HTTP\/1\.1 200 /);
});

test('ignores forwarded headers by default', async (t) => {
  const headers = {
    'X-Forwarded-Host': 'acme.localhost',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-For': '10.0.0.1',
    Forwarded: 'host=acme.localhost;proto=https',
  };
  t.is((await service.request('nobody.localhost', 'GET', '/api/notes/', { headers })).status, 404);
  const landing = await service.request('localhost', 'GET', '/', { headers });
  t.is(landing.body.log_in, 'http://localhost/api/auth/jwt/create/');
});

test('uses forwarded headers behind a trusted proxy', async (t) => {
  const trusting = await serve(world, { TRUST_PROXY: 'true' });
  t.teardown(trusting.close);
  const landing = await trusting.request('inner:80', 'GET', '/', {
    headers: { 'X-Forwarded-Host': 'localhost', 'X-Forwarded-Proto': 'https' },
  });
  t.is(landing.body?.log_in, 'https://localhost/api/auth/jwt/create/');
  const none = await trusting.request('acme.localhost', 'GET', '/api/notes/');
  t.is(none.status, 401);
});

test('an unknown host serves the public site when so configured, and accepts logins of the public site only', async (t) => {
  const fallback = await serve(world, { SHOW_PUBLIC_IF_NO_TENANT_FOUND: 'true' });
  t.teardown(fallback.close);
  t.is((await fallback.request('nobody.localhost', 'GET', '/')).status, 200);
  t.is((await fallback.request('nobody.localhost', 'GET', '/api/notes/')).status, 404);
  await t.throwsAsync(fallback.logIn('nobody.localhost', 'alice', PASSWORD), { message: /401/ });
  t.truthy(await fallback.logIn('nobody.localhost', 'operator', PASSWORD));
});

test('serves another domain of a tenant, or redirects it to the primary domain', async (t) => {
  await world.asOwner('insert into public.domains (domain, tenant_id) values ($1, $2)', [
    'www.globex.example',
    world.globex.id,
  ]);
  t.is((await service.request('www.globex.example', 'GET', '/api/notes/')).status, 401);

  const sending = await serve(world, { REDIRECT_TO_PRIMARY: 'true' });
  t.teardown(sending.close);
  for (const method of ['GET', 'HEAD']) {
    const { status, headers } = await sending.request(
      'www.globex.example:8080',
      method,
      '/api/notes/?page=2&search=a%20b',
    );
    t.is(status, 308);
    t.is(headers.location, 'http://globex.localhost:8080/api/notes/?page=2&search=a%20b');
    t.truthy(headers['x-request-id']);
  }
  t.is((await sending.request('www.globex.example', 'POST', '/api/notes/', { body: {} })).status, 401);
  t.is((await sending.request('globex.localhost', 'GET', '/api/notes/')).status, 401);
  t.is((await sending.request('www.globex.example', 'GET', '/healthz')).status, 200);
  const json = await sending.request('www.globex.example', 'GET', '/');
  t.is(json.headers['content-type'], 'application/json; charset=utf-8');
});

test('rejects an invalid port with 400 where a redirect would be sent', async (t) => {
  const sending = await serve(world, { REDIRECT_TO_PRIMARY: 'true', TRUST_PROXY: '1' });
  const secure = await serve(world, {
    REDIRECT_TO_PRIMARY: 'true',
    TRUST_PROXY: '1',
    SECURE_SSL_REDIRECT: 'true',
    SHOW_PUBLIC_IF_NO_TENANT_FOUND: 'true',
  });
  t.teardown(() => Promise.all([sending.close(), secure.close()]));
  await world.asOwner('insert into public.domains (domain, tenant_id) values ($1, $2)', [
    'ports.globex.example',
    world.globex.id,
  ]);
  for (const service of [sending, secure]) {
    for (const host of [
      'ports.globex.example:99999',
      'globex.localhost:65536',
      'localhost:99999',
      'nobody.localhost:0',
    ]) {
      for (const path of ['/', '/api/notes/', '/api/auth/users/']) {
        t.is((await service.request(host, 'GET', path)).status, 400, `${host}${path}`);
        const forwarded = { 'X-Forwarded-Host': host, 'X-Forwarded-Proto': 'https' };
        t.is((await service.request('inner', 'GET', path, { headers: forwarded })).status, 400);
      }
    }
    t.deepEqual(service.bugs, []);
  }
});

test('compares paths case-sensitively', async (t) => {
  for (const path of [
    '/api/Projects/',
    '/API/notes/',
    '/api/auth/JWT/create/',
    '/Healthz',
    '/api/auth/Users/me/',
  ]) {
    const { status } = await service.request('acme.localhost', 'GET', path);
    t.is(status, 404, path);
  }
  t.is((await service.request('acme.localhost', 'GET', '/api/notes')).status, 401);
});

test('rejects a URL that is not UTF-8 with 400', async (t) => {
  for (const path of [
    '/api/notes/?search=%FF',
    '/api/notes/?search=%ED%A0%80',
    '/api/notes/?search=%C0%80',
    '/api/%E0%A4%A',
    '/%80/',
    '/api/notes/?%FE=1',
  ]) {
    const { status, body } = await service.request('acme.localhost', 'GET', path);
    t.deepEqual([status, body], [400, { detail: 'The URL is not UTF-8.' }], path);
  }
  for (const path of [
    '/api/notes/?search=100%',
    '/api/notes/?search=%C3%BC%F0%9F%98%80',
    '/api/notes/?a=%zz',
  ]) {
    t.is((await service.request('acme.localhost', 'GET', path)).status, 401, path);
  }
});

test('never redirects to a host chosen by the client', async (t) => {
  await world.asOwner('insert into public.domains (domain, tenant_id) values ($1, $2)', [
    'old.acme.example',
    world.acme.id,
  ]);
  const sending = await serve(world, { REDIRECT_TO_PRIMARY: 'true' });
  t.teardown(sending.close);
  for (const target of [
    '//evil.example/x',
    '/\\evil.example',
    'http://evil.example/x',
    '/..//evil.example',
  ]) {
    const answer = await sending.rawRequest(
      `GET ${target} HTTP/1.1\r\nHost: old.acme.example\r\nConnection: close\r\n\r\n`,
    );
    const location = /^location: (.*)\r$/im.exec(answer)?.[1];
    t.is(location === undefined ? 'acme.localhost' : new URL(location).hostname, 'acme.localhost', target);
  }
});

test('/healthz and /readyz respond on every host, with or without a trailing slash', async (t) => {
  for (const host of ['localhost', 'acme.localhost', 'nobody.localhost', '127.0.0.1', 'not a host']) {
    for (const path of ['/healthz', '/readyz', '/healthz/', '/readyz/']) {
      const { status, body, headers } = await service.request(host, 'GET', path);
      t.is(status, 200, `${host} ${path}`);
      t.deepEqual(body, { status: 'ok' });
      t.truthy(headers['x-request-id']);
    }
  }
});

test('a service stays ready after a migration by another release, and is not ready after an uninstall', async (t) => {
  const other = await openWorld({ project: servedProject });
  const behind = await serve(other);
  t.teardown(async () => {
    await behind.close();
    await other.close();
  });
  // The test server itself may cause a warning.
  const otherWarnings = () => behind.warnings.filter((warning) => !warning.startsWith('server '));
  t.is((await behind.request('localhost', 'GET', '/readyz')).status, 200);
  await other.asOwner(`update tenancy.installation set fingerprint = 'of another release'`);
  t.deepEqual(otherWarnings(), []);
  const warned = async (): Promise<number> => {
    t.is((await behind.request('localhost', 'GET', '/readyz')).status, 200);
    return otherWarnings().length;
  };
  t.is(await until(warned, (count) => count > 0), 1);
  // Two more lookups in the database.
  await wait(2_500);
  await warned();
  t.is(otherWarnings().length, 1, 'logged once');
  t.regex(otherWarnings()[0] ?? '', /shared schema of main was changed by another release/);
  await other.asOwner('delete from tenancy.installation');
  const { status, headers, body } = await until(
    () => behind.request('localhost', 'GET', '/readyz'),
    (answer) => answer.status === 503,
  );
  t.is(status, 503);
  t.truthy(headers['retry-after']);
  t.is(typeof body.detail, 'string');
  t.is((await behind.request('localhost', 'GET', '/healthz')).status, 200);
});
