import test from 'ava';

import { isCorsOrigin } from '../../src/http/cors-origins.ts';
import { originPatterns, origins } from '../../src/tenancy/registry/setting-fields.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { type Answer, makeUser, PASSWORD, serve, type TestService } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

const ACME = 'acme.localhost';
const GLOBEX = 'globex.localhost';
const APP = 'https://app.example.com';
const EVIL = 'https://evil.example';

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'ann');
  await world.asOwner('update public.tenants set settings = $2 where id = $1', [
    world.acme.id,
    {
      CORS_ALLOWED_ORIGINS: APP,
      CORS_ALLOWED_ORIGIN_REGEXES: String.raw`https://[a-z0-9\-]+\.preview\.example\.com`,
      CORS_ALLOW_CREDENTIALS: true,
    },
  ]);
  service = await serve(world);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const CORS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-max-age',
];
const corsOf = ({ headers }: Answer) =>
  Object.fromEntries(CORS.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]));

const preflight = (host: string, origin: string, path = '/api/notes/') =>
  service.request(host, 'OPTIONS', path, {
    headers: {
      Origin: origin,
      'Access-Control-Request-Method': 'DELETE',
      'Access-Control-Request-Headers': 'authorization, x-evil',
    },
  });

test('responds to a preflight request before credentials are checked', async (t) => {
  const answer = await preflight(ACME, APP);
  t.is(answer.status, 204);
  t.deepEqual(corsOf(answer), {
    'access-control-allow-origin': APP,
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': 'DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT',
    'access-control-allow-headers':
      'accept,authorization,content-type,idempotency-key,if-match,if-none-match,user-agent,x-csrftoken,x-requested-with',
    'access-control-max-age': '86400',
  });
  t.regex(String(answer.headers.vary), /\bOrigin\b/);
  t.is((await preflight(ACME, 'https://pr-7.preview.example.com')).status, 204);
});

test('allows no other origin', async (t) => {
  for (const origin of [
    EVIL,
    'null',
    '*',
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://app.example.com.evil.example',
    'https://evil.example/https://app.example.com',
    'https://APP.example.com',
    'https://x.preview.example.com.evil.example',
    'https://evil.example#.preview.example.com',
    `https://${'a'.repeat(1_000)}.preview.example.com`,
  ]) {
    const answer = await preflight(ACME, origin);
    t.deepEqual([answer.status, corsOf(answer)], [401, {}], origin);
    t.regex(String(answer.headers.vary), /\bOrigin\b/);
  }
});

test('is off by default, and an origin is allowed for its tenant only', async (t) => {
  for (const host of [GLOBEX, 'localhost']) {
    const answer = await preflight(host, APP);
    t.deepEqual(corsOf(answer), {}, host);
    t.not(answer.status, 204, host);
    t.notRegex(String(answer.headers.vary ?? ''), /Origin/, host);
  }
});

test('adds the headers to responses and errors alike', async (t) => {
  const token = await service.logIn(ACME, 'ann', PASSWORD);
  const headers = { Origin: APP };
  for (const [status, asking] of [
    [200, { token, headers }],
    [401, { headers }],
  ] as const) {
    const answer = await service.request(ACME, 'GET', '/api/notes/', asking);
    t.deepEqual(
      [answer.status, corsOf(answer)],
      [status, { 'access-control-allow-origin': APP, 'access-control-allow-credentials': 'true' }],
    );
    t.regex(String(answer.headers['access-control-expose-headers']), /Location,Retry-After,X-Request-Id/);
  }
  const without = await service.request(ACME, 'GET', '/api/notes/', { token });
  t.deepEqual(corsOf(without), {});
  t.regex(String(without.headers.vary), /\bOrigin\b/);
  const missing = await service.request(ACME, 'GET', '/nothing/', { headers });
  t.deepEqual([missing.status, corsOf(missing)['access-control-allow-origin']], [404, APP]);
});

test('OPTIONS without a requested method describes the resource', async (t) => {
  const token = await service.logIn(ACME, 'ann', PASSWORD);
  const answer = await service.request(ACME, 'OPTIONS', '/api/notes/', { token, headers: { Origin: APP } });
  t.is(answer.status, 200);
  t.deepEqual(answer.body.renders, ['application/json']);
  t.is(answer.headers['access-control-allow-origin'], APP);
});

