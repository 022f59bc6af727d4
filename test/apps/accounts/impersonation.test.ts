import test from 'ava';
import { sql } from 'slonik';
import { z } from 'zod';
import { issuedId } from '../../../src/apps/accounts/audit-queries.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { altered, claimsOf, me, openKey, openPair, type Pair, refreshWith } from '../../helpers/attacker.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { type Member, openWorld, type World } from '../../helpers/world.ts';

const ACME = 'acme.localhost';
const SITE = 'localhost';
const HOUR = 3_600;

let world: World;
let service: TestService;
let operator: string;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  for (const name of ['ann', 'bob', 'gone']) {
    await makeUser(world, 'acme', name);
  }
  await makeUser(world, 'acme', 'boss', { isSuperuser: true });
  await makeUser(world, 'site', 'root', { isSuperuser: true });
  await makeUser(world, 'site', 'helper');
  await makeUser(world, 'site', 'clerk');
  await world.asOwner(`update site.users set is_staff = true where username = 'clerk'`);
  await world.asOwner(`update acme.users set is_active = false where username = 'gone'`);
  service = await serve(world, { ROTATE_REFRESH_TOKENS: 'true', REFRESH_TOKEN_LIFETIME: '86400' });
  operator = await service.logIn(SITE, 'root', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const askFor = (body: object, token: string | undefined = operator, host = SITE) =>
  service.request(host, 'POST', '/api/tenants/impersonate/', { token, body });

const enter = (token: string) =>
  service.request(ACME, 'POST', '/api/auth/jwt/impersonate/', { body: { token } });

const tokenFor = async (username: string): Promise<string> =>
  (await askFor({ domain: ACME, username })).body.token;

const actAs = async (username: string): Promise<Pair> => (await enter(await tokenFor(username))).body;

const BLACKLISTED = { detail: 'Token is blacklisted', code: 'token_not_valid' };

test('a superuser of the public site opens a session for a user with a single-use token', async (t) => {
  const given = await askFor({ domain: 'ACME.localhost', username: 'ann' });
  t.is(given.status, 201);
  t.is(given.headers['cache-control'], 'no-store');
  t.deepEqual({ ...given.body, token: '' }, { token: '', domain: ACME, username: 'ann' });
  const { status, body } = await enter(given.body.token);
  t.is(status, 200);
  t.is((await me(service, ACME, body.access)).body.username, 'ann');
  t.deepEqual(claimsOf(body.access).act, { sub: 'root' });
  t.deepEqual(claimsOf(body.refresh).act, { sub: 'root' });
  const again = await enter(given.body.token);
  t.deepEqual([again.status, again.body], [401, BLACKLISTED]);
});

test('impersonation works in a tenant that is not in the cache', async (t) => {
  const quiet = await world.provision('quiet');
  await makeUser(world, 'quiet', 'dora');
  const { status, text } = await askFor({ domain: quiet.host, username: 'dora' });
  t.is(status, 201, text);
  t.deepEqual(service.bugs, []);
});

test('of concurrent requests with one impersonation token, exactly one succeeds', async (t) => {
  const token = await tokenFor('ann');
  const answers = await Promise.all(Array.from({ length: 8 }, () => enter(token)));
  t.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(7).fill(401)]);
});

test('an impersonation token expires after one minute', async (t) => {
  const token = await tokenFor('ann');
  const { exp = 0, iat = 0 } = claimsOf(token);
  t.is(exp - iat, 60);
  // One minute old, with a valid signature.
  const { status, body } = await enter(altered(world.acme, token, { iat: iat - 60, exp: exp - 61 }));
  t.deepEqual([status, body.detail], [401, 'Token is expired']);
  t.is((await enter(token)).status, 200);
});

test('only superusers of the public site can create impersonation tokens, on its host only', async (t) => {
  const body = { domain: ACME, username: 'ann' };
  for (const name of ['helper', 'clerk']) {
    const answer = await askFor(body, await service.logIn(SITE, name, PASSWORD));
    t.deepEqual([answer.status, answer.body.code], [403, 'permission_denied'], name);
    // A user without the right gets no further reason.
    t.is((await askFor({}, await service.logIn(SITE, name, PASSWORD))).status, 403);
  }
  t.is((await service.request(SITE, 'POST', '/api/tenants/impersonate/', { body })).status, 401);
  const boss = await service.logIn(ACME, 'boss', PASSWORD);
  t.is((await askFor(body, boss)).status, 401);
  t.is((await askFor(body, boss, ACME)).status, 404);
  const acting = await actAs('boss');
  t.is((await askFor(body, acting.access)).status, 401);
});

