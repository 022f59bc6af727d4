import { createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import jwt from 'jsonwebtoken';
import { altered, claimsOf, keyOf, me, openPair, type Pair, signAs } from '../../helpers/attacker.ts';
import { APP_SECRET, makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

// Tokens in a body. For those in the Authorization header: tokens.test.ts.

const ACME = 'acme.localhost';

let world: World;
let service: TestService;
let pair: Pair;
test.before(async () => {
  world = await openWorld({ project });
  await makeUser(world, 'acme', 'ann');
  await makeUser(world, 'site', 'root', { isSuperuser: true });
  service = await serve(world);
  pair = await openPair(service, ACME, 'ann');
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const post = (action: string, body: object) =>
  service.request(ACME, 'POST', `/api/auth/jwt/${action}/`, { body });

async function impersonationToken(): Promise<string> {
  const token = await service.logIn('localhost', 'root', PASSWORD);
  const { body } = await service.request('localhost', 'POST', '/api/tenants/impersonate/', {
    token,
    body: { domain: ACME, username: 'ann' },
  });
  return body.token;
}

/** Each route that takes a token, with a token that it accepts. */
const TOKEN_ROUTES = [
  ['refresh', 'refresh', async () => pair.refresh],
  ['logout', 'refresh', async () => pair.refresh],
  ['logout_all', 'refresh', async () => pair.refresh],
  ['verify', 'token', async () => pair.refresh],
  ['verify', 'token', async () => pair.access],
  ['impersonate', 'token', impersonationToken],
] as const;

async function assertRejected(
  t: ExecutionContext,
  make: (good: string) => string,
  why: string,
): Promise<void> {
  for (const [action, field, goodToken] of TOKEN_ROUTES) {
    const { status, headers, body } = await post(action, { [field]: make(await goodToken()) });
    t.deepEqual([status, body.code], [401, 'token_not_valid'], `${why}: ${action}`);
    t.deepEqual(Object.keys(body), ['detail', 'code']);
    t.is(headers['www-authenticate'], 'Bearer realm="api"');
  }
}

test.afterEach.always('no forged token has ended the session', async (t) => {
  t.is((await me(service, ACME, pair.access)).status, 200);
  t.is((await post('verify', { token: pair.refresh })).status, 200);
  t.deepEqual(service.bugs, []);
});

test('the forged tokens of these tests are valid except for one fault', async (t) => {
  const { refresh, access } = await openPair(service, ACME, 'ann');
  t.is((await post('verify', { token: altered(world.acme, access) })).status, 200);
  t.is((await post('verify', { token: altered(world.acme, refresh) })).status, 200);
  t.is((await post('impersonate', { token: altered(world.acme, await impersonationToken()) })).status, 200);
  t.is((await post('logout', { refresh: altered(world.acme, refresh) })).status, 200);
});

test('rejects a token without a signature, whatever algorithm it names', async (t) => {
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', undefined]) {
    const header = { alg, typ: 'JWT', kid: '1' };
    await assertRejected(t, (good) => signAs(header, claimsOf(good), null), `alg ${alg}`);
    await assertRejected(
      t,
      (good) => signAs(header, claimsOf(good), keyOf(world.acme)),
      `alg ${alg}, signed`,
    );
  }
  await assertRejected(t, (good) => `${good.split('.').slice(0, 2).join('.')}.`, 'its signature cut off');
});

test('rejects every algorithm except HS256', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })).export({
    type: 'spki',
    format: 'pem',
  });
  const jwk = publicKey.export({ format: 'jwk' });
  const head = (alg: string) => ({ alg, typ: 'JWT', kid: '1' });
  const key = keyOf(world.acme);
  await assertRejected(t, (good) => signAs(head('HS384'), claimsOf(good), key, 'sha384'), 'HS384');
  await assertRejected(t, (good) => signAs(head('HS512'), claimsOf(good), key, 'sha512'), 'HS512');
  await assertRejected(t, (good) => jwt.sign(claimsOf(good), privateKey, { algorithm: 'RS256' }), 'RS256');
  await assertRejected(
    t,
    (good) => signAs(head('RS256'), claimsOf(good), key),
    'the header names RS256, the signature is HS256',
  );
  await assertRejected(t, (good) => signAs(head('HS256'), claimsOf(good), pem), 'a public key as the secret');
  await assertRejected(
    t,
    (good) =>
      jwt.sign(claimsOf(good), privateKey, { algorithm: 'RS256', header: { alg: 'RS256', jwk } as never }),
    'a key that the token brings along',
  );
});

