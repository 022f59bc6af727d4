import test from 'ava';

import { project } from '../../../src/project.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project });
  service = await serve(world);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const HOST = 'acme.localhost';
const saved = async (name: string): Promise<number> =>
  (await world.asOwner('select from acme.projects where name = $1', [name])).length;
const post = (token: string, name: string) =>
  service.request(HOST, 'POST', '/api/projects/', { token, body: { name } });

/** Logs a new user in and saves one row, so that the token is verified and the statements are prepared. */
async function logIn(username: string): Promise<string> {
  await makeUser(world, 'acme', username);
  const token = await service.logIn(HOST, username, PASSWORD);
  for (let at = 0; at < 3; at += 1) {
    await post(token, `by ${username}`);
  }
  return token;
}

for (const [change, status, code] of [
  ['delete from acme.users where username = $1', 401, 'user_not_found'],
  ['update acme.users set is_active = false where username = $1', 401, 'user_inactive'],
  ['update acme.users set token_version = token_version + 1 where username = $1', 401, 'password_changed'],
  [
    'delete from acme.sessions where user_id = (select id from acme.users where username = $1)',
    401,
    'token_not_valid',
  ],
] as const) {
  test.serial(`a single POST saves nothing for a user after "${change.slice(0, 40)}"`, async (t) => {
    const username = `user${code.replaceAll('_', '')}`;
    const token = await logIn(username);
    await world.asOwner(change, [username]);
    const refused = await post(token, `after ${code}`);
    t.deepEqual([refused.status, refused.body.code], [status, code]);
    t.is(await saved(`after ${code}`), 0);

    // An invalid body or path is not reported before the user is checked.
    const wrong = await service.request(HOST, 'POST', '/api/projects/', { token, body: {} });
    t.is(wrong.status, status);
    const missing = await service.request(HOST, 'GET', '/api/projects/x/', { token });
    t.is(missing.status, status);
  });
}

for (const [status, change] of [
  ['suspended', `status = 'suspended'`],
  ['unpaid', `on_trial = false, paid_until = (now() at time zone 'UTC')::date - 1`],
] as const) {
  test.serial(
    `a single POST saves nothing for a tenant that is ${status}, whatever status is cached`,
    async (t) => {
      const token = await logIn(`in${status}`);
      // No notification: the directory still has the tenant as active.
      await world.asOwner('alter table public.tenants disable trigger user');
      try {
        await world.asOwner(`update public.tenants set ${change} where id = $1`, [world.acme.id]);
        const refused = await post(token, `while ${status}`);
        t.deepEqual([refused.status, refused.body.code], [402, 'payment_required']);
        t.is(await saved(`while ${status}`), 0);
      } finally {
        await world.asOwner(
          `update public.tenants set status = 'active', on_trial = true, paid_until = null where id = $1`,
          [world.acme.id],
        );
        await world.asOwner('alter table public.tenants enable trigger user');
      }
      t.is((await post(token, `after ${status}`)).status, 201);
    },
  );
}

test.serial('a single POST above the limit of rows saves nothing', async (t) => {
  const token = await logIn('limited');
  await world.asOwner(
    `update public.tenants set settings = '{"PROJECTS_LIMIT": 1}' where schema_name = 'acme'`,
  );
  const refused = await post(token, 'one too many');
  await world.asOwner(`update public.tenants set settings = '{}' where schema_name = 'acme'`);
  t.deepEqual(
    [refused.status, refused.body],
    [
      403,
      {
        detail: 'This workspace has reached its limit of 1 projects. Delete some, or choose a larger plan.',
        code: 'limit_reached',
      },
    ],
  );
  t.is(await saved('one too many'), 0);
});
