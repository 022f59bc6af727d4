import { createHmac, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import jwt from 'jsonwebtoken';
import { issuerOf, signingKeys } from '../../../src/tenancy/registry/signing-key.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import {
  APP_SECRET,
  makeUser,
  PASSWORD,
  SECRETS,
  serve,
  type TestService,
  until,
} from '../../helpers/server.ts';
import { type Member, openWorld, type World } from '../../helpers/world.ts';

let world: World;
let service: TestService;
let alice: { id: number };
/** A session of alice, which the forged tokens contain. */
let family: string;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  alice = await makeUser(world, 'acme', 'alice');
  await makeUser(world, 'globex', 'alice');
  await makeUser(world, 'globex', 'hank');
  await makeUser(world, 'site', 'operator');
  service = await serve(world);
  family = (jwt.decode(await service.logIn('acme.localhost', 'alice', PASSWORD)) as jwt.JwtPayload).fam;
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const keyOf = (member: Member, generation = 1): KeyObject =>
  signingKeys(SECRETS, { id: member.id, keyGeneration: generation })[0];

/** Returns a valid token with these changes. */
function forge(
  member: Member,
  changes: Record<string, unknown> = {},
  { key = keyOf(member), algorithm = 'HS256' }: { key?: KeyObject | Buffer; algorithm?: jwt.Algorithm } = {},
): string {
  const now = Math.floor(Date.now() / 1000);
  const claims: Record<string, unknown> = {
    token_type: 'access',
    user_id: String(alice.id),
    ver: 1,
    fam: family,
    jti: randomUUID(),
    iat: now,
    exp: now + 300,
    aud: member.id,
    iss: issuerOf(member),
    ...changes,
  };
  for (const name of Object.keys(claims)) {
    if (claims[name] === undefined) {
      delete claims[name];
    }
  }
  return jwt.sign(claims, key, { algorithm });
}

const me = (token: string, host = 'acme.localhost') =>
  service.request(host, 'GET', '/api/auth/users/me/', { token });

async function assertRejected(
  t: ExecutionContext,
  token: string,
  message = 'Token is invalid',
  host?: string,
) {
  const { status, headers, body } = await me(token, host);
  t.is(status, 401);
  t.is(headers['www-authenticate'], 'Bearer realm="api"');
  t.deepEqual(body, {
    detail: 'Given token not valid for any token type',
    code: 'token_not_valid',
    messages: [{ token_class: 'AccessToken', token_type: 'access', message }],
  });
}

test('accepts a token created by the test helper, from which the forged tokens differ in one fault', async (t) => {
  t.is((await me(forge(world.acme))).status, 200);
});

test('login returns a pair of tokens, and users/me returns the user', async (t) => {
  const answer = await service.request('acme.localhost', 'POST', '/api/auth/jwt/create/', {
    body: { username: 'alice', password: PASSWORD },
  });
  t.is(answer.status, 200);
  t.deepEqual(Object.keys(answer.body).sort(), ['access', 'refresh']);
  t.is(answer.headers['cache-control'], 'no-store');
  const claims = jwt.decode(answer.body.access) as jwt.JwtPayload;
  t.is(claims.token_type, 'access');
  t.is(claims.user_id, String(alice.id));
  t.is(claims.aud, world.acme.id);
  t.is((claims.exp ?? 0) - (claims.iat ?? 0), 300);
  const refresh = jwt.decode(answer.body.refresh) as jwt.JwtPayload;
  t.is(refresh.token_type, 'refresh');
  t.is(typeof refresh.fam, 'string');
  t.is((refresh.exp ?? 0) - (refresh.iat ?? 0), 86_400);

  const { status, body } = await me(answer.body.access);
  t.deepEqual([status, body], [200, { id: alice.id, username: 'alice', email: 'alice@example.com' }]);
});

test('an operator logs in on the public host', async (t) => {
  const token = await service.logIn('localhost', 'operator', PASSWORD);
  t.is((await me(token, 'localhost')).body.username, 'operator');
  await assertRejected(t, token);
});

