import test from 'ava';
import { makeUser, PASSWORD, serve, type TestService, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

let world: World;
let service: TestService;
test.serial.before(async () => {
  world = await openWorld({ project });
  await makeUser(world, 'acme', 'alice');
  await world.asOwner(
    `update acme.users set is_staff = true, id = 9007199254740991 where username = 'alice'`,
  );
  await makeUser(world, 'acme', 'bob');
  service = await serve(world, { LANES: '1' });
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const largest = 9_007_199_254_740_991;

const get = async (path: string) => {
  const token = await service.logIn('acme.localhost', 'alice', PASSWORD);
  return service.request('acme.localhost', 'GET', path, { token });
};

const session = (column: string, value: string): string =>
  column === 'id'
    ? `insert into acme.sessions (id, user_id, family, expires_at) values (${value}, ${largest}, gen_random_uuid(), now())`
    : `insert into acme.sessions (user_id, family, expires_at, ${column})
       values (${largest}, gen_random_uuid(), now() + interval '1 day', ${value})`;
const user = (column: string, value: string): string =>
  `insert into acme.users (username, password, ${column}) values ('unrepresentable', '!', ${value})`;
const mail = (column: string, value: string): string =>
  `insert into acme.outbox (kind, address, ${column}) values ('password_reset', 'nobody@example.com', ${value})`;

const MOMENTS = [`'infinity'`, `'-infinity'`, `'10000-01-01Z'`, `'0044-03-15 BC'`];
const REJECTED: ReadonlyArray<readonly [string, string]> = [
  ...['9007199254740992', '9223372036854775807', '0', '-1'].flatMap((id) => [
    [`a user with the id ${id}`, user('id', id)] as const,
    [`a session with the id ${id}`, session('id', id)] as const,
    [`a mail with the id ${id}`, mail('id', id)] as const,
  ]),
  ...MOMENTS.flatMap((moment) => [
    [`a user with last_login ${moment}`, user('last_login', moment)] as const,
    [`a user with date_joined ${moment}`, user('date_joined', moment)] as const,
    [`a session with created_at ${moment}`, session('created_at', moment)] as const,
    [`a session with last_used_at ${moment}`, session('last_used_at', moment)] as const,
    [`a mail with created_at ${moment}`, mail('created_at', moment)] as const,
    [`a mail with due_at ${moment}`, mail('due_at', moment)] as const,
    [`a mail with dead_at ${moment}`, mail('dead_at', moment)] as const,
  ]),
];

test.serial('rejects rows that a list, a token or the mail worker cannot represent', async (t) => {
  for (const [what, statement] of REJECTED) {
    await t.throwsAsync(world.asOwner(statement), { message: /violates check constraint ".*_range"/ }, what);
  }
});

test.serial('lists of users and sessions, and mail, work after the rejected inserts', async (t) => {
  for (const path of ['/api/auth/users/', '/api/auth/users/?page_size=100']) {
    const { status, body } = await get(path);
    t.is(status, 200, path);
    const rows: ReadonlyArray<{ id: number }> = body.results ?? body;
    t.true(
      rows.some(({ id }) => id === largest),
      path,
    );
  }
  const sessions = await get('/api/auth/sessions/');
  t.is(sessions.status, 200);
  t.true(sessions.body.every(({ id }: { id: unknown }) => Number.isSafeInteger(id)));
  const { status } = await service.request('acme.localhost', 'POST', '/api/auth/users/reset_password/', {
    body: { email: 'bob@example.com' },
  });
  t.is(status, 204);
  t.true(
    await until(
      async () => service.mails.some(({ to }) => to === 'bob@example.com'),
      (sent) => sent,
    ),
  );
  t.deepEqual(service.bugs, []);
});

test.serial('lists a session that never expires: the key of /token/login/', async (t) => {
  const { body: key } = await service.request('acme.localhost', 'POST', '/api/auth/token/login/', {
    body: { username: 'alice', password: PASSWORD },
  });
  const { status, body } = await service.request('acme.localhost', 'GET', '/api/auth/sessions/', {
    headers: { Authorization: `Token ${key.auth_token}` },
  });
  t.is(status, 200);
  t.is(body.filter(({ current }: { current: boolean }) => current).length, 1);
});
