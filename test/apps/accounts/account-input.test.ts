import test from 'ava';
import { openPair } from '../../helpers/attacker.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const ACME = 'acme.localhost';

let world: World;
let service: TestService;
let token: string;
test.before(async () => {
  world = await openWorld({ project });
  await makeUser(world, 'acme', 'ann');
  service = await serve(world);
  token = (await openPair(service, ACME, 'ann')).access;
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

/** Every body of accounts' routes, valid except for the values that a test replaces. */
const BODIES = [
  ['POST', '/api/auth/users/', { username: 'x', email: 'x@example.com', password: PASSWORD }],
  ['POST', '/api/auth/users/activation/', { uid: 'x', token: 'y' }],
  ['POST', '/api/auth/users/resend_activation/', { email: 'x@example.com' }],
  ['POST', '/api/auth/users/reset_password/', { email: 'x@example.com' }],
  ['POST', '/api/auth/users/reset_password_confirm/', { uid: 'x', token: 'y', new_password: PASSWORD }],
  ['POST', '/api/auth/users/reset_username/', { email: 'x@example.com' }],
  ['POST', '/api/auth/users/reset_username_confirm/', { uid: 'x', token: 'y', new_username: 'x' }],
  ['POST', '/api/auth/users/set_password/', { current_password: 'x', new_password: PASSWORD }],
  ['POST', '/api/auth/users/set_username/', { current_password: 'x', new_username: 'x' }],
  ['PUT', '/api/auth/users/me/', { email: 'ann@example.com' }],
  ['PATCH', '/api/auth/users/me/', { email: 'ann@example.com' }],
  ['DELETE', '/api/auth/users/me/', { current_password: 'x' }],
  ['POST', '/api/auth/token/login/', { username: 'x', password: 'x' }],
  ['POST', '/api/auth/jwt/create/', { username: 'x', password: 'x' }],
] as const;

const cases = BODIES.flatMap(([method, path, body]) =>
  Object.keys(body).map((field) => ({ method, path, body, field })),
);

for (const [what, value] of [
  ['null', null],
  ['a list', ['x']],
  ['a list of lists', [[[]]]],
  ['an object', { toString: 'x', length: 3 }],
  ['true', true],
  ['a NUL', 'x\0y'],
  ['nothing', ''],
] as const) {
  test(`rejects ${what} in place of a string with an error on its field`, async (t) => {
    for (const { method, path, body, field } of cases) {
      if (what === 'nothing' && field === 'email' && /users\/(me\/)?$/.test(path)) {
        continue;
      }
      const answer = await service.request(ACME, method, path, { token, body: { ...body, [field]: value } });
      t.deepEqual(
        [answer.status, Object.keys(answer.body)],
        [400, [field]],
        `${method} ${path}: ${answer.text}`,
      );
      t.true(answer.body[field].length === 1 || (what === 'a NUL' && /(?:email|username)$/.test(field)));
    }
    t.deepEqual(service.bugs, []);
  });
}

test('no value causes an internal error', async (t) => {
  const deep = `${'['.repeat(20_000)}1${']'.repeat(20_000)}`;
  for (const { method, path, body, field } of cases) {
    for (const json of [
      '1e400',
      '-0',
      '12345678901234567890',
      '1e308',
      '"\\ud800"',
      '"\\udc00\\ud800"',
      deep,
    ]) {
      const raw = JSON.stringify({ ...body, [field]: '@@' }).replace('"@@"', json);
      const { status, text } = await service.request(ACME, method, path, { token, raw });
      t.true(status < 500, `${method} ${path} ${field}=${json.slice(0, 20)}: ${status} ${text}`);
    }
  }
  for (const [method, path] of BODIES) {
    for (const raw of [
      '{',
      '[]',
      'null',
      '"x"',
      '1',
      'true',
      '{"__proto__":{"username":"x"}}',
      deep,
      '{"constructor":1}',
    ]) {
      const { status } = await service.request(ACME, method, path, { token, raw });
      // A profile has no required field.
      t.true(status === 400 || path.endsWith('/me/'), `${method} ${path} ${raw.slice(0, 40)}: ${status}`);
      t.true(status < 500);
    }
  }
  t.deepEqual(service.bugs, []);
});

test('rejects a password of 5,000 characters before it is hashed, with the same response for every user', async (t) => {
  const long = 'p'.repeat(5_000);
  const asked = (path: string, body: object) => service.request(ACME, 'POST', path, { token, body });
  const { status, body } = await asked('/api/auth/users/', { username: 'long', password: long });
  t.deepEqual([status, Object.keys(body)], [400, ['password']]);
  for (const path of ['/api/auth/jwt/create/', '/api/auth/token/login/']) {
    const known = await asked(path, { username: 'ann', password: long });
    const unknown = await asked(path, { username: 'nobody', password: long });
    t.is(known.status, 400);
    t.deepEqual([known.status, known.body], [unknown.status, unknown.body]);
  }
  const changed = await asked('/api/auth/users/set_password/', {
    current_password: long,
    new_password: long,
  });
  t.deepEqual(
    [changed.status, Object.keys(changed.body).sort()],
    [400, ['current_password', 'new_password']],
  );
});

/** Fields that users cannot set. */
const PRIVILEGES = {
  id: 4_711,
  tenant_id: '00000000-0000-4000-8000-000000000000',
  is_staff: true,
  is_superuser: true,
  is_active: false,
  awaits_activation: true,
  token_version: 99,
  password_hash: 'x',
  last_login: '2000-01-01T00:00:00Z',
  date_joined: '2000-01-01T00:00:00Z',
  'is_staff ': true,
  'users.is_staff': true,
  constructor: { prototype: { is_staff: true } },
} as const;

const STORED_USER = `
  select id::text, is_staff, is_superuser, is_active, awaits_activation, token_version, last_login,
    date_joined > now() - interval '1 day' as joined_lately, password, username
  from acme.users
  where username = $1`;

test('registration ignores every field except the username, the email address and the password', async (t) => {
  const given = { username: 'mallory', email: 'mallory@example.com', password: PASSWORD, ...PRIVILEGES };
  const withPrototype = JSON.stringify(given).replace(
    /}$/,
    ',"__proto__":{"is_staff":true,"is_superuser":true}}',
  );
  t.is((await service.request(ACME, 'POST', '/api/auth/users/', { raw: withPrototype })).status, 400);
  const { status, body } = await service.request(ACME, 'POST', '/api/auth/users/', { body: given });
  t.is(status, 201);
  t.deepEqual(Object.keys(body).sort(), ['email', 'id', 'username']);
  const [row] = await world.asOwner(STORED_USER, ['mallory']);
  t.like(row, {
    is_staff: false,
    is_superuser: false,
    is_active: true,
    awaits_activation: false,
    token_version: 1,
    last_login: null,
    joined_lately: true,
  });
  t.not(row?.id, '4711');
  t.regex(String(row?.password), /^\$argon2id\$/);
});

for (const method of ['PUT', 'PATCH']) {
  test(`${method} of the own profile changes only the email address`, async (t) => {
    const { username, id } = await makeUser(world, 'acme', `modest-${method.toLowerCase()}`);
    const { access } = await openPair(service, ACME, username);
    const before = await world.asOwner(STORED_USER, [username]);
    for (const path of ['/api/auth/users/me/', `/api/auth/users/${id}/`]) {
      const { status, body } = await service.request(ACME, method, path, {
        token: access,
        body: {
          ...PRIVILEGES,
          email: `changed-${username}@example.com`,
          username: 'renamed',
          password: 'replaced by hand',
        },
      });
      t.deepEqual([status, body], [200, { id, username, email: `changed-${username}@example.com` }]);
    }
    t.deepEqual(await world.asOwner(STORED_USER, [username]), before);
    await world.asOwner('delete from acme.users where id = $1', [id]);
  });
}

test('staff users cannot grant staff rights', async (t) => {
  const { access } = await openPair(
    service,
    ACME,
    (await makeUser(world, 'acme', 'boss', { isSuperuser: true })).username,
  );
  const { id, username } = await makeUser(world, 'acme', 'clerk');
  const before = await world.asOwner(STORED_USER, [username]);
  for (const method of ['PUT', 'PATCH']) {
    const { status } = await service.request(ACME, method, `/api/auth/users/${id}/`, {
      token: access,
      body: { ...PRIVILEGES, email: 'clerk@example.com' },
    });
    t.is(status, 200);
  }
  t.deepEqual(await world.asOwner(STORED_USER, [username]), before);
});

test('login accepts the input that Django REST Framework accepts, and names invalid fields', async (t) => {
  const create = (body: unknown) => service.request(ACME, 'POST', '/api/auth/jwt/create/', { body });
  const lacking = await create({});
  t.deepEqual(
    [lacking.status, lacking.body],
    [400, { username: ['This field is required.'], password: ['This field is required.'] }],
  );
  const wrong = await create({ username: null, password: '' });
  t.deepEqual(wrong.body, {
    username: ['This field may not be null.'],
    password: ['This field may not be blank.'],
  });
  t.is((await create({ username: ' ann ', password: PASSWORD })).status, 200);
  for (const username of ['a\0b', { a: 1 }, ['ann'], true]) {
    t.is((await create({ username, password: PASSWORD })).status, 400);
  }
  t.is((await create({ username: 'x'.repeat(60_000), password: PASSWORD })).status, 400);
  t.is((await create({ username: 'ann', password: 'x'.repeat(60_000) })).status, 400);
  t.is((await create({ username: 'x'.repeat(100_000), password: PASSWORD })).status, 413);
  t.is((await create([])).status, 400);
  t.deepEqual(service.bugs, []);
});