test('rejects an operator who is deactivated or no longer a superuser', async (t) => {
  const { id } = await makeUser(world, 'site', 'leaver', { isSuperuser: true });
  const token = await service.logIn(SITE, 'leaver', PASSWORD);
  await world.asOwner('update site.users set is_superuser = false where id = $1', [id]);
  t.is((await askFor({ domain: ACME, username: 'ann' }, token)).status, 403);
  await world.asOwner('update site.users set is_superuser = true, is_active = false where id = $1', [id]);
  t.is((await askFor({ domain: ACME, username: 'ann' }, token)).status, 401);
});

test('rejects impersonation of unknown and inactive users, and on the public site', async (t) => {
  for (const username of ['nobody', 'gone']) {
    const { status, body } = await enter(await tokenFor(username));
    t.deepEqual([status, body.code], [401, 'no_active_account'], username);
  }
  for (const domain of [SITE, 'nobody.localhost', 'acme.localhost.evil.example', "acme.localhost'--", '*']) {
    const { status, body } = await askFor({ domain, username: 'root' });
    t.deepEqual([status, Object.keys(body)], [400, ['domain']], domain);
  }
});

test('a failed impersonation also uses up the token', async (t) => {
  const token = await tokenFor('latecomer');
  t.is((await enter(token)).status, 401);
  await makeUser(world, 'acme', 'latecomer');
  t.deepEqual((await enter(token)).body, BLACKLISTED);
});

test('an impersonating operator can neither take over the account nor end sessions of its user', async (t) => {
  const owner = await openPair(service, ACME, 'boss');
  const key = await openKey(service, ACME, 'boss');
  const { access: token, refresh } = await actAs('boss');
  const { body: sessions } = await service.request(ACME, 'GET', '/api/auth/sessions/', { token });
  const ownerSession = sessions.find(({ actor }: { actor: string | null }) => actor === null);
  t.is(sessions.find(({ current }: { current: boolean }) => current).actor, 'root');
  const [bob] = await world.asOwner<{ id: string }>(`select id from acme.users where username = 'bob'`);
  const before = await world.asOwner('select * from acme.users order by id');
  for (const [method, path, body] of [
    ['PUT', 'users/me', { email: 'mine@example.com' }],
    ['PATCH', 'users/me', { email: 'mine@example.com' }],
    ['DELETE', 'users/me', { current_password: PASSWORD }],
    ['PATCH', `users/${bob?.id}`, { email: 'mine@example.com' }],
    ['PUT', `users/${bob?.id}`, { email: 'mine@example.com' }],
    ['DELETE', `users/${bob?.id}`, { current_password: PASSWORD }],
    ['POST', 'users/set_password', { current_password: PASSWORD, new_password: 'quite another password' }],
    ['POST', 'users/set_username', { current_password: PASSWORD, new_username: 'mine' }],
    ['POST', 'users', { username: 'planted', password: 'quite another password' }],
    ['POST', 'jwt/logout_all', { refresh }],
    ['DELETE', `sessions/${ownerSession.id}`, undefined],
  ] as const) {
    const answer = await service.request(ACME, method, `/api/auth/${path}/`, { token, body });
    t.deepEqual([answer.status, answer.body.code], [403, 'permission_denied'], `${method} ${path}`);
  }
  t.deepEqual(await world.asOwner('select * from acme.users order by id'), before);
  t.is((await me(service, ACME, owner.access)).status, 200);
  const byKey = { headers: { Authorization: `Token ${key}` } };
  t.is((await service.request(ACME, 'GET', '/api/auth/users/me/', byKey)).status, 200);
});

test('the user sees an impersonation session and can end it', async (t) => {
  const { access: token } = await openPair(service, ACME, 'bob');
  const acting = await actAs('bob');
  const { body } = await service.request(ACME, 'GET', '/api/auth/sessions/', { token });
  const session = body.find(({ actor }: { actor: string | null }) => actor === 'root');
  const path = `/api/auth/sessions/${session.id}/`;
  t.is((await service.request(ACME, 'DELETE', path, { token })).status, 204);
  t.is((await me(service, ACME, acting.access)).status, 401);
  t.is((await refreshWith(service, ACME, acting.refresh)).status, 401);
});

