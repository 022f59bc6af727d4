import test, { type ExecutionContext } from 'ava';
import type pg from 'pg';
import {
  claimsOf,
  me,
  openBlockingConnection,
  openPair,
  type Pair,
  refreshWith,
  waitUntilBlocked,
} from '../../helpers/attacker.ts';
import { type Answer, makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

// The order of two requests is fixed by a third session, the lock holder: it locks a row,
// and releases it when both requests wait for it.

const ACME = 'acme.localhost';
const FRESH = 'another quite long password';

let world: World;
let service: TestService;
let lockHolder: pg.Client;
let count = 0;
test.before(async () => {
  world = await openWorld({ project });
  service = await serve(world, { ROTATE_REFRESH_TOKENS: 'true' });
  lockHolder = await openBlockingConnection(world);
});
test.after.always(async () => {
  await service?.close();
  await lockHolder?.end();
  await world?.close();
});

async function createUser(): Promise<{ id: number; username: string }> {
  count += 1;
  return makeUser(world, 'acme', `racer${count}`);
}

const logOut = (refresh: string, action = 'logout') =>
  service.request(ACME, 'POST', `/api/auth/jwt/${action}/`, { body: { refresh } });

const setPassword = (token: string) =>
  service.request(ACME, 'POST', '/api/auth/users/set_password/', {
    token,
    body: { current_password: PASSWORD, new_password: FRESH },
  });

const holdSession = async (refresh: string): Promise<void> => {
  await lockHolder.query('begin');
  await lockHolder.query('select from acme.sessions where family = $1 for update', [claimsOf(refresh).fam]);
};

/** Asserts that all tokens issued before or meanwhile are rejected. */
async function assertSessionEnded(t: ExecutionContext, first: Pair, answer: Answer): Promise<void> {
  const pairs = [first, ...(answer.status === 200 ? [answer.body as Pair] : [])];
  for (const { access, refresh } of pairs) {
    t.is((await me(service, ACME, access)).status, 401);
    t.is((await refreshWith(service, ACME, refresh)).status, 401);
  }
}

for (const action of ['logout', 'logout_all']) {
  for (const order of ['before', 'after']) {
    test.serial(`a refresh queued ${order} ${action} leaves no live session`, async (t) => {
      const { username } = await createUser();
      const first = await openPair(service, ACME, username);
      await holdSession(first.refresh);
      const asked: Array<() => Promise<Answer>> = [
        () => refreshWith(service, ACME, first.refresh),
        () => logOut(first.refresh, action),
      ];
      const [one, two] = order === 'before' ? asked : asked.reverse();
      const leading = one?.();
      await waitUntilBlocked(world, 1, leading);
      const following = two?.();
      await waitUntilBlocked(world, 2, following);
      await lockHolder.query('rollback');
      const answers = (await Promise.all([leading, following])) as Answer[];
      const [refreshed, ended] = order === 'before' ? answers : answers.reverse();
      if (order === 'after' || action === 'logout') {
        t.is(ended?.status, 200);
      }
      t.true([200, 401].includes(refreshed?.status ?? 0), refreshed?.text);
      await assertSessionEnded(t, first, refreshed as Answer);
    });
  }
}

for (const order of ['before', 'after']) {
  test.serial(`a refresh queued ${order} a password change leaves no live session`, async (t) => {
    const { username } = await createUser();
    const first = await openPair(service, ACME, username);
    await holdSession(first.refresh);
    const asked: Array<() => Promise<Answer>> = [
      () => refreshWith(service, ACME, first.refresh),
      () => setPassword(first.access),
    ];
    const [one, two] = order === 'before' ? asked : asked.reverse();
    const leading = one?.();
    await waitUntilBlocked(world, 1, leading);
    const following = two?.();
    await waitUntilBlocked(world, 2, following);
    await lockHolder.query('rollback');
    const answers = (await Promise.all([leading, following])) as Answer[];
    const [refreshed, changed] = order === 'before' ? answers : answers.reverse();
    t.is(changed?.status, 204, changed?.text);
    t.true([200, 401].includes(refreshed?.status ?? 0), refreshed?.text);
    await assertSessionEnded(t, first, refreshed as Answer);
  });
}

test.serial('a refresh concurrent with a deactivation leaves no live session', async (t) => {
  const { id, username } = await createUser();
  const first = await openPair(service, ACME, username);
  await holdSession(first.refresh);
  const refreshing = refreshWith(service, ACME, first.refresh);
  await waitUntilBlocked(world, 1, refreshing);
  await lockHolder.query('update acme.users set is_active = false where id = $1', [id]);
  await lockHolder.query('commit');
  const answer = await refreshing;
  t.true([200, 401].includes(answer.status), answer.text);
  await assertSessionEnded(t, first, answer);
});

test.serial('a reused old token ends the session while its owner refreshes', async (t) => {
  const { username } = await createUser();
  const first = await openPair(service, ACME, username);
  const { body: second } = await refreshWith(service, ACME, first.refresh);
  await world.asOwner(
    `update acme.refresh_tokens set rotated_at = now() - interval '1 minute' where id = $1`,
    [claimsOf(first.refresh).jti],
  );
  await holdSession(first.refresh);
  const reused = refreshWith(service, ACME, first.refresh);
  await waitUntilBlocked(world, 1, reused);
  const owner = refreshWith(service, ACME, second.refresh);
  await waitUntilBlocked(world, 2, owner);
  await lockHolder.query('rollback');
  t.is((await reused).status, 401, (await reused).text);
  t.true([200, 401].includes((await owner).status), (await owner).text);
  await assertSessionEnded(t, second, await owner);
});

for (const [path, what] of [
  ['token/login', 'key'],
  ['jwt/create', 'session'],
] as const) {
  test.serial(`a login with the old password during a password change leaves no ${what}`, async (t) => {
    const { id, username } = await createUser();
    await lockHolder.query('begin');
    await lockHolder.query('update acme.users set token_version = token_version + 1 where id = $1', [id]);
    await lockHolder.query('delete from acme.sessions where user_id = $1', [id]);
    const asking = service.request(ACME, 'POST', `/api/auth/${path}/`, {
      body: { username, password: PASSWORD },
    });
    // It either waits for the change of the password, or has its response before.
    await waitUntilBlocked(world, 1, asking);
    await lockHolder.query('commit');
    const { status, body } = await asking;
    t.true([200, 400, 401].includes(status));
    if (status === 200) {
      const Authorization = body.auth_token ? `Token ${body.auth_token}` : `Bearer ${body.access}`;
      const answer = await service.request(ACME, 'GET', '/api/auth/users/me/', {
        headers: { Authorization },
      });
      t.is(answer.status, 401);
    }
    t.deepEqual(await world.asOwner('select from acme.sessions where user_id = $1', [id]), []);
  });
}