test('returns the same response for an unknown name, a wrong password, a deactivated user and a user of another tenant', async (t) => {
  await makeUser(world, 'acme', 'sleeper');
  await world.asOwner(`update acme.users set is_active = false where username = 'sleeper'`);
  const answers = [];
  for (const [username, password] of [
    ['nobody', PASSWORD],
    ['alice', 'wrong'],
    ['sleeper', PASSWORD],
    ['sleeper', 'wrong'],
    ['hank', PASSWORD],
    ['operator', PASSWORD],
    ["alice' or true --", PASSWORD],
  ]) {
    const { status, text, headers } = await service.request(
      'acme.localhost',
      'POST',
      '/api/auth/jwt/create/',
      { body: { username, password } },
    );
    answers.push({ status, text, challenge: headers['www-authenticate'], names: Object.keys(headers) });
  }
  t.deepEqual([...new Set(answers.map((answer) => JSON.stringify(answer)))].length, 1);
  t.is(answers[0]?.status, 401);
  t.deepEqual(JSON.parse(answers[0]?.text ?? ''), {
    detail: 'No active account found with the given credentials',
    code: 'no_active_account',
  });
});

test('login ignores the Authorization header', async (t) => {
  for (const value of [
    'Bearer',
    'Bearer nonsense',
    'Bearer a b c',
    'Basic x',
    `Bearer ${forge(world.globex)}`,
  ]) {
    const { status } = await service.request('acme.localhost', 'POST', '/api/auth/jwt/create/', {
      body: { username: 'alice', password: PASSWORD },
      headers: { Authorization: value },
    });
    t.is(status, 200, value);
  }
});

test('a token of acme is rejected on globex and on the public host', async (t) => {
  const token = await service.logIn('acme.localhost', 'alice', PASSWORD);
  await assertRejected(t, token, 'Token is invalid', 'globex.localhost');
  await assertRejected(t, token, 'Token is invalid', 'localhost');
  t.is((await me(token)).status, 200);
  // Again, because the result for acme is cached. It must not be used for globex.
  await assertRejected(t, token, 'Token is invalid', 'globex.localhost');
});

test('a token for the audience of globex, signed with the key of acme, is rejected', async (t) => {
  await assertRejected(t, forge(world.acme, { aud: world.globex.id, iss: issuerOf(world.globex) }));
  await assertRejected(t, forge(world.acme, { aud: world.globex.id }));
  await assertRejected(t, forge(world.acme, { iss: issuerOf(world.globex) }));
  await assertRejected(t, forge(world.acme, { aud: [world.acme.id, world.globex.id] }));
  await assertRejected(t, forge(world.acme, { aud: undefined }));
  await assertRejected(t, forge(world.acme, { iss: undefined }));
});

test('rejects an expired token as expired', async (t) => {
  const past = Math.floor(Date.now() / 1000) - 1;
  await assertRejected(t, forge(world.acme, { exp: past }), 'Token is expired');
  await assertRejected(t, forge(world.acme, { exp: 0 }), 'Token is expired');
});

test('rejects a cached token after its expiry', async (t) => {
  let token = '';
  // A request of a loaded machine may arrive after the expiry.
  const first = await until(
    () => {
      token = forge(world.acme, { exp: Math.floor(Date.now() / 1000) + 2 });
      return me(token);
    },
    ({ status }) => status === 200,
  );
  t.is(first.status, 200);
  const last = await until(
    () => me(token),
    ({ status }) => status === 401,
  );
  t.is(last.body.messages?.[0]?.message, 'Token is expired');
});

test('rejects a token without an expiry, before its start, or with claims of other types', async (t) => {
  await assertRejected(t, forge(world.acme, { exp: undefined }));
  await assertRejected(t, forge(world.acme, { nbf: Math.floor(Date.now() / 1000) + 600 }));
  for (const changes of [
    { user_id: undefined },
    { user_id: alice.id },
    { user_id: '' },
    { user_id: '-1' },
    { user_id: '1.0' },
    { user_id: '1 or true' },
    { user_id: '9'.repeat(30) },
    { user_id: [String(alice.id)] },
    { user_id: '１' },
    { jti: undefined },
    { ver: undefined },
    { ver: '1' },
    { ver: 1.5 },
  ]) {
    await assertRejected(t, forge(world.acme, changes));
  }
  t.deepEqual(service.bugs, []);
});

