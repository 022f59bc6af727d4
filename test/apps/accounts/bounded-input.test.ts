import test from 'ava';
import { servedProject } from '../../fixture-app/served-project.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'alice');
  service = await serve(world, {
    USER_CREATE_PASSWORD_RETYPE: 'true',
    PASSWORD_RESET_CONFIRM_RETYPE: 'true',
  });
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

/** Every route without authentication, with a body that has all of its fields. */
const OPEN: ReadonlyArray<readonly [string, Readonly<Record<string, string>>]> = [
  ['jwt/create', { username: 'alice', password: PASSWORD }],
  ['jwt/refresh', { refresh: 'x' }],
  ['jwt/verify', { token: 'x' }],
  ['jwt/logout', { refresh: 'x' }],
  ['jwt/logout_all', { refresh: 'x' }],
  ['jwt/impersonate', { token: 'x' }],
  ['token/login', { username: 'alice', password: PASSWORD }],
  ['users', { username: 'bob', email: 'bob@example.com', password: PASSWORD, re_password: PASSWORD }],
  ['users/activation', { uid: 'x', token: 'x' }],
  ['users/resend_activation', { email: 'bob@example.com' }],
  ['users/reset_password', { email: 'bob@example.com' }],
  [
    'users/reset_password_confirm',
    { uid: 'x', token: 'x', new_password: PASSWORD, re_new_password: PASSWORD },
  ],
  ['users/reset_username', { email: 'bob@example.com' }],
  ['users/reset_username_confirm', { uid: 'x', token: 'x', new_username: 'bobby' }],
];

/** Counts normalized characters, which are expensive in a long text. */
async function normalizedBy(work: () => Promise<unknown>): Promise<number> {
  const real = String.prototype.normalize;
  let characters = 0;
  String.prototype.normalize = function normalize(this: string, ...form) {
    characters += this.length;
    return real.apply(this, form);
  };
  try {
    await work();
  } finally {
    String.prototype.normalize = real;
  }
  return characters;
}

/** Returns 2n characters whose canonical ordering takes quadratic time. */
const marks = (n: number): string => '\u0301'.repeat(n) + '\u0316'.repeat(n);

for (const [path, body] of OPEN) {
  for (const field of Object.keys(body)) {
    test.serial(`${path} limits the length of ${field} before any other work on it`, async (t) => {
      for (const [given, statuses] of [
        [`a${marks(50_000)}`, [413]],
        [`a${marks(7_000)}`, [400, 401]],
        ['x'.repeat(60_000), [400, 401]],
      ] as const) {
        const normalized = await normalizedBy(async () => {
          const { status } = await service.request('acme.localhost', 'POST', `/api/auth/${path}/`, {
            body: { ...body, [field]: given },
          });
          t.true((statuses as readonly number[]).includes(status), `${given.length}: ${status}`);
        });
        t.true(normalized <= 5_000, `${normalized} characters`);
      }
      t.deepEqual(service.bugs, []);
    });
  }
}

test.serial(
  'accepts a name of 300 characters that normalizes to 150, and stores the normalized form',
  async (t) => {
    const sent = 'e\u0301'.repeat(150);
    const { status, body } = await service.request('acme.localhost', 'POST', '/api/auth/users/', {
      body: { username: sent, email: 'e@example.com', password: PASSWORD, re_password: PASSWORD },
    });
    t.deepEqual([status, body.username], [201, 'é'.repeat(150)]);
  },
);

test.serial('rejects long tokens of headers and cookies without verifying them', async (t) => {
  for (const [scheme, code] of [
    ['Bearer', 'token_not_valid'],
    ['Token', 'authentication_failed'],
  ]) {
    const { status, body } = await service.request('acme.localhost', 'GET', '/api/notes/', {
      headers: { Authorization: `${scheme} ${'x'.repeat(8_000)}` },
    });
    t.deepEqual([status, body.code], [401, code]);
  }
  const before = service.requests.length;
  await service.request('acme.localhost', 'GET', '/api/notes/', {
    headers: { Authorization: `Token ${'x'.repeat(8_000)}` },
  });
  t.is(service.requests[before]?.queries, 0);
});

test.serial('rejects a key that is not UTF-8, as Django REST Framework does', async (t) => {
  const answer = await service.rawRequest(
    'GET /api/notes/ HTTP/1.1\r\nHost: acme.localhost\r\nAuthorization: Token \u00e9\r\nConnection: close\r\n\r\n'.replace(
      '\u00e9',
      '\xe9',
    ),
  );
  t.regex(answer, /^HTTP\/1\.1 401 /);
});
