import test, { type ExecutionContext } from 'ava';
import { openPair } from '../../helpers/attacker.ts';
import { type Answer, makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

// One hour is longer than the test, so no window ends meanwhile.

const ACME = 'acme.localhost';
const GLOBEX = 'globex.localhost';
const RATE = 3;

let world: World;
let direct: TestService;
let proxied: TestService;
test.before(async () => {
  world = await openWorld({ project });
  for (const schema of ['acme', 'globex']) {
    await makeUser(world, schema, 'ann');
    await makeUser(world, schema, 'bob');
  }
  const rates = {
    THROTTLE_LOGIN: `${RATE}/hour`,
    THROTTLE_RESET: `${RATE}/hour`,
    THROTTLE_REGISTER: `${RATE}/hour`,
  };
  direct = await serve(world, rates);
  proxied = await serve(world, { ...rates, TRUST_PROXY: 'true' });
});
test.after.always(async () => {
  await direct?.close();
  await proxied?.close();
  await world?.close();
});

let last = 0;
/** Returns an unused address, so that each test begins without counts. */
const freshAddress = (): string => {
  last += 1;
  return `198.51.${Math.floor(last / 250)}.${1 + (last % 250)}`;
};

type From = Readonly<{ host?: string; address?: string; service?: TestService }>;

const post = (path: string, body: object, { host = ACME, address, service = proxied }: From = {}) =>
  service.request(host, 'POST', `/api/auth/${path}/`, {
    body,
    headers: address === undefined ? {} : { 'X-Forwarded-For': address },
  });

const guess = (username: string, from: From = {}) =>
  post('jwt/create', { username, password: 'a guess' }, from);

function isThrottled(t: ExecutionContext, { status, headers, body }: Answer): void {
  t.is(status, 429);
  const seconds = Number(headers['retry-after']);
  t.true(Number.isInteger(seconds) && seconds >= 1 && seconds <= 3_600);
  t.deepEqual(body, { detail: `Request was throttled. Expected available in ${seconds} seconds.` });
}

/** Uses all attempts, and one more. */
async function useUpAttempts(t: ExecutionContext, ask: () => Promise<Answer>, status: number): Promise<void> {
  for (let attempt = 0; attempt < RATE; attempt += 1) {
    t.is((await ask()).status, status);
  }
  isThrottled(t, await ask());
}

test('rejects repeated wrong passwords with the time until the next attempt', async (t) => {
  const address = freshAddress();
  await useUpAttempts(t, () => guess('ann', { address }), 401);
  // An attempt with the right password counts, too.
  isThrottled(t, await post('jwt/create', { username: 'ann', password: PASSWORD }, { address }));
  // Both login routes share a count, and so do all spellings of the login name.
  isThrottled(t, await post('token/login', { username: 'ann', password: 'a guess' }, { address }));
  for (const name of ['ANN', ' ann ', 'aNn']) {
    isThrottled(t, await guess(name, { address }));
  }
});

for (const [name, other] of [
  ['alice', 'al\u0130ce'],
  ['\u03bd\u03af\u03ba\u03bf\u03c2', '\u039d\u038a\u039a\u039f\u03a3'],
  ['kelvin', '\u212aelvin'],
  ['ann', '\uff41nn'],
  ['\u01c6ep', '\u01c4EP'],
] as const) {
  test(`${name} and ${other} share a counter exactly if the database takes them for one name`, async (t) => {
    const [row] = await world.asOwner<{ same: boolean }>('select lower($1::text) = lower($2::text) as same', [
      name,
      other,
    ]);
    if (name !== 'ann') {
      await makeUser(world, 'acme', name);
    }
    if (!row?.same) {
      await makeUser(world, 'acme', other);
    }
    const address = freshAddress();
    await useUpAttempts(t, () => guess(name, { address }), 401);
    t.is((await guess(other, { address })).status, row?.same ? 429 : 401);
    if (!row?.same) {
      const answer = await post('jwt/create', { username: other, password: PASSWORD }, { address });
      t.is(answer.status, 200, 'the other account is not locked out');
    }
  });
}

test('a throttled client does not affect other clients', async (t) => {
  const address = freshAddress();
  await useUpAttempts(t, () => guess('ann', { address }), 401);
  t.is((await guess('bob', { address })).status, 401, 'another account');
  t.is((await guess('ann', { address, host: GLOBEX })).status, 401, 'another tenant');
  t.is((await guess('ann', { address: freshAddress() })).status, 401, 'another address');
});

test('throttles an unknown account in the same way as an existing one', async (t) => {
  const answers = [];
  for (const name of ['ann', 'nobody-at-all']) {
    const address = freshAddress();
    const seen: unknown[] = [];
    for (let attempt = 0; attempt < RATE + 1; attempt += 1) {
      const { status, headers } = await guess(name, { address });
      seen.push([status, Object.keys(headers).sort()]);
    }
    answers.push(seen);
  }
  t.deepEqual(answers[0], answers[1]);
});

test('concurrent attempts do not exceed the limit', async (t) => {
  const address = freshAddress();
  const answers = await Promise.all(Array.from({ length: 20 }, () => guess('ann', { address })));
  t.deepEqual(answers.map(({ status }) => status).sort(), [
    ...Array(RATE).fill(401),
    ...Array(20 - RATE).fill(429),
  ]);
});

test('a successful login resets the earlier attempts', async (t) => {
  const address = freshAddress();
  for (let round = 0; round < 3; round += 1) {
    for (let attempt = 1; attempt < RATE; attempt += 1) {
      t.is((await guess('bob', { address })).status, 401);
    }
    t.is((await post('jwt/create', { username: 'bob', password: PASSWORD }, { address })).status, 200);
  }
});

test('throttles one client that tries many accounts', async (t) => {
  const address = freshAddress();
  const statuses = new Set<number>();
  for (let at = 0; at < RATE * 10; at += 1) {
    statuses.add((await guess(`account${at}`, { address })).status);
  }
  t.deepEqual([...statuses], [401]);
  isThrottled(t, await guess('yet-another', { address }));
});

test('uses the forwarded address only behind a proxy, and only the one the proxy added', async (t) => {
  await useUpAttempts(t, () => guess('direct-caller', { service: direct, address: freshAddress() }), 401);
  const address = freshAddress();
  let hop = 0;
  const forged = () => {
    hop += 1;
    return guess('forger', { address: `203.0.113.${hop}, 203.0.114.${hop},${address}` });
  };
  await useUpAttempts(t, forged, 401);
  for (const header of ['X-Real-IP', 'Forwarded', 'Client-IP', 'CF-Connecting-IP', 'X-Client-IP']) {
    const answer = await proxied.request(ACME, 'POST', '/api/auth/jwt/create/', {
      body: { username: 'forger', password: 'a guess' },
      headers: { 'X-Forwarded-For': address, [header]: '203.0.113.200' },
    });
    isThrottled(t, answer);
  }
});

test('counts an IPv6 network as one address, and an IPv4-mapped address as IPv4', async (t) => {
  let at = 0;
  const sameNetwork = () => {
    at += 1;
    return guess('sixer', { address: `2001:db8:1:2:${at}:${at}::${at}` });
  };
  await useUpAttempts(t, sameNetwork, 401);
  t.is((await guess('sixer', { address: '2001:db8:1:3::1' })).status, 401);
  const four = freshAddress();
  await useUpAttempts(t, () => guess('mapped', { address: four }), 401);
  isThrottled(t, await guess('mapped', { address: `::ffff:${four}` }));
});

test('throttles password guesses made with a stolen access token', async (t) => {
  const { username } = await makeUser(world, 'acme', 'stolen');
  const { access: token } = await openPair(direct, ACME, username);
  const headers = { 'X-Forwarded-For': freshAddress() };
  const guesses = [
    ['POST', 'set_password', { current_password: 'a guess', new_password: 'quite another password' }],
    ['POST', 'set_username', { current_password: 'a guess', new_username: 'other' }],
    ['DELETE', 'me', { current_password: 'a guess' }],
  ] as const;
  for (const [method, path, body] of guesses) {
    const answer = await proxied.request(ACME, method, `/api/auth/users/${path}/`, { token, body, headers });
    t.deepEqual([answer.status, answer.body], [400, { current_password: ['Invalid password.'] }], path);
  }
  for (const [method, path, body] of guesses) {
    isThrottled(t, await proxied.request(ACME, method, `/api/auth/users/${path}/`, { token, body, headers }));
  }
});

for (const path of ['reset_password', 'reset_username', 'resend_activation']) {
  test(`${path} limits the mails sent to one address`, async (t) => {
    const service = await serve(world, {
      THROTTLE_RESET: `${RATE}/hour`,
      SEND_ACTIVATION_EMAIL: 'true',
      TRUST_PROXY: 'true',
    });
    t.teardown(service.close);
    const address = freshAddress();
    const email = 'bob@example.com';
    await useUpAttempts(t, () => post(`users/${path}`, { email }, { address, service }), 204);
    isThrottled(t, await post(`users/${path}`, { email: email.toUpperCase() }, { address, service }));
    t.is((await post(`users/${path}`, { email: 'ann@example.com' }, { address, service })).status, 204);
    t.is((await post(`users/${path}`, { email }, { address, service, host: GLOBEX })).status, 204);
    // From all addresses together: at most twice as many.
    for (let at = RATE; at < RATE * 2; at += 1) {
      t.is((await post(`users/${path}`, { email }, { address: freshAddress(), service })).status, 204);
    }
    isThrottled(t, await post(`users/${path}`, { email }, { address: freshAddress(), service }));
  });
}

test('throttles registrations that probe for taken names', async (t) => {
  const address = freshAddress();
  const tryName = (from: From) => post('users', { username: 'ann', password: PASSWORD }, from);
  await useUpAttempts(t, () => tryName({ address }), 400);
  isThrottled(t, await post('users', { username: 'free', password: PASSWORD }, { address }));
  t.is((await tryName({ address: freshAddress() })).status, 400);
  t.is((await tryName({ address, host: GLOBEX })).status, 400);
});

test('a tenant can override a rate', async (t) => {
  const strict = await world.provision('strict');
  await world.asOwner(`update public.tenants set settings = '{"THROTTLE_LOGIN": "1/hour"}' where id = $1`, [
    strict.id,
  ]);
  const address = freshAddress();
  t.is((await guess('ann', { host: strict.host, address })).status, 401);
  isThrottled(t, await guess('ann', { host: strict.host, address }));
  t.is((await guess('ann', { address })).status, 401);
});
