import test from 'ava';
import { createProjectDocument } from '../../../src/server/api-documents.ts';
import { createDescribedRouters, describedSettings } from '../../../src/server/describe-project.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { claimsOf, me } from '../../helpers/attacker.ts';
import { type Answer, makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';

const ACME = 'acme.localhost';
const GLOBEX = 'globex.localhost';

let world: World;
let service: TestService;
let proxied: TestService;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'ann');
  await makeUser(world, 'acme', 'bob');
  await makeUser(world, 'globex', 'ann');
  service = await serve(world, { AUTH_COOKIES: 'true' });
  proxied = await serve(world, { AUTH_COOKIES: 'true', TRUST_PROXY: 'true' });
});
test.after.always(async () => {
  await service?.close();
  await proxied?.close();
  await world?.close();
});

/** Returns the cookies of a response: value and attributes by name. */
const cookiesOf = ({ headers }: Answer): Record<string, { value: string; attributes: string[] }> =>
  Object.fromEntries(
    (headers['set-cookie'] ?? []).map((line) => {
      const [pair = '', ...attributes] = line.split('; ');
      const at = pair.indexOf('=');
      return [
        pair.slice(0, at),
        { value: pair.slice(at + 1), attributes: attributes.map((one) => one.toLowerCase()) },
      ];
    }),
  );

type Browser = Readonly<{ access: string; refresh: string; csrf: string }>;

async function logIn(username = 'ann', host = ACME): Promise<Browser> {
  const answer = await service.request(host, 'POST', '/api/auth/jwt/create/', {
    body: { username, password: PASSWORD },
  });
  const cookies = cookiesOf(answer);
  return {
    access: answer.body.access,
    refresh: cookies.refresh?.value ?? '',
    csrf: cookies.csrftoken?.value ?? '',
  };
}

const send = (
  action: string,
  cookies: Record<string, string>,
  csrf?: string,
  { host = ACME, body = {} as object } = {},
) =>
  service.request(host, 'POST', `/api/auth/jwt/${action}/`, {
    body,
    headers: {
      Cookie: Object.entries(cookies)
        .map(([name, value]) => `${name}=${value}`)
        .join('; '),
      ...(csrf === undefined ? {} : { 'X-CSRFToken': csrf }),
    },
  });

const ACTIONS = ['refresh', 'logout', 'logout_all'] as const;

test('a cross-site form cannot log a browser in', async (t) => {
  for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=b']) {
    for (const action of ['create', 'refresh', 'impersonate']) {
      const answer = await service.request(ACME, 'POST', `/api/auth/jwt/${action}/`, {
        raw: 'username=ann&password=x&refresh=x&token=x',
        headers: { 'Content-Type': type },
      });
      t.deepEqual([answer.status, answer.headers['set-cookie']], [415, undefined], `${action} ${type}`);
    }
  }
});

test('sets the refresh token only in an HttpOnly cookie', async (t) => {
  const answer = await service.request(ACME, 'POST', '/api/auth/jwt/create/', {
    body: { username: 'ann', password: PASSWORD },
  });
  t.deepEqual(Object.keys(answer.body), ['access']);
  const { refresh, csrftoken } = cookiesOf(answer);
  t.is(claimsOf(refresh?.value ?? '').token_type, 'refresh');
  t.true(refresh?.attributes.includes('httponly'));
  t.false(csrftoken?.attributes.includes('httponly'));
  for (const cookie of [refresh, csrftoken]) {
    t.true(cookie?.attributes.includes('samesite=lax'));
    t.true(cookie?.attributes.includes('path=/'));
    t.false(cookie?.attributes.some((one) => one.startsWith('domain')));
  }
  t.is(answer.headers['cache-control'], 'no-store');
});

test('a page of another origin, which cannot read cookies of this host, reads the CSRF token of the responses', async (t) => {
  const origin = 'https://app.example.com';
  const other = await serve(world, {
    AUTH_COOKIES: 'true',
    CORS_ALLOWED_ORIGINS: origin,
    CORS_ALLOW_CREDENTIALS: 'true',
  });
  t.teardown(other.close);
  let answer = await other.request(ACME, 'POST', '/api/auth/jwt/create/', {
    body: { username: 'ann', password: PASSWORD },
    headers: { Origin: origin },
  });
  for (const [action, status] of [
    ['refresh', 200],
    ['logout', 200],
    ['refresh', 401],
  ] as const) {
    const cookie = cookiesOf(answer).refresh?.value ?? '';
    const csrf = String(answer.headers['x-csrftoken'] ?? '');
    t.regex(String(answer.headers['access-control-expose-headers']), /X-CSRFToken/);
    answer = await other.request(ACME, 'POST', `/api/auth/jwt/${action}/`, {
      body: {},
      headers: { Origin: origin, Cookie: `refresh=${cookie}`, 'X-CSRFToken': csrf },
    });
    t.is(answer.status, status, action);
  }
});

