import test, { type ExecutionContext } from 'ava';
import { claimsOf, me, openPair, type Pair, refreshWith } from '../../helpers/attacker.ts';
import { makeUser, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const ACME = 'acme.localhost';

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project });
  await makeUser(world, 'acme', 'ann');
  service = await serve(world, { ROTATE_REFRESH_TOKENS: 'true' });
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const exchange = async (refresh: string): Promise<Pair> => {
  const { status, body } = await refreshWith(service, ACME, refresh);
  if (status !== 200) {
    throw new Error(`Refresh was answered ${status}`);
  }
  return body;
};

/** Moves the time of an exchange back instead of waiting. */
const backdateRotation = (refresh: string) =>
  world.asOwner(
    `update acme.refresh_tokens set rotated_at = rotated_at - interval '11 seconds' where id = $1`,
    [claimsOf(refresh).jti],
  );

const BLACKLISTED = { detail: 'Token is blacklisted', code: 'token_not_valid' };

async function assertSessionEnded(t: ExecutionContext, pairs: readonly Pair[]): Promise<void> {
  for (const { access, refresh } of pairs) {
    t.deepEqual((await refreshWith(service, ACME, refresh)).body, BLACKLISTED);
    const { status, body } = await me(service, ACME, access);
    t.deepEqual([status, body.messages?.[0]?.message], [401, 'Token is blacklisted']);
    for (const token of [access, refresh]) {
      const verified = await service.request(ACME, 'POST', '/api/auth/jwt/verify/', { body: { token } });
      t.deepEqual(
        [verified.status, verified.body],
        token === access ? [401, BLACKLISTED] : [400, { non_field_errors: ['Token is blacklisted'] }],
      );
    }
  }
}

test('returns one successor for a refresh token, however many requests arrive at the same time', async (t) => {
  const first = await openPair(service, ACME, 'ann');
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => refreshWith(service, ACME, first.refresh)),
  );
  t.deepEqual(
    answers.map(({ status }) => status),
    Array(20).fill(200),
  );
  t.is(new Set(answers.map(({ body }) => body.refresh)).size, 1);
  t.not(answers[0]?.body.refresh, first.refresh);
  const rows = await world.asOwner('select from acme.refresh_tokens where family = $1', [
    claimsOf(first.refresh).fam,
  ]);
  t.is(rows.length, 2);
  // Every tab can continue with its tokens.
  for (const { body } of answers) {
    t.is((await me(service, ACME, body.access)).status, 200);
  }
  t.is((await refreshWith(service, ACME, answers[7]?.body.refresh)).status, 200);
});

test('returns the same successor to a second request within the grace period', async (t) => {
  const first = await openPair(service, ACME, 'ann');
  const second = await exchange(first.refresh);
  t.is((await exchange(first.refresh)).refresh, second.refresh);
  t.is((await exchange(first.refresh)).refresh, second.refresh);
  t.not((await exchange(second.refresh)).refresh, second.refresh);
});

test('a refresh token reused after the grace period ends the session for every holder', async (t) => {
  const other = await openPair(service, ACME, 'ann');
  const first = await openPair(service, ACME, 'ann');
  const second = await exchange(first.refresh);
  await backdateRotation(first.refresh);
  const { status, headers, body } = await refreshWith(service, ACME, first.refresh);
  t.deepEqual([status, body], [401, BLACKLISTED]);
  t.is(headers['www-authenticate'], 'Bearer realm="api"');
  await assertSessionEnded(t, [first, second]);
  // Another session of the same user continues.
  t.is((await me(service, ACME, other.access)).status, 200);
  t.is((await refreshWith(service, ACME, other.refresh)).status, 200);
});

test('a refresh token whose successor was used ends the session, even within the grace period', async (t) => {
  const first = await openPair(service, ACME, 'ann');
  const second = await exchange(first.refresh);
  const third = await exchange(second.refresh);
  t.deepEqual((await refreshWith(service, ACME, first.refresh)).body, BLACKLISTED);
  await assertSessionEnded(t, [first, second, third]);
});

test('concurrent requests with an old token do not restore a session', async (t) => {
  const first = await openPair(service, ACME, 'ann');
  const second = await exchange(first.refresh);
  await backdateRotation(first.refresh);
  const answers = await Promise.all([
    ...Array.from({ length: 10 }, () => refreshWith(service, ACME, first.refresh)),
    ...Array.from({ length: 10 }, () => refreshWith(service, ACME, second.refresh)),
  ]);
  const given = answers.filter(({ status }) => status === 200).map(({ body }) => body as Pair);
  t.deepEqual(
    answers.filter(({ status }) => status !== 200 && status !== 401).map(({ text }) => text),
    [],
  );
  await assertSessionEnded(t, [first, second, ...given]);
});

test('logging out with an exchanged token ends its session only', async (t) => {
  const other = await openPair(service, ACME, 'ann');
  const first = await openPair(service, ACME, 'ann');
  const second = await exchange(first.refresh);
  const all = await service.request(ACME, 'POST', '/api/auth/jwt/logout_all/', {
    body: { refresh: first.refresh },
  });
  t.deepEqual([all.status, all.body], [401, BLACKLISTED]);
  await assertSessionEnded(t, [first, second]);
  t.is((await me(service, ACME, other.access)).status, 200);
});

test('a refresh keeps the token family and renews every other claim', async (t) => {
  const first = await openPair(service, ACME, 'ann');
  const second = await exchange(first.refresh);
  const [before, after] = [claimsOf(first.refresh), claimsOf(second.refresh)];
  t.is(after.fam, before.fam);
  t.not(after.jti, before.jti);
  t.is(claimsOf(second.access).fam, before.fam);
  t.not(claimsOf(second.access).jti, claimsOf(first.access).jti);
});
