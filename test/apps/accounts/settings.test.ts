import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import jwt from 'jsonwebtoken';

import { DomainError } from '../../../src/errors.ts';
import { issuerOf, signingKeys } from '../../../src/tenancy/registry/signing-key.ts';
import {
  type Answer,
  makeUser,
  PASSWORD,
  SECRETS,
  serve,
  type TestService,
  until,
} from '../../helpers/server.ts';
import { type Member, openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project });
  await makeUser(world, 'acme', 'alice');
  await makeUser(world, 'globex', 'hank');
  service = await serve(world, { ACCESS_TOKEN_LIFETIME: '120', REFRESH_TOKEN_LIFETIME: '7200' });
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});
test.beforeEach(() => {
  service.bugs.length = 0;
});

const enter = (host = 'acme.localhost', username = 'alice'): Promise<Answer> =>
  service.request(host, 'POST', '/api/auth/jwt/create/', { body: { username, password: PASSWORD } });
const lifetimes = ({ body }: Answer): number[] =>
  [body?.access, body?.refresh].map((token) => {
    const { exp = 0, iat = 0 } = jwt.decode(token ?? '') as jwt.JwtPayload;
    return exp - iat;
  });

/** Changes acme's settings and waits until they take effect in the service. */
async function setRow(settings: string, isApplied: (answer: Answer) => boolean): Promise<Answer> {
  await world.asOwner('update public.tenants set settings = $2 where id = $1', [world.acme.id, settings]);
  return until(() => enter(), isApplied);
}
const reset = (): Promise<Answer> =>
  setRow('{}', (answer) => answer.status === 200 && lifetimes(answer)[0] === 120);

test.serial('a row of a tenant overrides the environment, for that tenant only', async (t) => {
  t.deepEqual(lifetimes(await enter()), [120, 7200]);
  for (const [row, expected] of [
    ['{"ACCESS_TOKEN_LIFETIME": 60}', [60, 7200]],
    ['{"ACCESS_TOKEN_LIFETIME": "90", "REFRESH_TOKEN_LIFETIME": 3600}', [90, 3600]],
    ['{}', [120, 7200]],
  ] as const) {
    const applied = await setRow(row, (answer) => lifetimes(answer)[0] === expected[0]);
    t.deepEqual(lifetimes(applied), [...expected]);
    t.deepEqual(lifetimes(await enter('globex.localhost', 'hank')), [120, 7200]);
  }
});

/** Settings, and the warning in the log. */
const faulty: ReadonlyArray<readonly [string, RegExp]> = [
  ['{"ACCES_TOKEN_LIFETIME": 60}', /ACCES_TOKEN_LIFETIME is not a setting of a tenant/],
  ['{"access_token_lifetime": 60}', /access_token_lifetime is not a setting/],
  ['{"SIGNING_KEY": "x"}', /SIGNING_KEY is not a setting/],
  ['{"APP_SECRET": "x"}', /APP_SECRET is not a setting/],
  ['{"constructor": 1}', /constructor is not a setting/],
  ['{"toString": "x"}', /toString is not a setting/],
  ['{"ACCESS_TOKEN_LIFETIME": 0}', /ACCESS_TOKEN_LIFETIME must be a whole number from 10 to 86400/],
  ['{"ACCESS_TOKEN_LIFETIME": "soon"}', /ACCESS_TOKEN_LIFETIME must be a whole number/],
  ['{"ACCESS_TOKEN_LIFETIME": ""}', /ACCESS_TOKEN_LIFETIME must be a whole number/],
  ['{"LEEWAY": ""}', /LEEWAY must be a whole number/],
  ['{"LEEWAY": " "}', /LEEWAY must be a whole number/],
  ['{"LEEWAY": true}', /LEEWAY must be a whole number/],
  ['{"ACCESS_TOKEN_LIFETIME": null}', /ACCESS_TOKEN_LIFETIME /],
  ['{"ACCESS_TOKEN_LIFETIME": [60]}', /ACCESS_TOKEN_LIFETIME /],
  ['{"HIDE_USERS": "no"}', /HIDE_USERS must be one of true, false/],
  ['{"HIDE_USERS": 0}', /HIDE_USERS must be one of true, false/],
  ['{"LOGIN_FIELD": "phone"}', /LOGIN_FIELD must be one of username, email/],
  ['{"THROTTLE_LOGIN": "often"}', /THROTTLE_LOGIN must be a rate/],
  ['{"ACTIVATION_URL": "activate/{uid}"}', /ACTIVATION_URL must be a path/],
  ['{"ACTIVATION_URL": "//elsewhere.example/{uid}/{token}"}', /ACTIVATION_URL must be a path/],
  ['{"ACTIVATION_URL": "https://elsewhere.example/{uid}/{token}"}', /ACTIVATION_URL must be a path/],
  [
    '{"PASSWORD_RESET_CONFIRM_URL": "\\\\elsewhere/{uid}/{token}"}',
    /PASSWORD_RESET_CONFIRM_URL must be a path/,
  ],
];
for (const [row, fault] of faulty) {
  test.serial(
    `a row of ${row} makes that tenant unavailable, is logged with its reason, and affects no other tenant`,
    async (t) => {
      const answer = await setRow(row, ({ status }) => status === 500);
      t.is(answer.status, 500);
      t.deepEqual(answer.body, { detail: 'Internal error.' });
      const [bug] = service.bugs;
      t.true(bug instanceof DomainError && bug.code === 'configuration_invalid');
      t.regex((bug as Error).message, fault);
      t.is((await enter('globex.localhost', 'hank')).status, 200);
      t.is((await reset()).status, 200);
    },
  );
}