test('behind HTTPS, sets cookies that another subdomain cannot overwrite', async (t) => {
  const answer = await proxied.request(ACME, 'POST', '/api/auth/jwt/create/', {
    body: { username: 'ann', password: PASSWORD },
    headers: { 'X-Forwarded-Proto': 'https' },
  });
  const cookies = cookiesOf(answer);
  t.deepEqual(Object.keys(cookies).sort(), ['__Host-csrftoken', '__Host-refresh']);
  const cookie = cookies['__Host-refresh'];
  for (const attribute of ['secure', 'httponly', 'path=/', 'samesite=lax']) {
    t.true(cookie?.attributes.includes(attribute), attribute);
  }
  t.true(cookies['__Host-csrftoken']?.attributes.includes('secure'));
  t.false(JSON.stringify(cookies).includes('domain'));

  const ask = (name: string) =>
    proxied.request(ACME, 'POST', '/api/auth/jwt/refresh/', {
      body: {},
      headers: {
        'X-Forwarded-Proto': 'https',
        Cookie: `${name}=${cookie?.value}`,
        'X-CSRFToken': cookies['__Host-csrftoken']?.value ?? '',
      },
    });
  // A cookie without the prefix may be from another tenant's host.
  t.is((await ask('refresh')).status, 401);
  t.is((await ask('__Host-refresh')).status, 200);
});

test('ignores X-Forwarded-Proto from clients without a trusted proxy', async (t) => {
  const answer = await service.request(ACME, 'POST', '/api/auth/jwt/create/', {
    body: { username: 'ann', password: PASSWORD },
    headers: { 'X-Forwarded-Proto': 'https' },
  });
  t.deepEqual(Object.keys(cookiesOf(answer)).sort(), ['csrftoken', 'refresh']);
});

test('without AUTH_COOKIES, a request can ask for cookies, and only that request has them', async (t) => {
  const plain = await serve(world);
  t.teardown(plain.close);
  const ask = (action: string, headers: Record<string, string>, body: object = {}) =>
    plain.request(ACME, 'POST', `/api/auth/jwt/${action}/`, { body, headers });
  const login = { username: 'ann', password: PASSWORD };
  const asked = { 'X-Token-Transport': 'cookie' };

  const without = await ask('create', {}, login);
  t.deepEqual([Object.keys(without.body), without.headers['set-cookie']], [['refresh', 'access'], undefined]);
  let answer = await ask('create', asked, login);
  for (const [action, status] of [
    ['refresh', 200],
    ['logout', 200],
    ['refresh', 401],
  ] as const) {
    t.false('refresh' in answer.body);
    const { refresh, csrftoken } = cookiesOf(answer);
    const Cookie = `refresh=${refresh?.value}`;
    t.is(
      (await ask(action, { ...asked, Cookie })).status,
      status === 401 ? 401 : 403,
      `${action} without CSRF`,
    );
    answer = await ask(action, { ...asked, Cookie, 'X-CSRFToken': csrftoken?.value ?? '' });
    t.is(answer.status, status, action);
  }
  const form = await plain.request(ACME, 'POST', '/api/auth/jwt/create/', {
    raw: 'username=ann&password=x',
    headers: { ...asked, 'Content-Type': 'application/x-www-form-urlencoded' },
  });
  t.is(form.status, 415);
  const preflight = await plain.request(ACME, 'OPTIONS', '/api/auth/jwt/create/', {
    headers: { Origin: 'https://app.example.com', 'Access-Control-Request-Headers': 'x-token-transport' },
  });
  t.notRegex(String(preflight.headers['access-control-allow-headers']), /x-token-transport/i);
});

for (const action of ACTIONS) {
  test(`rejects ${action} by cookie without the CSRF header`, async (t) => {
    // A separate user, because logout_all ends the sessions of other tests.
    const { username } = await makeUser(world, 'acme', `of-${action}`);
    await makeUser(world, 'globex', username);
    const { access, refresh, csrf } = await logIn(username);
    const other = await logIn('bob');
    const second = await logIn(username);
    const otherTenant = await logIn(username, GLOBEX);
    for (const [why, given] of [
      ['no header', undefined],
      ['an empty header', ''],
      ['a made up header', 'x'.repeat(43)],
      ['one of another user', other.csrf],
      ['one of another session of the same user', second.csrf],
      ['one of another tenant', otherTenant.csrf],
      ['the token itself', refresh],
      ['a part of it', csrf.slice(0, -1)],
      ['more than it', `${csrf}A`],
      ['it in other case', csrf.toUpperCase()],
    ] as const) {
      // The sender controls the cookie of the CSRF token: another tenant's page may have set it.
      const { status, body } = await send(action, { refresh, csrftoken: given ?? csrf }, given);
      t.deepEqual([status, body.code], [403, 'permission_denied'], why);
    }
    t.is((await me(service, ACME, access)).status, 200);
    t.is((await send(action, { refresh, csrftoken: csrf }, csrf)).status, 200);
  });
}

