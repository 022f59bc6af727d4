import test from 'ava';

import { servedProject } from '../fixture-app/served-project.ts';
import { ACCEPT } from '../helpers/form-client.ts';
import { makeUser, serve, type TestService, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'ann');
  service = await serve(world);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

test.serial('browsers get a page for an error, and API clients JSON', async (t) => {
  const cases = [
    ['acme.localhost', '/nowhere/', 404, 'Page not found'],
    ['localhost', '/nowhere/', 404, 'Page not found'],
    ['nobody.localhost', '/', 404, 'Workspace not found'],
    ['acme.localhost', '/api/notes/', 401, 'Login required'],
    ['bad..host', '/', 400, 'Bad request'],
  ] as const;
  for (const [host, path, status, title] of cases) {
    const page = await service.request(host, 'GET', path, { headers: { Accept: ACCEPT } });
    t.is(page.status, status, path);
    t.regex(String(page.headers['content-type']), /^text\/html/);
    t.regex(page.text, new RegExp(`<h1>${title}</h1>`));
    t.regex(String(page.headers.vary), /Accept/);
    // The start page of an unknown host is the same error.
    t.is(page.text.includes('Go to the start page'), host !== 'nobody.localhost', host);
    const json = await service.request(host, 'GET', path, { headers: { Accept: 'application/json' } });
    t.is(json.status, status);
    t.is(typeof json.body.detail, 'string');
  }
});

test.serial('a page of status 402, 429 or 503 says when to try again', async (t) => {
  const token = await service.logIn('acme.localhost', 'ann', 'correct horse battery staple');
  const show = (path: string) =>
    service.request('acme.localhost', 'GET', path, { token, headers: { Accept: ACCEPT } });
  await world.asOwner(`update public.tenants set status = 'suspended' where schema_name = 'acme'`);
  const paid = await untilStatus(() => show('/api/notes/'), 402);
  t.regex(paid.text, /This tenant is suspended/);
  await world.asOwner(
    `update public.tenants set status = 'maintenance', status_before = 'active' where schema_name = 'acme'`,
  );
  for (const path of ['/api/notes/', '/login', '/']) {
    const closed = await untilStatus(() => show(path), 503);
    t.regex(closed.text, /Temporarily unavailable/);
    t.regex(closed.text, /in about 60 seconds/);
  }
  await world.asOwner(
    `update public.tenants set status = 'active', status_before = null where schema_name = 'acme'`,
  );
  await untilStatus(() => show('/api/notes/'), 200);

  await world.asOwner(
    `update public.tenants set settings = '{"TENANT_REQUESTS_PER_MINUTE": 1}' where schema_name = 'globex'`,
  );
  const throttled = await untilStatus(
    () => service.request('globex.localhost', 'GET', '/api/notes/', { headers: { Accept: ACCEPT } }),
    429,
  );
  t.is(throttled.status, 429);
  t.regex(throttled.text, /Too many requests/);
});

const untilStatus = <T extends { status: number }>(look: () => Promise<T>, status: number): Promise<T> =>
  until(look, (found) => found.status === status);

test('the stylesheet and the icon are served on every host and may be cached', async (t) => {
  const page = await service.request('nobody.localhost', 'GET', '/', { headers: { Accept: ACCEPT } });
  const paths = [...page.text.matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)].map(([, path = '']) => path);
  t.is(new Set(paths).size, 2);
  for (const path of new Set(paths)) {
    const file = await service.request('nobody.localhost', 'GET', path);
    t.is(file.status, 200);
    t.regex(String(file.headers['cache-control']), /immutable/);
    t.regex(String(file.headers['content-type']), /^(text\/css|image\/svg\+xml)/);
  }
});