test('rejects a refresh token as an access token', async (t) => {
  const { body } = await service.request('acme.localhost', 'POST', '/api/auth/jwt/create/', {
    body: { username: 'alice', password: PASSWORD },
  });
  await assertRejected(t, body.refresh, 'Token has wrong type');
  await assertRejected(t, forge(world.acme, { token_type: undefined }), 'Token is invalid');
  await assertRejected(t, forge(world.acme, { token_type: 'sliding' }), 'Token has wrong type');
});

test('rejects alg none, other algorithms and other keys', async (t) => {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = forge(world.acme).split('.')[1] ?? '';
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
    await assertRejected(t, `${encode({ alg, typ: 'JWT' })}.${claims}.`);
    const signed = createHmac('sha256', keyOf(world.acme));
    const head = encode({ alg, typ: 'JWT' });
    await assertRejected(t, `${head}.${claims}.${signed.update(`${head}.${claims}`).digest('base64url')}`);
  }
  await assertRejected(t, forge(world.acme, {}, { algorithm: 'HS384' }));
  await assertRejected(t, forge(world.acme, {}, { algorithm: 'HS512' }));
  await assertRejected(t, forge(world.acme, {}, { key: Buffer.from(APP_SECRET) }));
  await assertRejected(t, forge(world.acme, {}, { key: keyOf(world.globex) }));
  await assertRejected(t, forge(world.acme, {}, { key: keyOf(world.acme, 2) }));
  await assertRejected(t, forge(world.acme, {}, { key: Buffer.alloc(32) }));
  await assertRejected(
    t,
    forge(world.acme, {}, { key: Buffer.from('never used: ctx.state.secret holds the key of the request') }),
  );
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await assertRejected(
    t,
    jwt.sign(jwt.decode(forge(world.acme)) as object, privateKey, { algorithm: 'RS256' }),
  );
});

test('rejects a token with a changed byte, a truncated token and an unreadable token', async (t) => {
  const token = forge(world.acme);
  const [head = '', claims = '', signature = ''] = token.split('.');
  const first = signature.startsWith('A') ? 'B' : 'A';
  for (const bad of [
    `${head}.${claims}.${first}${signature.slice(1)}`,
    `${head}.${claims}.`,
    `${head}.${claims}`,
    `${head}..${signature}`,
    `.${claims}.${signature}`,
    `${token}.x`,
    'nonsense',
    'a.b.c',
    '...',
    'x'.repeat(8_000),
    'null',
    Buffer.from('{}').toString('base64url'),
  ]) {
    await assertRejected(t, bad);
  }
  t.deepEqual(service.bugs, []);
});

test('distinguishes a missing token from a header that is not a Bearer header', async (t) => {
  const asked = async (value?: string) =>
    service.request('acme.localhost', 'GET', '/api/auth/users/me/', {
      headers: value === undefined ? {} : { Authorization: value },
    });
  for (const value of [undefined, '', 'Basic YTpi', 'Digest x', forge(world.acme)]) {
    const { status, body, headers } = await asked(value);
    t.is(status, 401);
    t.deepEqual(body, {
      detail: 'Authentication credentials were not provided.',
      code: 'not_authenticated',
    });
    t.is(headers['www-authenticate'], 'Bearer realm="api"');
  }
  for (const value of ['Bearer', 'Bearer ', 'Bearer a b']) {
    const { status, body } = await asked(value);
    t.is(status, 401, value);
    t.deepEqual(body, {
      detail: 'Authorization header must contain two space-delimited values',
      code: 'bad_authorization_header',
    });
  }
  t.is((await asked(`bearer ${forge(world.acme)}`)).status, 200);
});

