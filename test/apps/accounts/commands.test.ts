import { join } from 'node:path';
import test from 'ava';
import { isPlain, type Ran, run } from '../../cli/run.ts';
import { environmentOf, makeUser, PASSWORD, serve, type TestService, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const CLI = join(import.meta.dirname, 'cli.ts');

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project });
  service = await serve(world, { SEND_ACTIVATION_EMAIL: 'false' });
  for (const username of ['alice', 'bob', 'dave']) {
    await makeUser(world, 'acme', username);
  }
  await makeUser(world, 'globex', 'hank');
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const tenants = (args: readonly string[], input = ''): Promise<Ran> =>
  run(CLI, args, environmentOf(world), input);
const me = async (token: string, host = 'acme.localhost') => {
  const { status, body } = await service.request(host, 'GET', '/api/auth/users/me/', { token });
  return [status, body.code];
};

test('set-password changes the password and ends every earlier session', async (t) => {
  const token = await service.logIn('acme.localhost', 'alice', PASSWORD);
  const { body: key } = await service.request('acme.localhost', 'POST', '/api/auth/token/login/', {
    body: { username: 'alice', password: PASSWORD },
  });
  const fresh = 'a rather different phrase';
  const ran = await tenants(['change-password', '--schema', 'acme', '--username', 'ALICE'], `${fresh}\n`);
  t.deepEqual([ran.code, ran.err], [0, '']);
  t.false(ran.out.includes(fresh));
  t.deepEqual(await me(token), [401, 'password_changed']);
  const withKey = await service.request('acme.localhost', 'GET', '/api/auth/users/me/', {
    headers: { Authorization: `Token ${key.auth_token}` },
  });
  t.is(withKey.status, 401);
  await t.throwsAsync(service.logIn('acme.localhost', 'alice', PASSWORD));
  t.truthy(await service.logIn('acme.localhost', 'alice', fresh));
});

test('set-staff makes a user staff and revokes it, from the next request on', async (t) => {
  const setStaff = (...args: string[]) => tenants(['set-staff', '--schema', 'acme', '--username', ...args]);
  await makeUser(world, 'acme', 'erin');
  await makeUser(world, 'acme', 'root', { isSuperuser: true });
  const token = await service.logIn('acme.localhost', 'erin', PASSWORD);
  const visible = async () => {
    const { body } = await service.request('acme.localhost', 'GET', '/api/auth/users/', { token });
    return (body.results ?? body).length;
  };
  t.is(await visible(), 1);
  const made = await setStaff('ERIN');
  t.deepEqual([made.code, made.out, made.err], [0, 'erin is now staff of schema acme.\n', '']);
  t.true((await visible()) > 1);
  const revoked = await setStaff('erin', '--revoke', '--json');
  t.deepEqual(JSON.parse(revoked.out), { schema_name: 'acme', username: 'erin', is_staff: false });
  t.is(await visible(), 1);

  const ofSuperuser = await setStaff('root', '--revoke');
  t.deepEqual([ofSuperuser.code, ofSuperuser.err], [2, 'root is a superuser, and superusers are staff.\n']);
  t.is((await setStaff('nobody')).code, 1);
  t.deepEqual(
    await world.asOwner(
      `select username, is_staff from acme.users where username in ('erin', 'root') order by 1`,
    ),
    [
      { username: 'erin', is_staff: false },
      { username: 'root', is_staff: true },
    ],
  );
});

test('permissions lists, grants and revokes, and suggests a name for a misspelled one', async (t) => {
  const permissions = (...args: string[]) => tenants(['permissions', ...args]);
  const ofDave = ['--schema', 'acme', '--username', 'DAVE'];
  const declared = await permissions();
  t.deepEqual(
    [declared.code, declared.out],
    [0, 'memos.archive  Archive memos\nmemos.publish  Publish memos\n'],
  );
  const granted = await permissions(...ofDave, '--grant', 'memos.publish', '--grant', 'memos.archive');
  t.deepEqual([granted.code, granted.out, granted.err], [0, 'memos.archive\nmemos.publish\n', '']);

  for (const [args, expected] of [
    [
      [...ofDave, '--grant', 'memos.archiv'],
      'There is no permission "memos.archiv". Most similar: "memos.archive".',
    ],
    [
      [...ofDave, '--revoke', 'notes'],
      'There is no permission "notes". Permissions: memos.archive, memos.publish.',
    ],
    [['--username', 'dave'], 'Name the tenant and the user: --schema and --username.'],
    [['--grant', 'memos.archive'], 'Name the tenant and the user: --schema and --username.'],
    [
      [...ofDave, '--grant', 'memos.archive', '--revoke', 'memos.archive'],
      '"memos.archive" cannot be granted and revoked in one command.',
    ],
  ] as const) {
    const ran = await permissions(...args);
    t.deepEqual([ran.code, ran.out, ran.err.trim()], [2, '', expected]);
  }
  t.is((await permissions('--schema', 'acme', '--username', 'nobody')).code, 1);

  // A name that an earlier release declared can be revoked, but not granted.
  await world.asOwner(
    `update acme.users set permissions = permissions || '{memos.old}' where username = 'dave'`,
  );
  const revoked = await permissions(
    ...ofDave,
    '--revoke',
    'memos.archive',
    '--revoke',
    'memos.old',
    '--json',
  );
  t.deepEqual(JSON.parse(revoked.out), {
    schema_name: 'acme',
    username: 'dave',
    is_superuser: false,
    permissions: ['memos.publish'],
  });
});

