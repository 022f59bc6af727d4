import test from 'ava';

import { createProjectDocument } from '../../src/server/api-documents.ts';
import { createDescribedRouters, describedSettings } from '../../src/server/describe-project.ts';
import { servedProject } from '../fixture-app/served-project.ts';
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

test('API_DOCS=false serves no document', async (t) => {
  const silent = await serve(world, { API_DOCS: 'false' });
  t.teardown(() => silent.close());
  t.is((await silent.request(ACME, 'GET', PATH)).status, 404);
});
