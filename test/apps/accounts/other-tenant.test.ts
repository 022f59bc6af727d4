import test, { type ExecutionContext } from 'ava';
import { servedProject } from '../../fixture-app/served-project.ts';
import { type Link, me, nextLink, openKey, openPair, refreshWith } from '../../helpers/attacker.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';

// Ann has the same id, address, password and hash in both tenants, so only the tenant separates her
// tokens.

const ACME = 'acme.localhost';
const GLOBEX = 'globex.localhost';

let world: World;
let service: TestService;
let ann: { id: number };
test.before(async () => {
  world = await openWorld({ project: servedProject });
  ann = await makeUser(world, 'acme', 'ann');
  await makeUser(world, 'globex', 'ann');
  await world.asOwner('update globex.users set password = (select password from acme.users limit 1)');
  await makeUser(world, 'site', 'root', { isSuperuser: true });
  service = await serve(world, { SEND_ACTIVATION_EMAIL: 'true' });
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const rowsOfAnn = () =>
  world.asOwner(`
    select 'acme' as tenant, u.* from acme.users as u where username = 'ann'
    union all
    select 'globex', u.* from globex.users as u where username = 'ann'
  `);

/** Every route that requires a user, with a valid body. */
const AUTHENTICATED_ROUTES = [
  ['GET', '/api/auth/users/'],
  ['GET', '/api/auth/users/me/'],
  ['PUT', '/api/auth/users/me/', { email: 'taken-over@example.com' }],
  ['PATCH', '/api/auth/users/me/', { email: 'taken-over@example.com' }],
  ['DELETE', '/api/auth/users/me/', { current_password: PASSWORD }],
  ['GET', '/api/auth/users/1/'],
  ['PUT', '/api/auth/users/1/', { email: 'taken-over@example.com' }],
  ['PATCH', '/api/auth/users/1/', { email: 'taken-over@example.com' }],
  ['DELETE', '/api/auth/users/1/', { current_password: PASSWORD }],
  [
    'POST',
    '/api/auth/users/set_password/',
    { current_password: PASSWORD, new_password: 'taken over by acme' },
  ],
  ['POST', '/api/auth/users/set_username/', { current_password: PASSWORD, new_username: 'taken-over' }],
  ['POST', '/api/auth/token/logout/'],
  ['GET', '/api/auth/sessions/'],
  ['DELETE', '/api/auth/sessions/1/'],
  ['GET', '/api/notes/'],
  ['POST', '/api/notes/', { name: 'of acme' }],
  ['GET', '/api/notes/1/'],
  ['DELETE', '/api/notes/1/'],
] as const;

/** Routes without authentication, which still reject invalid credentials. */
const OPEN = [
  ['POST', '/api/auth/users/', { username: 'new', email: 'new@example.com', password: PASSWORD }],
  ['POST', '/api/auth/users/activation/', { uid: 'x', token: 'y' }],
  ['POST', '/api/auth/users/resend_activation/', { email: 'ann@example.com' }],
  ['POST', '/api/auth/users/reset_password/', { email: 'ann@example.com' }],
  ['POST', '/api/auth/users/reset_password_confirm/', { uid: 'x', token: 'y', new_password: PASSWORD }],
  ['POST', '/api/auth/users/reset_username/', { email: 'ann@example.com' }],
  ['POST', '/api/auth/users/reset_username_confirm/', { uid: 'x', token: 'y', new_username: 'new' }],
  ['POST', '/api/auth/token/login/', { username: 'ann', password: PASSWORD }],
] as const;

test('the user ann of one tenant and the user ann of another are different users', async (t) => {
  const [acme, globex] = await rowsOfAnn();
  t.is(acme?.id, globex?.id);
  t.is(acme?.password, globex?.password);
  t.is(acme?.email, globex?.email);
});

test.serial('rejects access tokens and keys of another tenant on every route', async (t) => {
  const { access } = await openPair(service, ACME, 'ann');
  const key = await openKey(service, ACME, 'ann');
  const before = await rowsOfAnn();
  for (const [Authorization, code] of [
    [`Bearer ${access}`, 'token_not_valid'],
    [`Token ${key}`, 'authentication_failed'],
  ] as const) {
    const own = await service.request(ACME, 'GET', '/api/auth/users/me/', { headers: { Authorization } });
    t.is(own.status, 200);
    for (const host of [GLOBEX, 'localhost']) {
      for (const [method, path, body] of [...AUTHENTICATED_ROUTES, ...OPEN]) {
        const answer = await service.request(host, method, path, { body, headers: { Authorization } });
        const name = `${method} ${path} at ${host} with ${Authorization.slice(0, 6)}`;
        if (host === 'localhost' && answer.status === 404) {
          t.regex(path, /notes/, name);
        } else {
          t.deepEqual([answer.status, answer.body.code], [401, code], name);
        }
      }
    }
  }
  t.deepEqual(await rowsOfAnn(), before);
  t.deepEqual(await world.asOwner('select from globex.sessions'), []);
  t.deepEqual(service.bugs, []);
});

test('a refresh token cannot be refreshed, verified or revoked in another tenant', async (t) => {
  const acme = await openPair(service, ACME, 'ann');
  const globex = await openPair(service, GLOBEX, 'ann');
  for (const [path, body] of [
    ['refresh', { refresh: acme.refresh }],
    ['logout', { refresh: acme.refresh }],
    ['logout_all', { refresh: acme.refresh }],
    ['verify', { token: acme.refresh }],
    ['verify', { token: acme.access }],
  ] as const) {
    for (const host of [GLOBEX, 'localhost']) {
      const answer = await service.request(host, 'POST', `/api/auth/jwt/${path}/`, { body });
      t.is(answer.status, 401, `${path} at ${host}`);
      t.deepEqual(answer.body, { detail: 'Token is invalid', code: 'token_not_valid' }, `${path} at ${host}`);
    }
  }
  t.is((await me(service, GLOBEX, globex.access)).status, 200);
  t.is((await me(service, ACME, acme.access)).status, 200);
  t.is((await refreshWith(service, ACME, acme.refresh)).status, 200);
});

/** Follows `link` at globex, in every combination with globex's own links, and expects no effect. */
async function assertRejected(
  t: ExecutionContext,
  path: string,
  { acme, globex }: { acme: Link; globex: Link },
  rest: object,
): Promise<void> {
  for (const [link, field] of [
    [acme, 'uid'],
    [{ uid: acme.uid, token: globex.token }, 'uid'],
    [{ uid: globex.uid, token: acme.token }, 'token'],
  ] as const) {
    const answer = await service.request(GLOBEX, 'POST', path, { body: { ...link, ...rest } });
    t.is(answer.status, 400, JSON.stringify(answer.body));
    t.deepEqual(Object.keys(answer.body), [field]);
  }
}

async function linksOf(path: string, to: string, body: object) {
  const links: Record<string, Link> = {};
  for (const host of [ACME, GLOBEX]) {
    const after = service.mails.length;
    await service.request(host, 'POST', path, { body });
    links[host] = await nextLink(service, to, after);
  }
  return { acme: links[ACME] as Link, globex: links[GLOBEX] as Link };
}

// Serial: gives both tenants' users the same id, which another test could have taken.
test.serial('an activation link of another tenant activates no user', async (t) => {
  const body = { username: 'newbie', email: 'newbie@example.com', password: PASSWORD };
  const links = await linksOf('/api/auth/users/', 'newbie@example.com', body);
  await world.asOwner(`
    update globex.users
    set id = a.id, password = a.password
    from acme.users as a
    where a.username = 'newbie' and users.username = 'newbie'
  `);
  await assertRejected(t, '/api/auth/users/activation/', links, {});
  t.deepEqual(await world.asOwner(`select is_active from globex.users where username = 'newbie'`), [
    { is_active: false },
  ]);
  const own = await service.request(ACME, 'POST', '/api/auth/users/activation/', { body: links.acme });
  t.is(own.status, 204);
});

test('a password reset link of another tenant sets no password', async (t) => {
  await Promise.all(['acme', 'globex'].map((schema) => makeUser(world, schema, 'bea')));
  const email = 'bea@example.com';
  const links = await linksOf('/api/auth/users/reset_password/', email, { email });
  const path = '/api/auth/users/reset_password_confirm/';
  await assertRejected(t, path, links, { new_password: 'taken over by acme' });
  await openPair(service, GLOBEX, 'bea');
  const own = await service.request(ACME, 'POST', path, {
    body: { ...links.acme, new_password: 'her own new words' },
  });
  t.is(own.status, 204);
});

test('a username reset link of another tenant changes no username', async (t) => {
  await Promise.all(['acme', 'globex'].map((schema) => makeUser(world, schema, 'cleo')));
  const email = 'cleo@example.com';
  const links = await linksOf('/api/auth/users/reset_username/', email, { email });
  const path = '/api/auth/users/reset_username_confirm/';
  await assertRejected(t, path, links, { new_username: 'taken-over' });
  t.deepEqual(await world.asOwner(`select from globex.users where username = 'taken-over'`), []);
  const own = await service.request(ACME, 'POST', path, {
    body: { ...links.acme, new_username: 'cleopatra' },
  });
  t.is(own.status, 204);
});

test('an impersonation token of another tenant opens no session', async (t) => {
  const token = await service.logIn('localhost', 'root', PASSWORD);
  const { status, body } = await service.request('localhost', 'POST', '/api/tenants/impersonate/', {
    token,
    body: { domain: ACME, username: 'ann' },
  });
  t.is(status, 201);
  for (const host of [GLOBEX, 'localhost']) {
    const answer = await service.request(host, 'POST', '/api/auth/jwt/impersonate/', {
      body: { token: body.token },
    });
    t.deepEqual([answer.status, answer.body.detail], [401, 'Token is invalid'], host);
  }
  const own = await service.request(ACME, 'POST', '/api/auth/jwt/impersonate/', {
    body: { token: body.token },
  });
  t.is(own.status, 200);
});

test('a session id is valid in its tenant only', async (t) => {
  const { access } = await openPair(service, ACME, 'ann');
  const globex = await openPair(service, GLOBEX, 'ann');
  const [session] = await world.asOwner<{ id: string }>(
    `update globex.sessions set id = 4711 where user_id = $1 and id = (select max(id) from globex.sessions)
     returning id`,
    [ann.id],
  );
  const path = `/api/auth/sessions/${session?.id}/`;
  const answer = await service.request(ACME, 'DELETE', path, { token: access });
  t.deepEqual([answer.status, answer.body], [404, { detail: 'Not found.' }]);
  t.is((await me(service, GLOBEX, globex.access)).status, 200);
});
