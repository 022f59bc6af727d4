import test from 'ava';
import { servedProject } from '../fixture-app/served-project.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

let world: World;
let service: TestService;
const ACME = 'acme.localhost';
const byHttps = { 'X-Forwarded-Proto': 'https' };

test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'alice');
  service = await serve(world, { TRUST_PROXY: '1', SECURE_SSL_REDIRECT: 'true' });
});

test.after.always(async () => {
  await service?.close();
  await world?.close();
});

for (const method of ['GET', 'HEAD']) {
  test(`redirects ${method} by plain HTTP to HTTPS`, async (t) => {
    const { status, headers } = await service.request(`${ACME}:8080`, method, '/api/notes/?page=2');
    t.is(status, 308);
    t.is(headers.location, 'https://acme.localhost/api/notes/?page=2');
    t.is(headers['strict-transport-security'], undefined);
  });
}

test('does not redirect to a host without a tenant', async (t) => {
  for (const host of ['nobody.localhost', 'evil.example', '127.0.0.1']) {
    const { status, headers, body } = await service.request(host, 'GET', '/');
    t.deepEqual([status, headers.location, body.detail], [404, undefined, 'No such tenant.'], host);
  }
});

test('does not redirect to a malformed host', async (t) => {
  const { status, headers } = await service.request('a@b', 'GET', '/');
  t.deepEqual([status, headers.location], [400, undefined]);
});

test('rejects a request that sends a secret by plain HTTP, without a redirect', async (t) => {
  for (const [method, headers, body] of [
    ['POST', {}, { username: 'alice', password: PASSWORD }],
    ['GET', { Authorization: 'Bearer x' }, undefined],
    ['GET', { Cookie: 'refresh=x' }, undefined],
    ['DELETE', {}, undefined],
    ['OPTIONS', {}, undefined],
  ] as const) {
    const answer = await service.request(ACME, method, '/api/auth/jwt/create/', { headers, body });
    t.deepEqual([answer.status, answer.body?.code], [403, 'https_required'], method);
    t.false(answer.text.includes(PASSWORD));
  }
});

test('serves requests by HTTPS with a Strict-Transport-Security header', async (t) => {
  const { status, headers, body } = await service.request(ACME, 'POST', '/api/auth/jwt/create/', {
    headers: byHttps,
    body: { username: 'alice', password: PASSWORD },
  });
  t.is(status, 200);
  t.truthy(body.access);
  t.is(headers['strict-transport-security'], 'max-age=31536000');
});

test('health checks work by plain HTTP', async (t) => {
  t.is((await service.request('10.0.0.1', 'GET', '/healthz')).status, 200);
  t.is((await service.request('10.0.0.1', 'GET', '/readyz')).status, 200);
});

test('the max-age and scope of Strict-Transport-Security are configurable', async (t) => {
  const seen = async (overrides: Record<string, string>): Promise<unknown> => {
    const other = await serve(world, { TRUST_PROXY: 'loopback', ...overrides });
    try {
      return (await other.request(ACME, 'GET', '/', { headers: byHttps })).headers[
        'strict-transport-security'
      ];
    } finally {
      await other.close();
    }
  };
  t.is(await seen({ SECURE_HSTS_SECONDS: '0' }), undefined);
  t.is(
    await seen({
      SECURE_HSTS_SECONDS: '60',
      SECURE_HSTS_INCLUDE_SUBDOMAINS: 'true',
      SECURE_HSTS_PRELOAD: 'true',
    }),
    'max-age=60; includeSubDomains; preload',
  );
});