test('rejects a live token immediately after deactivation, a password change or deletion of its user', async (t) => {
  const { id } = await makeUser(world, 'acme', 'leaver');
  const token = await service.logIn('acme.localhost', 'leaver', PASSWORD);
  t.is((await me(token)).status, 200);
  const refusal = async (path = '/api/notes/') => {
    const { status, body, headers } = await service.request('acme.localhost', 'GET', path, { token });
    t.is(headers['www-authenticate'], 'Bearer realm="api"');
    return [status, body.code];
  };

  await world.asOwner('update acme.users set is_active = false where id = $1', [id]);
  t.deepEqual(await refusal(), [401, 'user_inactive']);
  t.deepEqual(await refusal('/api/auth/users/me/'), [401, 'user_inactive']);
  await world.asOwner('update acme.users set is_active = true, token_version = 2 where id = $1', [id]);
  t.deepEqual(await refusal(), [401, 'password_changed']);
  await world.asOwner('delete from acme.users where id = $1', [id]);
  t.deepEqual(await refusal(), [401, 'user_not_found']);
});

test('a request that the guard rejects writes nothing and returns no other error', async (t) => {
  const { id } = await makeUser(world, 'acme', 'writer');
  const token = await service.logIn('acme.localhost', 'writer', PASSWORD);
  const { body: project } = await service.request('acme.localhost', 'POST', '/api/notes/', {
    token,
    body: { name: 'before' },
  });
  await world.asOwner('update acme.users set is_active = false where id = $1', [id]);
  for (const [method, path, asking] of [
    ['POST', '/api/notes/', { body: { name: 'after' } }],
    ['POST', '/api/notes/', { body: {} }],
    ['POST', '/api/notes/', { raw: '{' }],
    ['PUT', `/api/notes/${project.id}/`, { body: { name: 'after' } }],
    ['PATCH', `/api/notes/${project.id}/`, { body: { name: 'after' } }],
    ['DELETE', `/api/notes/${project.id}/`, {}],
    ['GET', '/api/notes/999999/', {}],
    ['GET', '/api/notes/abc/', {}],
    ['DELETE', '/api/notes/', {}],
    ['GET', '/api/notes/?page=0', {}],
  ] as const) {
    const { status, body } = await service.request('acme.localhost', method, path, { token, ...asking });
    t.deepEqual([status, body.code], [401, 'user_inactive'], `${method} ${path}`);
  }
  t.deepEqual(await world.asOwner('select name from acme.notes where id = $1', [project.id]), [
    { name: 'before' },
  ]);
  t.deepEqual(await world.asOwner(`select from acme.notes where name = 'after'`), []);
});

test('the id of a user is valid in its tenant only', async (t) => {
  const hank = await world.asOwner<{ id: string }>(`select id from globex.users where username = 'hank'`);
  const token = forge(world.acme, { user_id: '999999999999999999' });
  t.is((await me(token)).body.code, 'user_not_found');
  const asHank = await me(forge(world.acme, { user_id: hank[0]?.id }));
  t.not(asHank.body.username, 'hank');
});

test('a higher key generation invalidates earlier tokens', async (t) => {
  const initech = await world.provision('initech');
  await makeUser(world, 'initech', 'milton');
  const token = await service.logIn(initech.host, 'milton', PASSWORD);
  t.is((await me(token, initech.host)).status, 200);
  await world.asOwner('update public.tenants set key_generation = 2 where id = $1', [initech.id]);
  const last = await until(
    () => me(token, initech.host),
    ({ status }) => status === 401,
  );
  t.is(last.body.code, 'token_not_valid');
  const fresh = await service.logIn(initech.host, 'milton', PASSWORD);
  t.is((await me(fresh, initech.host)).status, 200);
});

test('accepts a token of the previous secret while that is configured, and signs new ones with the new secret', async (t) => {
  const rotating = await serve(world, {
    APP_SECRET: 'a new application secret of the tests',
    APP_SECRET_PREVIOUS: APP_SECRET,
  });
  t.teardown(rotating.close);
  const asked = (token: string) =>
    rotating.request('acme.localhost', 'GET', '/api/auth/users/me/', { token });
  t.is((await asked(forge(world.acme))).status, 200);
  const fresh = await rotating.logIn('acme.localhost', 'alice', PASSWORD);
  t.is((await asked(fresh)).status, 200);
  await assertRejected(t, fresh);
});