test('rejects a password that violates the password rules, and changes nothing', async (t) => {
  for (const [password, rule] of [
    ['', /^The password is empty\. Type it, or send it to standard input\.$/m],
    ['short', /too short/],
    ['password1', /too common/],
    ['9284750192837465', /entirely numeric/],
    ['bob@example.com', /too similar/],
  ] as const) {
    const ran = await tenants(['change-password', '--schema', 'acme', '--username', 'bob'], `${password}\n`);
    t.is(ran.code, 2, password);
    t.regex(ran.err, rule);
    isPlain(t, ran, ['9284750192837465']);
  }
  t.truthy(await service.logIn('acme.localhost', 'bob', PASSWORD));
});

test('rejects an unknown user and an unknown tenant, and changes no password', async (t) => {
  const unknownUser = await tenants(
    ['change-password', '--schema', 'acme', '--username', 'hank'],
    `${PASSWORD}\n`,
  );
  t.is(unknownUser.code, 1);
  t.regex(unknownUser.err, /no user "hank"/);
  const unknownTenant = await tenants(
    ['change-password', '--schema', 'none', '--username', 'bob'],
    `${PASSWORD}\n`,
  );
  t.is(unknownTenant.code, 1);
  t.regex(unknownTenant.err, /No tenant has the schema "none"/);
});

test('rotating the keys of one tenant invalidates its tokens and no tokens of other tenants', async (t) => {
  const { host } = await world.provision('initech');
  await makeUser(world, 'initech', 'carol');
  const carol = await service.logIn(host, 'carol', PASSWORD);
  const hank = await service.logIn('globex.localhost', 'hank', PASSWORD);
  const ran = await tenants(['rotate-keys', '--schema', 'initech', '--json']);
  t.is(ran.code, 0, ran.err);
  t.deepEqual(JSON.parse(ran.out), [{ schema_name: 'initech', key_generation: 2 }]);
  const after = await until(
    () => me(carol, host),
    ([status]) => status === 401,
  );
  t.deepEqual(after, [401, 'token_not_valid']);
  t.is((await me(hank, 'globex.localhost'))[0], 200);
  t.truthy(await service.logIn(host, 'carol', PASSWORD));
  t.is((await tenants(['rotate-keys', '--schema', 'none'])).code, 1);
});

test('rotates the keys of all tenants only after a confirmation', async (t) => {
  const generations = () =>
    world.asOwner(`select key_generation from public.tenants where schema_name in ('acme', 'globex')`);
  const before = await generations();
  for (const typed of ['', 'yes\n']) {
    const ran = await tenants(['rotate-keys'], typed);
    t.is(ran.code, 2);
    t.regex(ran.err, /Not confirmed\. Nothing was changed/);
  }
  t.deepEqual(await generations(), before);
});

test('changes the settings of one tenant, and a running service applies them', async (t) => {
  const set = await tenants(['settings', '--schema', 'globex', '--set', 'ALLOW_REGISTRATION=false']);
  t.is(set.code, 0, set.err);
  t.regex(set.out, /^ALLOW_REGISTRATION=false {2}\(of this tenant\)$/m);
  t.regex(set.out, /^HIDE_USERS=true$/m);
  const register = (host: string) =>
    service.request(host, 'POST', '/api/auth/users/', {
      body: { username: `new_${host.slice(0, 4)}`, password: PASSWORD },
    });
  const closed = await until(
    () => register('globex.localhost'),
    ({ status }) => status === 403,
  );
  t.is(closed.body.code, 'permission_denied');
  t.is((await register('acme.localhost')).status, 201);

  const unset = await tenants(['settings', '--schema', 'globex', '--unset', 'ALLOW_REGISTRATION', '--json']);
  t.like(JSON.parse(unset.out), { ALLOW_REGISTRATION: true, THROTTLE_LOGIN: 'off', LEEWAY: 0 });
  t.deepEqual(await world.asOwner(`select settings from public.tenants where schema_name = 'globex'`), [
    { settings: {} },
  ]);
});