test('the environment’s settings apply where the tenant has none, without credentials', async (t) => {
  const other = await serve(world, { CORS_ALLOWED_ORIGINS: `${APP}, http://localhost:5173` });
  t.teardown(other.close);
  const answer = await other.request(GLOBEX, 'OPTIONS', '/api/notes/', {
    headers: { Origin: 'http://localhost:5173', 'Access-Control-Request-Method': 'GET' },
  });
  t.is(answer.status, 204);
  t.is(answer.headers['access-control-allow-origin'], 'http://localhost:5173');
  t.is(answer.headers['access-control-allow-credentials'], undefined);
});

test.serial('responds to a preflight request whatever the tenant’s status', async (t) => {
  for (const status of ['maintenance', 'suspended']) {
    await world.asOwner('update public.tenants set status = $2 where id = $1', [world.acme.id, status]);
    const other = await serve(world, { CORS_ALLOWED_ORIGINS: APP });
    const headers = { Origin: APP, 'Access-Control-Request-Method': 'GET' };
    const asked = await other.request(ACME, 'OPTIONS', '/api/notes/', { headers });
    const got = await other.request(ACME, 'GET', '/api/notes/', { headers: { Origin: APP } });
    await other.close();
    await world.asOwner(`update public.tenants set status = 'active' where id = $1`, [world.acme.id]);
    t.deepEqual([asked.status, asked.headers['access-control-allow-origin']], [204, APP], status);
    t.true(got.status >= 400);
    t.is(got.headers['access-control-allow-origin'], APP, status);
  }
});

test.serial('a tenant whose settings cannot be read allows no origin of the environment', async (t) => {
  const setSettings = (settings: object) =>
    world.asOwner('update public.tenants set settings = $2 where id = $1', [world.globex.id, settings]);
  await setSettings({ CORS_ALLOW_CREDENTIALS: 'perhaps' });
  const other = await serve(world, { CORS_ALLOWED_ORIGINS: APP });
  t.teardown(other.close);
  const headers = { Origin: APP, 'Access-Control-Request-Method': 'GET' };
  const answer = await other.request(GLOBEX, 'OPTIONS', '/api/notes/', { headers });
  t.deepEqual([answer.status, corsOf(answer)], [500, {}]);
  await setSettings({});
});

test('rejects wildcards and values that are not origins', (t) => {
  for (const text of [
    '*',
    'https://*',
    'app.example.com',
    'https://a.com/',
    'https://a.com:443',
    'https://A.com',
  ]) {
    t.false(origins().safeParse(text).success, text);
  }
  for (const text of ['.*', 'https?://.*', '(', 'https://[^/]*']) {
    t.false(originPatterns().safeParse(text).success, text);
  }
  for (const text of [
    String.raw`https://([a-z]+)+\.a\.com`,
    String.raw`https://(?:[a-z0-9]*)*\.a\.com`,
    String.raw`https://(?<name>a|a){40}\.a\.com`,
    String.raw`https://[a-z]+[a-z]+[a-z]+\.a\.com`,
    String.raw`https://${'a?'.repeat(30)}\.a\.com`,
    String.raw`https://${'(a|a)'.repeat(30)}\.a\.com`,
  ]) {
    const { error } = originPatterns().safeParse(text);
    t.regex(error?.issues[0]?.message ?? '', /may match slowly/, text);
  }
  for (const text of [
    String.raw`https://[a-z0-9.\-]+\.a\.com(:[0-9]+)?`,
    String.raw`https?://(?:app|admin)\.a\.com`,
    String.raw`https://[\+\*?]\.a\.com`,
  ]) {
    t.true(originPatterns().safeParse(text).success, text);
  }
  const settings = {
    CORS_ALLOWED_ORIGINS: origins().parse('https://a.com http://localhost:3000'),
    CORS_ALLOWED_ORIGIN_REGEXES: originPatterns().parse(String.raw`https://\w+\.a\.com`),
  };
  t.true(isCorsOrigin(settings, 'http://localhost:3000'));
  t.true(isCorsOrigin(settings, 'https://x.a.com'));
  t.false(isCorsOrigin(settings, 'https://x.a.com.b.com'));
});