test('ignores the key id of a token', async (t) => {
  for (const [kid, key] of [
    ['../../../../../../dev/null', ''],
    ['/dev/null', Buffer.alloc(32)],
    ["1' union select ''--", ''],
    ["' or '1'='1", 'secret'],
    ['2', keyOf(world.acme, 'token', 2)],
    [world.globex.id, keyOf(world.globex)],
    ['link', keyOf(world.acme, 'link')],
    ['csrf', keyOf(world.acme, 'csrf')],
    ['1', APP_SECRET],
    [{ toString: 'x' }, ''],
    [null, ''],
  ] as const) {
    const header = { alg: 'HS256', typ: 'JWT', kid, jku: 'http://127.0.0.1/keys', x5u: 'file:///etc/passwd' };
    await assertRejected(t, (good) => signAs(header, claimsOf(good), key), `kid ${JSON.stringify(kid)}`);
  }
});

test('rejects a token with a missing, changed or mistyped claim', async (t) => {
  const now = Math.floor(Date.now() / 1000);
  for (const changes of [
    { exp: undefined },
    { exp: now - 1 },
    { exp: String(now + 300) },
    { nbf: now + 600 },
    { iss: undefined },
    { iss: `urn:koa-tenants:${world.globex.id}` },
    { iss: 'http://acme.localhost' },
    { aud: undefined },
    { aud: world.globex.id },
    { aud: [world.globex.id, world.acme.id] },
    { token_type: undefined },
    { token_type: 'sliding' },
    { token_type: ['refresh'] },
    { jti: undefined },
    { jti: '1' },
    { jti: "00000000-0000-4000-8000-000000000000' or true" },
  ]) {
    await assertRejected(t, (good) => altered(world.acme, good, changes), JSON.stringify(changes));
  }
  for (const changes of [
    { user_id: undefined },
    { user_id: 1 },
    { user_id: '1 or true' },
    { ver: undefined },
    { ver: '1' },
    { fam: undefined },
    { fam: '*' },
    { act: { sub: 1 } },
  ]) {
    for (const [action, field] of TOKEN_ROUTES.slice(0, 4)) {
      const { status } = await post(action, { [field]: altered(world.acme, pair.refresh, changes) });
      t.is(status, 401, `${JSON.stringify(changes)}: ${action}`);
    }
  }
});

test('rejects a token one second after its expiry as expired', async (t) => {
  const exp = Math.floor(Date.now() / 1000) - 1;
  for (const [action, field, goodToken] of TOKEN_ROUTES) {
    const { body } = await post(action, { [field]: altered(world.acme, await goodToken(), { exp }) });
    t.deepEqual(body, { detail: 'Token is expired', code: 'token_not_valid' }, action);
  }
});

test('rejects a token of another type', async (t) => {
  const impersonation = await impersonationToken();
  for (const [action, field, token] of [
    ['refresh', 'refresh', pair.access],
    ['refresh', 'refresh', impersonation],
    ['logout', 'refresh', pair.access],
    ['logout', 'refresh', impersonation],
    ['logout_all', 'refresh', pair.access],
    ['logout_all', 'refresh', impersonation],
    ['verify', 'token', impersonation],
    ['impersonate', 'token', pair.access],
    ['impersonate', 'token', pair.refresh],
  ] as const) {
    const { status, body } = await post(action, { [field]: token });
    t.deepEqual(
      [status, body.detail],
      [401, 'Token has wrong type'],
      `${action} with ${claimsOf(token).token_type}`,
    );
  }
  for (const token of [pair.refresh, impersonation]) {
    const { status, body } = await me(service, ACME, token);
    t.deepEqual([status, body.messages[0].message], [401, 'Token has wrong type']);
  }
});

test('rejects a correctly signed refresh token that was never issued', async (t) => {
  const unissued = altered(world.acme, pair.refresh, { jti: randomUUID() });
  for (const [action, field] of TOKEN_ROUTES.slice(0, 4)) {
    const { status, body } = await post(action, { [field]: unissued });
    t.deepEqual(
      [status, body.detail ?? body],
      action === 'verify'
        ? [400, { non_field_errors: ['Token is blacklisted'] }]
        : [401, 'Token is blacklisted'],
      action,
    );
  }
});

test('rejects values that are not tokens', async (t) => {
  const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
  for (const bad of [
    'x',
    '.',
    '..',
    '...',
    'a.b.c',
    'null',
    'undefined',
    '\u{1F600}.\u{1F600}.\u{1F600}',
    '0',
    `${Buffer.from('null').toString('base64url')}.${Buffer.from('null').toString('base64url')}.x`,
    `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${Buffer.from(deep).toString('base64url')}.x`,
    'x'.repeat(60_000),
  ]) {
    for (const [action, field] of TOKEN_ROUTES) {
      const { status } = await post(action, { [field]: bad });
      t.is(status, 401, `${action}: ${bad.slice(0, 40)}`);
    }
  }
  for (const [action, field] of TOKEN_ROUTES) {
    for (const bad of [
      null,
      [],
      {},
      true,
      [pair.refresh],
      { token: pair.refresh },
      '',
      '  ',
      '\0',
      '\ud800',
    ]) {
      const { status, body } = await post(action, { [field]: bad });
      t.deepEqual([status, Object.keys(body)], [400, [field]], `${action}: ${JSON.stringify(bad)}`);
    }
  }
});