test('an impersonation session lasts at most one hour, however often it is refreshed', async (t) => {
  let pair = await actAs('ann');
  const { fam, iat = 0 } = claimsOf(pair.refresh);
  const [opened] = await world.asOwner<{ at: Date }>(
    'select created_at as at from acme.sessions where family = $1',
    [fam],
  );
  const end = Math.floor(Number(opened?.at) / 1000) + HOUR;
  t.true((claimsOf(pair.refresh).exp ?? 0) <= end);
  // Moves the session's start back by half an hour.
  await world.asOwner(
    `update acme.sessions set created_at = created_at - interval '30 minutes', expires_at = expires_at - interval '30 minutes'
     where family = $1`,
    [fam],
  );
  for (let round = 0; round < 3; round += 1) {
    pair = (await refreshWith(service, ACME, pair.refresh)).body;
    const claims = claimsOf(pair.refresh);
    t.true((claims.exp ?? 0) <= end - HOUR / 2);
    t.deepEqual([claims.act, claimsOf(pair.access).act], [{ sub: 'root' }, { sub: 'root' }]);
    t.true((claims.iat ?? 0) >= iat);
  }
  t.is((await me(service, ACME, pair.access)).status, 200);
  await world.asOwner(`update acme.sessions set expires_at = now() where family = $1`, [fam]);
  t.is((await me(service, ACME, pair.access)).status, 401);
  const last = await refreshWith(service, ACME, pair.refresh);
  if (last.status === 200) {
    t.is((await me(service, ACME, last.body.access)).status, 401);
  }
});

test('logs the actions of an impersonating operator under both names', async (t) => {
  const { access } = await actAs('ann');
  const { headers } = await service.request(ACME, 'GET', '/api/notes/', { token: access });
  const line = service.requests.find(({ requestId }) => requestId === headers['x-request-id']);
  t.like(line, { actor: 'root', user: claimsOf(access).user_id, tenant: world.acme.id });
  const own = await service.request(ACME, 'GET', '/api/notes/', {
    token: (await openPair(service, ACME, 'ann')).access,
  });
  const ownLine = service.requests.find(({ requestId }) => requestId === own.headers['x-request-id']);
  t.is(ownLine?.actor, null);
});

test('both tenants have an audit event of the impersonation, and neither can delete it', async (t) => {
  const token = await tokenFor('bob');
  await enter(token);
  const jti = issuedId(token);
  const [site] = await world.asOwner<{ id: Member['id'] }>(
    `select id from public.tenants where schema_name = 'site'`,
  );
  for (const [schema, id] of [
    ['acme', world.acme.id],
    ['site', site?.id],
  ] as const) {
    const rows = () => world.asOwner(`select * from ${schema}.audit_events where token_id = $1`, [jti]);
    const before = await rows();
    t.is(before.length, 1);
    t.like(before[0], { action: 'impersonation', actor: 'root' });
    for (const text of [
      'delete from audit_events',
      `update audit_events set actor = 'somebody'`,
      `update audit_events set at = now() - interval '1 year'`,
      `insert into audit_events (action, actor, token_id) values ('impersonation', 'x', '${jti}')
       on conflict (token_id) do update set actor = 'x'`,
      'merge into audit_events using (select 1) as x on true when matched then delete',
      'with gone as (delete from audit_events returning *) select * from gone',
    ]) {
      const query = { ...sql.type(z.unknown())`select`, sql: text };
      await t.throwsAsync(
        withTenant(world.tenantDatabase, { tenant: id as Member['id'], readOnly: false }, (tx) =>
          tx.any(query),
        ),
        undefined,
        `${schema}: ${text}`,
      );
    }
    t.deepEqual(await rows(), before);
  }
});

test('a token with a valid signature that the public site did not issue is rejected', async (t) => {
  const token = await tokenFor('ann');
  const { exp = 0, iat = 0 } = claimsOf(token);
  const notIssued = { detail: 'Token is invalid', code: 'token_not_valid' };
  for (const claims of [
    { jti: '00000000-0000-4000-8000-000000000000' },
    { sub: 'boss' },
    { act: { sub: 'helper' } },
    { iat: iat + 1, exp: exp + 1 },
  ]) {
    const { status, body } = await enter(altered(world.acme, token, claims));
    t.deepEqual([status, body], [401, notIssued], JSON.stringify(claims));
  }
  t.is((await enter(token)).status, 200, 'and none of them has spent the original');
});