test.serial('reports every fault of a row in one message', async (t) => {
  await setRow('{"LEEWAY": -1, "UNKNOWN": 1, "HIDE_USERS": "no"}', ({ status }) => status === 500);
  t.regex((service.bugs[0] as Error).message, /(?=.*LEEWAY)(?=.*UNKNOWN)(?=.*HIDE_USERS)/);
  await reset();
});

test('an unknown setting prevents the start and is named', async (t) => {
  for (const [name, wanted] of [
    ['ACCESS_TOKEN_LIFETME', /ACCESS_TOKEN_LIFETME is not a setting; did you mean ACCESS_TOKEN_LIFETIME\?/],
    [
      'SEND_ACTIVATION_EMAILS',
      /SEND_ACTIVATION_EMAILS is not a setting; did you mean SEND_ACTIVATION_EMAIL\?/,
    ],
    ['SLIDING_TOKEN_LIFETIME', /SLIDING_TOKEN_LIFETIME is not supported/],
  ] as const) {
    await t.throwsAsync(serve(world, { [name]: '60' }), { code: 'configuration_invalid', message: wanted });
  }
});

/** Returns a token that expired `ago` seconds ago. */
function ended(member: Member, like: string, ago: number): string {
  const claims = jwt.decode(like) as jwt.JwtPayload;
  const [key] = signingKeys(SECRETS, { id: member.id, keyGeneration: 1 });
  const exp = Math.floor(Date.now() / 1000) - ago;
  return jwt.sign({ ...claims, exp, iss: issuerOf(member) }, key, { algorithm: 'HS256' });
}

test.serial('LEEWAY extends the lifetime of every token on every route, by its value only', async (t) => {
  const isTaken = async (access: string, refresh: string): Promise<number[]> => {
    const answers = await Promise.all([
      service.request('acme.localhost', 'GET', '/api/auth/users/me/', { token: access }),
      service.request('acme.localhost', 'POST', '/api/auth/jwt/verify/', { body: { token: access } }),
      service.request('acme.localhost', 'POST', '/api/auth/jwt/verify/', { body: { token: refresh } }),
    ]);
    const last = await service.request('acme.localhost', 'POST', '/api/auth/jwt/refresh/', {
      body: { refresh },
    });
    return [...answers, last].map(({ status }) => status);
  };
  const old = (answer: Answer, ago: number): [string, string] => [
    ended(world.acme, answer.body.access, ago),
    ended(world.acme, answer.body.refresh, ago),
  ];
  t.deepEqual(await isTaken(...old(await enter(), 100)), [401, 401, 401, 401]);
  await setRow('{"LEEWAY": 300, "ACCESS_TOKEN_LIFETIME": 60}', (answer) => lifetimes(answer)[0] === 60);
  t.deepEqual(await isTaken(...old(await enter(), 100)), [200, 200, 200, 200]);
  t.deepEqual(await isTaken(...old(await enter(), 400)), [401, 401, 401, 401]);
  await reset();
});

test.serial('every route that takes a token in the body rejects an ended token as ended', async (t) => {
  const { body } = await enter();
  const refresh = ended(world.acme, body.refresh, 1);
  for (const [path, sent] of [
    ['jwt/refresh', { refresh }],
    ['jwt/logout', { refresh }],
    ['jwt/logout_all', { refresh }],
    ['jwt/verify', { token: refresh }],
    ['jwt/verify', { token: ended(world.acme, body.access, 1) }],
  ] as const) {
    const answer = await service.request('acme.localhost', 'POST', `/api/auth/${path}/`, { body: sent });
    t.deepEqual(
      [answer.status, answer.body],
      [401, { detail: 'Token is expired', code: 'token_not_valid' }],
      path,
    );
  }
});

const lastLogin = async (t: ExecutionContext, username: string): Promise<boolean> => {
  const [row] = await world.asOwner<{ known: boolean }>(
    'select last_login is not null as known from acme.users where username = $1',
    [username],
  );
  t.truthy(row);
  return row?.known ?? false;
};

test.serial('UPDATE_LAST_LOGIN records a token login; a key login is always recorded', async (t) => {
  for (const username of ['carol', 'dave', 'erin']) {
    await makeUser(world, 'acme', username);
  }
  t.is((await enter('acme.localhost', 'carol')).status, 200);
  t.false(await lastLogin(t, 'carol'));
  await setRow(
    '{"UPDATE_LAST_LOGIN": true, "ACCESS_TOKEN_LIFETIME": 60}',
    (answer) => lifetimes(answer)[0] === 60,
  );
  t.is((await enter('acme.localhost', 'dave')).status, 200);
  t.true(await lastLogin(t, 'dave'));
  await reset();
  const answer = await service.request('acme.localhost', 'POST', '/api/auth/token/login/', {
    body: { username: 'erin', password: PASSWORD },
  });
  t.is(answer.status, 200);
  t.true(await lastLogin(t, 'erin'));
});

test.serial('a link points to the configured page of the tenant, on its domain', async (t) => {
  const row = {
    SEND_ACTIVATION_EMAIL: true,
    ACTIVATION_URL: 'welcome?u={uid}&t={token}',
    ACCESS_TOKEN_LIFETIME: 60,
  };
  await setRow(JSON.stringify(row), (answer) => lifetimes(answer)[0] === 60);
  const body = { username: randomUUID(), email: `${randomUUID()}@example.com`, password: PASSWORD };
  t.is((await service.request('acme.localhost', 'POST', '/api/auth/users/', { body })).status, 201);
  const mail = await until(
    async () => service.mails.find(({ to }) => to === body.email),
    (found) => found !== undefined,
  );
  t.regex(mail?.link ?? '', /^http:\/\/acme\.localhost\/welcome\?u=[\w-]+&t=[\w-]+$/);
  await reset();
});