test('rejects unknown settings and invalid values, and changes nothing', async (t) => {
  for (const pair of [
    'SEND_ACTIVATION_EMIAL=true',
    'HIDE_USERS=maybe',
    'ACCESS_TOKEN_LIFETIME=5 minutes',
    'ACTIVATION_URL=https://elsewhere.example/{uid}/{token}',
    'ACTIVATION_URL=//elsewhere.example/{uid}/{token}',
    'ACTIVATION_URL=activate/{token}',
    'THROTTLE_LOGIN=often',
    'HIDE_USERS',
    '__proto__=x',
  ]) {
    const ran = await tenants(['settings', '--schema', 'acme', '--set', pair]);
    t.is(ran.code, 2, pair);
    isPlain(t, ran);
    t.true(ran.err.includes(pair.split('=')[0] ?? ''));
  }
  t.deepEqual(await world.asOwner(`select settings from public.tenants where schema_name = 'acme'`), [
    { settings: {} },
  ]);
});

test.serial('check reports a row with an unknown setting, and its remedy fixes it', async (t) => {
  const other = await world.provision('hooli');
  await world.asOwner(`update public.tenants set settings = '{"NO_SUCH": 1}' where id = $1`, [other.id]);
  // The test server may be an old minor release, which `check` reports as an error.
  const check = () => tenants(['check', '--fail-on', 'fault']);
  const found = await check();
  t.is(found.code, 1);
  t.regex(found.out, /tenant-settings {2}tenant hooli: has invalid settings: NO_SUCH/);
  const refused = await service.request(other.host, 'POST', '/api/auth/jwt/create/', {
    body: { username: 'x', password: 'y' },
  });
  t.is(refused.status, 500);
  t.is((await tenants(['settings', '--schema', 'hooli', '--unset', 'NO_SUCH'])).code, 0);
  t.is((await check()).code, 0);
});

test.serial('check reports that the limit of users has no trigger', async (t) => {
  await world.asOwner('alter table acme.users disable trigger users__limit');
  t.teardown(() => world.asOwner('alter table acme.users enable trigger users__limit'));
  const found = await tenants(['check', '--fail-on', 'fault']);
  t.is(found.code, 1);
  t.regex(
    found.out,
    /^row-limits {2}table users: has no trigger for the limit USERS_LIMIT in tenant acme\. write a tenant migration: create trigger users__limit after insert on users for each statement execute function tenancy\.limit_rows\('USERS_LIMIT'\)\.?$/m,
  );
});

test('deletes expired rows and keeps the others', async (t) => {
  await service.logIn('acme.localhost', 'dave', PASSWORD);
  await service.logIn('acme.localhost', 'dave', PASSWORD);
  const [old] = await world.asOwner<{ id: string }>(
    `update acme.sessions
     set expires_at = now() - interval '1 second'
     where id = (select max(s.id) from acme.sessions as s join acme.users as u on u.id = s.user_id where u.username = 'dave')
     returning id`,
  );
  const ran = await tenants(['flush-expired-tokens', '--schema', 'acme', '--json']);
  t.deepEqual(JSON.parse(ran.out), { acme: 1 });
  t.deepEqual(await world.asOwner('select id from acme.sessions where id = $1', [old?.id]), []);
  const left = await world.asOwner(
    `select from acme.sessions as s join acme.users as u on u.id = s.user_id where u.username = 'dave'`,
  );
  t.is(left.length, 1);
});

test('lists failed mails and retries them on request', async (t) => {
  await world.asOwner(
    `insert into acme.outbox (kind, address, dead_at, attempts, last_error)
     values ('password_reset', 'bob@example.com', now(), 12, '550 no such mailbox')`,
  );
  const listed = await tenants(['outbox', '--schema', 'acme']);
  t.regex(listed.out, /^acme {2}password_reset {2}failed .* 12 attempts {2}550 no such mailbox$/m);
  t.regex(listed.err, /0 pending, 1 failed\./);
  const retried = await tenants(['outbox', '--schema', 'acme', '--retry', '--json']);
  t.is(retried.code, 0, retried.err);
  await until(
    async () => service.mails.length,
    (count) => count > 0,
  );
  t.is(service.mails.at(-1)?.to, 'bob@example.com');
  const { acme } = JSON.parse((await tenants(['outbox', '--schema', 'acme', '--json'])).out);
  t.deepEqual(acme, []);
});