test('rejects a cookie of another tenant, with the CSRF header of either tenant', async (t) => {
  const here = await logIn();
  const there = await logIn('ann', GLOBEX);
  for (const action of ACTIONS) {
    for (const csrf of [here.csrf, there.csrf]) {
      const { status, body } = await send(action, { refresh: here.refresh, csrftoken: csrf }, csrf, {
        host: GLOBEX,
      });
      t.deepEqual([status, body.code], [401, 'token_not_valid'], action);
    }
  }
  t.is((await me(service, ACME, here.access)).status, 200);
  t.is((await me(service, GLOBEX, there.access)).status, 200);
});

test('accepts the cookie on its three routes only', async (t) => {
  const { refresh, csrf } = await logIn();
  const headers = { Cookie: `refresh=${refresh}; access=${refresh}; csrftoken=${csrf}`, 'X-CSRFToken': csrf };
  for (const [method, path] of [
    ['GET', '/api/auth/users/me/'],
    ['GET', '/api/auth/sessions/'],
    ['GET', '/api/notes/'],
    ['POST', '/api/auth/users/set_password/'],
  ] as const) {
    t.is((await service.request(ACME, method, path, { headers })).status, 401, path);
  }
  t.is((await send('verify', { refresh, csrftoken: csrf }, csrf)).status, 400);
});

test('a refresh replaces the cookie, and a logout deletes both cookies', async (t) => {
  const { refresh, csrf } = await logIn();
  const exchanged = await send('refresh', { refresh }, csrf);
  t.deepEqual(Object.keys(exchanged.body), ['access']);
  const next = cookiesOf(exchanged);
  t.not(next.refresh?.value, refresh);
  t.is(next.csrftoken?.value, csrf);
  const out = await send('logout', { refresh: next.refresh?.value ?? '' }, csrf);
  t.is(out.status, 200);
  for (const name of ['refresh', 'csrftoken']) {
    const cookie = cookiesOf(out)[name];
    t.is(cookie?.value, '');
    t.true(cookie?.attributes.includes('expires=thu, 01 jan 1970 00:00:00 gmt'));
  }
  t.is((await send('refresh', { refresh: next.refresh?.value ?? '' }, csrf)).status, 401);
});

test('ignores cookies when cookies are off', async (t) => {
  const { refresh, csrf } = await logIn();
  const bearer = await serve(world);
  t.teardown(bearer.close);
  for (const action of ACTIONS) {
    const { status, body } = await bearer.request(ACME, 'POST', `/api/auth/jwt/${action}/`, {
      body: {},
      headers: { Cookie: `refresh=${refresh}; csrftoken=${csrf}`, 'X-CSRFToken': csrf },
    });
    t.deepEqual([status, body], [400, { refresh: ['This field is required.'] }], action);
  }
});

test('the OpenAPI document has the headers of cookies, and an optional refresh token where cookies may have it', async (t) => {
  type Operation = {
    parameters?: ReadonlyArray<{ name: string; in: string; required?: boolean }>;
    responses: Record<string, { headers?: object }>;
  };
  const described = async (settings: Record<string, string>) => {
    const document = createProjectDocument(
      servedProject,
      'tenant',
      await createDescribedRouters(servedProject, 'tenant'),
      describedSettings(servedProject, 'tenant', settings),
    );
    const paths = document.paths as Record<string, { post: Operation }>;
    const { schemas } = document.components as { schemas: Record<string, { required?: readonly string[] }> };
    const of = (action: string): Operation | undefined => paths[`/api/auth/jwt/${action}/`]?.post;
    const sent = (actions: readonly string[], header: string) =>
      actions.map((action) => of(action)?.parameters?.find(({ name }) => name === header)?.in);
    return {
      sends: sent(['refresh', 'logout', 'logout_all'], 'X-CSRFToken'),
      asks: sent(['create', 'refresh', 'logout', 'logout_all', 'impersonate'], 'X-Token-Transport'),
      required: ['TokenPair', 'RefreshRequest'].map((name) => schemas[name]?.required ?? []),
      receives: ['create', 'refresh'].map(
        (action) => 'X-CSRFToken' in (of(action)?.responses[200]?.headers ?? {}),
      ),
    };
  };
  const cookies = { sends: ['header', 'header', 'header'], receives: [true, true] };
  t.deepEqual(await described({ AUTH_COOKIES: 'true' }), {
    ...cookies,
    asks: [undefined, undefined, undefined, undefined, undefined],
    required: [[], []],
  });
  t.deepEqual(await described({}), {
    ...cookies,
    asks: ['header', 'header', 'header', 'header', 'header'],
    required: [['access'], []],
  });
});
