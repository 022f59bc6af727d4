import test from 'ava';
import jwt from 'jsonwebtoken';

import { type Answer, makeUser, PASSWORD, serve, type TestService } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

let world: World;
let service: TestService;
let operator: string;
test.before(async () => {
  world = await openWorld();
  await makeUser(world, 'site', 'operator', { isSuperuser: true });
  await makeUser(world, 'site', 'helper');
  await world.asOwner(`update site.users set is_staff = true where username = 'helper'`);
  await makeUser(world, 'acme', 'alice');
  await makeUser(world, 'acme', 'boss', { isSuperuser: true });
  await makeUser(world, 'globex', 'alice');
  service = await serve(world);
  operator = await service.logIn('localhost', 'operator', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const ACME = 'acme.localhost';
const post = (host: string, path: string, body?: unknown, token?: string): Promise<Answer> =>
  service.request(host, 'POST', `/api/${path}/`, { body, token });
const want = (body: unknown, token: string | undefined = operator): Promise<Answer> =>
  post('localhost', 'tenants/impersonate', body, token);
const wish = { domain: ACME, username: 'alice' };
const spend = (token: unknown, host = ACME): Promise<Answer> => post(host, 'auth/jwt/impersonate', { token });
/** A session in which the operator acts for alice of acme. */
const enter = async (username = 'alice'): Promise<{ access: string; refresh: string }> =>
  (await spend((await want({ domain: ACME, username })).body.token)).body;

const FORBIDDEN = {
  detail: 'An operator who acts for a user cannot change the account.',
  code: 'permission_denied',
};

test.serial(
  'a superuser of the site acts for a user, and is named in every token of that session',
  async (t) => {
    const given = await want({ domain: 'ACME.localhost', username: 'alice' });
    t.is(given.status, 201);
    t.deepEqual(given.body, { token: given.body.token, ...wish });
    t.is(given.headers['cache-control'], 'no-store');

    const { status, body } = await spend(given.body.token);
    t.is(status, 200);
    t.deepEqual(Object.keys(body).sort(), ['access', 'refresh']);
    const next = await post(ACME, 'auth/jwt/refresh', { refresh: body.refresh });
    for (const token of [body.access, body.refresh, next.body.access, next.body.refresh]) {
      t.deepEqual((jwt.decode(token) as jwt.JwtPayload).act, { sub: 'operator' });
    }
    const me = await service.request(ACME, 'GET', '/api/auth/users/me/', { token: next.body.access });
    t.is(me.body.username, 'alice');
    t.deepEqual((await world.asOwner('select actor, action from acme.audit_events order by id limit 1'))[0], {
      actor: 'operator',
      action: 'impersonation',
    });
  },
);

test('nobody else is given such a token', async (t) => {
  const helper = await service.logIn('localhost', 'helper', PASSWORD);
  const boss = await service.logIn(ACME, 'boss', PASSWORD);
  for (const [token, status, code] of [
    [undefined, 401, 'not_authenticated'],
    [helper, 403, 'permission_denied'],
    [boss, 401, 'token_not_valid'],
  ] as const) {
    const answer = await post('localhost', 'tenants/impersonate', wish, token);
    t.deepEqual([answer.status, answer.body.code], [status, code]);
  }
  // On a tenant's host there is no such path, for its superuser either.
  t.is((await post(ACME, 'tenants/impersonate', wish, boss)).status, 404);
  const got = await service.request('localhost', 'GET', '/api/tenants/impersonate/', { token: operator });
  t.deepEqual([got.status, got.headers.allow], [405, 'POST']);
});

const REQUIRED = ['This field is required.'];
const NOBODY = { domain: ['No tenant has this domain.'] };
for (const [what, body, errors] of [
  ['nothing', {}, { domain: REQUIRED, username: REQUIRED }],
  ['no domain', { username: 'alice' }, { domain: REQUIRED }],
  ['no name', { domain: ACME }, { username: REQUIRED }],
  ['a null domain', { ...wish, domain: null }, { domain: ['This field may not be null.'] }],
  ['a blank name', { ...wish, username: '' }, { username: ['This field may not be blank.'] }],
  ['a list for a name', { ...wish, username: [] }, { username: ['Not a valid string.'] }],
  ['a NUL in the name', { ...wish, username: 'a\0' }, { username: ['Null characters are not allowed.'] }],
  ['a domain of nobody', { ...wish, domain: 'nobody.localhost' }, NOBODY],
  ['the public site', { ...wish, domain: 'localhost' }, NOBODY],
  ['what is no domain', { ...wish, domain: 'a b' }, NOBODY],
] as const) {
  test(`to act for a user with ${what} is refused on the field`, async (t) => {
    const answer = await want(body);
    t.deepEqual([answer.status, answer.body], [400, errors]);
  });
}

test('a token to act for a user is spent with its first use, also by many at once', async (t) => {
  const { token } = (await want(wish)).body;
  const answers = await Promise.all(Array.from({ length: 5 }, () => spend(token)));
  t.deepEqual(answers.map(({ status }) => status).sort(), [200, 401, 401, 401, 401]);
  const again = await spend(token);
  t.deepEqual([again.status, again.body], [401, { detail: 'Token is blacklisted', code: 'token_not_valid' }]);
});

test('it is good for its tenant only, and for nothing else', async (t) => {
  const { token } = (await want(wish)).body;
  t.is((await spend(token, 'globex.localhost')).body.detail, 'Token is invalid');
  t.is((await spend(token, 'localhost')).body.detail, 'Token is invalid');
  const asAccess = await service.request(ACME, 'GET', '/api/auth/users/me/', { token });
  t.deepEqual([asAccess.status, asAccess.body.messages[0].message], [401, 'Token has wrong type']);
  for (const [path, body] of [
    ['jwt/refresh', { refresh: token }],
    ['jwt/verify', { token }],
    ['jwt/logout', { refresh: token }],
  ] as const) {
    t.is((await post(ACME, `auth/${path}`, body)).body.detail, 'Token has wrong type', path);
  }
  const { body: own } = await post(ACME, 'auth/jwt/create', { username: 'alice', password: PASSWORD });
  t.is((await spend(own.access)).body.detail, 'Token has wrong type');
  t.is((await spend(own.refresh)).body.detail, 'Token has wrong type');
  t.is((await spend('nonsense')).body.detail, 'Token is invalid');
  t.deepEqual((await post(ACME, 'auth/jwt/impersonate', {})).body, { token: REQUIRED });
  t.is((await spend(token)).status, 200);
});

test('from the public site nobody learns who is a user: that is said on the tenant, and spends the token', async (t) => {
  const given = await want({ domain: ACME, username: 'nobody' });
  t.is(given.status, 201);
  const answer = await spend(given.body.token);
  t.deepEqual([answer.status, answer.body.code], [401, 'no_active_account']);
  t.is((await spend(given.body.token)).body.detail, 'Token is blacklisted');
});

test.serial('who acts for a user reads, and changes nothing of the account', async (t) => {
  const { access, refresh } = await enter();
  const own = await service.logIn(ACME, 'alice', PASSWORD);
  const listed = await service.request(ACME, 'GET', '/api/auth/sessions/', { token: own });
  const mine = listed.body.find(({ current }: { current: boolean }) => current);
  const id = (await service.request(ACME, 'GET', '/api/auth/users/me/', { token: own })).body.id;
  for (const [method, path, body] of [
    ['PUT', 'users/me/', { email: 'mine@example.com' }],
    ['PATCH', 'users/me/', { email: 'mine@example.com' }],
    ['PATCH', `users/${id}/`, { email: 'mine@example.com' }],
    ['DELETE', 'users/me/', { current_password: PASSWORD }],
    ['DELETE', `users/${id}/`, { current_password: PASSWORD }],
    ['POST', 'users/set_password/', { current_password: PASSWORD, new_password: 'another horse staple' }],
    ['POST', 'users/set_username/', { current_password: PASSWORD, new_username: 'mine' }],
    ['DELETE', `sessions/${mine.id}/`, undefined],
  ] as const) {
    const answer = await service.request(ACME, method, `/api/auth/${path}`, { token: access, body });
    t.deepEqual([answer.status, answer.body], [403, FORBIDDEN], `${method} ${path}`);
  }
  const everywhere = await post(ACME, 'auth/jwt/logout_all', { refresh });
  t.deepEqual([everywhere.status, everywhere.body], [403, FORBIDDEN]);
  t.is((await service.request(ACME, 'GET', '/api/auth/users/me/', { token: own })).status, 200);
  t.is((await service.request(ACME, 'GET', '/api/projects/', { token: access })).status, 200);

  t.is((await post(ACME, 'auth/jwt/logout', { refresh })).status, 200);
  t.is((await service.request(ACME, 'GET', '/api/auth/users/me/', { token: access })).status, 401);
});

test.serial('who acts for a superuser changes nobody’s account either', async (t) => {
  const { access } = await enter('boss');
  const [alice] = await world.asOwner<{ id: string }>(`select id from acme.users where username = 'alice'`);
  for (const [method, body] of [
    ['PATCH', { email: 'mine@example.com' }],
    ['DELETE', { current_password: PASSWORD }],
  ] as const) {
    const path = `/api/auth/users/${alice?.id}/`;
    const answer = await service.request(ACME, method, path, { token: access, body });
    t.deepEqual([answer.status, answer.body], [403, FORBIDDEN], method);
  }
});

test.serial('a user sees that an operator acts for them, and ends it', async (t) => {
  const { access } = await enter();
  const own = await service.logIn(ACME, 'alice', PASSWORD);
  const listed = await service.request(ACME, 'GET', '/api/auth/sessions/', { token: own });
  const theirs = listed.body.filter(({ actor }: { actor: string | null }) => actor === 'operator');
  t.true(theirs.length >= 1);
  for (const { id } of theirs) {
    await service.request(ACME, 'DELETE', `/api/auth/sessions/${id}/`, { token: own });
  }
  t.is((await service.request(ACME, 'GET', '/api/auth/users/me/', { token: access })).status, 401);
});
