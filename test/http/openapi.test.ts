import test from 'ava';

import { createProjectDocument } from '../../src/server/api-documents.ts';
import { createDescribedRouters, describedSettings } from '../../src/server/describe-project.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { assertDescribed, isCompared } from '../helpers/contract.ts';
import { serve, type TestService } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

const ACME = 'acme.localhost';
const GLOBEX = 'globex.localhost';
const PATH = '/api/openapi.json';

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await world.asOwner('update public.tenants set settings = $2 where id = $1', [
    world.globex.id,
    { LOGIN_FIELD: 'email' },
  ]);
  service = await serve(world);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

test('serves the document of a host, without credentials', async (t) => {
  for (const [host, kind] of [
    [ACME, 'tenant'],
    ['localhost', 'site'],
  ] as const) {
    const { status, headers, body } = await service.request(host, 'GET', PATH);
    t.is(status, 200);
    t.is(headers['content-type'], 'application/json; charset=utf-8');
    t.is(headers['cache-control'], 'no-cache');
    t.is(headers.vary, 'Host');
    const routers = await createDescribedRouters(servedProject, kind);
    t.deepEqual(
      body,
      JSON.parse(
        JSON.stringify(
          createProjectDocument(servedProject, kind, routers, describedSettings(servedProject, kind)),
        ),
      ),
    );
  }
});

test('each kind of host has the document of its routes', async (t) => {
  const paths = async (host: string): Promise<string[]> =>
    Object.keys((await service.request(host, 'GET', `${PATH}/`)).body.paths);
  const [tenant, site] = [await paths(ACME), await paths('localhost')];
  t.true(tenant.includes('/api/notes/{id}/'));
  t.false(site.includes('/api/notes/{id}/'));
  t.true(site.includes('/api/tenants/impersonate/'));
  t.false(tenant.includes('/api/tenants/impersonate/'));
  t.is((await service.request('unknown.localhost', 'GET', PATH)).status, 404);
});

test('an operation without a summary is named after its row', async (t) => {
  const { body } = await service.request(ACME, 'GET', PATH);
  const operations = Object.entries<{ summary: string }>(body.paths['/api/notes/{id}/']);
  t.deepEqual(Object.fromEntries(operations.map(([method, { summary }]) => [method, summary])), {
    get: 'Get a note',
    put: 'Replace a note',
    patch: 'Change a note',
    delete: 'Delete a note',
  });
});

test("a tenant's document follows the tenant's settings", async (t) => {
  const loginOf = async (host: string) => {
    const { body } = await service.request(host, 'GET', PATH);
    return [
      Object.keys(body.components.schemas.LoginRequest.properties),
      '/api/auth/users/set_email/' in body.paths,
    ];
  };
  t.deepEqual(await loginOf(ACME), [['username', 'password'], false]);
  t.deepEqual(await loginOf(GLOBEX), [['email', 'password'], true]);
});

test('a client that has the document gets 304', async (t) => {
  const { headers } = await service.request(ACME, 'GET', PATH);
  const again = await service.request(ACME, 'GET', PATH, {
    headers: { 'If-None-Match': headers.etag ?? '' },
  });
  t.is(again.status, 304);
  t.is(again.text, '');
  const other = await service.request(GLOBEX, 'GET', PATH, {
    headers: { 'If-None-Match': headers.etag ?? '' },
  });
  t.is(other.status, 200);
  t.not(other.headers.etag, headers.etag);
});

test('other methods are rejected', async (t) => {
  t.is((await service.request(ACME, 'HEAD', PATH)).status, 200);
  const { status, headers } = await service.request(ACME, 'POST', PATH, { body: {} });
  t.is(status, 405);
  t.is(headers.allow, 'GET, HEAD');
});

test('serves the page of the document and its files, without inline scripts and other hosts', async (t) => {
  for (const host of [ACME, 'localhost']) {
    const page = await service.request(host, 'GET', '/api/docs/');
    t.is(page.status, 200);
    t.is(page.headers['content-type'], 'text/html; charset=utf-8');
    const policy = String(page.headers['content-security-policy']);
    t.true(policy.includes("script-src 'self';") && policy.includes("connect-src 'self';"), policy);
    t.notRegex(policy, /unsafe|https:/);
    t.notRegex(page.text, /<script(?! src)|<style|style=|\son[a-z]+=|https?:/);
    const files = [...page.text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, file = '']) => file);
    t.is(files.length, 4);
    for (const file of files) {
      const { status, headers, text } = await service.request(host, 'GET', file);
      t.is(status, 200, file);
      t.true(text.length > 50);
      const again = await service.request(host, 'GET', file, {
        headers: { 'If-None-Match': String(headers.etag), 'Accept-Encoding': 'gzip' },
      });
      t.is(again.status, 304);
    }
  }
  const small = await service.request(ACME, 'HEAD', '/api/docs/swagger-ui-bundle.js', {
    headers: { 'Accept-Encoding': 'gzip' },
  });
  t.is(small.headers['content-encoding'], 'gzip');
  t.true(Number(small.headers['content-length']) < 700_000);
  t.is((await service.request(ACME, 'GET', '/api/docs/../package.json')).status, 404);
  t.is((await service.request(ACME, 'POST', '/api/docs/', { body: {} })).status, 404);
});

test('API_DOCS=false serves no document', async (t) => {
  const silent = await serve(world, { API_DOCS: 'false' });
  t.teardown(() => silent.close());
  t.is((await silent.request(ACME, 'GET', PATH)).status, 404);
  t.is((await silent.request(ACME, 'GET', '/api/docs/')).status, 404);
});

test('the tests reject responses that are not in the document', async (t) => {
  const { port } = service;
  const asked = { port, host: ACME, method: 'POST', path: '/api/auth/jwt/create/' };
  const answer = await service.request(ACME, 'POST', asked.path, { body: { username: 'x', password: 'y' } });
  t.is(answer.status, 401);
  t.true(isCompared());
  await t.notThrowsAsync(assertDescribed({ ...asked, answer }));
  for (const [fault, other] of [
    ['the status 418', { ...answer, status: 418 }],
    ["must have required property 'detail'", { ...answer, body: { code: 'not_authenticated' } }],
    ['must be equal to one of the allowed values', { ...answer, body: { detail: 'x', code: 'other' } }],
    [
      'WWW-Authenticate is missing',
      { ...answer, headers: { ...answer.headers, 'www-authenticate': undefined } },
    ],
    [
      'the media type text/plain',
      { ...answer, headers: { ...answer.headers, 'content-type': 'text/plain' } },
    ],
  ] as const) {
    await t.throwsAsync(assertDescribed({ ...asked, answer: other }), { message: new RegExp(fault) }, fault);
  }
  await t.throwsAsync(
    assertDescribed({ ...asked, path: '/api/other/', answer: { ...answer, status: 200 } }),
    {
      message: /is not in the document/,
    },
  );
});
