import test from 'ava';
import { createLinkToken, createUid, type Purpose } from '../../../src/apps/accounts/mail/link-token.ts';
import { type Account, findAccount } from '../../../src/apps/accounts/users/account-queries.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { keyOf, type Link, me, nextLink, openPair } from '../../helpers/attacker.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const ACME = 'acme.localhost';
const FRESH = 'another quite long password';
const TIMEOUT = 259_200;

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project });
  service = await serve(world, { SEND_ACTIVATION_EMAIL: 'true', PASSWORD_RESET_TIMEOUT: String(TIMEOUT) });
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const post = (path: string, body: object, token?: string) =>
  service.request(ACME, 'POST', `/api/auth/users/${path}/`, { body, token });

const accountOf = (id: number) =>
  withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
    findAccount(tx, String(id)),
  ) as Promise<Account>;

/** Returns a link as a mail contains it, with any issue time. */
async function linkTo(id: number, purpose: Purpose, { secondsAgo = 0 } = {}): Promise<Link> {
  const key = keyOf(world.acme, 'link');
  const now = Date.now() - secondsAgo * 1000;
  return { uid: createUid([key], id), token: createLinkToken([key], purpose, await accountOf(id), now) };
}

/** Follows a link with the request of its purpose. */
const follow = (purpose: Purpose, link: Link, fresh = FRESH) =>
  purpose === 'activation'
    ? post('activation', link)
    : purpose === 'password_reset'
      ? post('reset_password_confirm', { ...link, new_password: fresh })
      : post('reset_username_confirm', {
          ...link,
          new_username: `renamed${Math.random()}`.replace('0.', ''),
        });

const INVALID = { token: ['Invalid token for given user.'] };
const RESETS = ['password_reset', 'username_reset'] as const;
const PURPOSES = ['activation', ...RESETS] as const;

const awaiting = async (username: string): Promise<{ id: number }> => {
  const user = await makeUser(world, 'acme', username);
  await world.asOwner('update acme.users set is_active = false, awaits_activation = true where id = $1', [
    user.id,
  ]);
  return user;
};
const createRecipient = (purpose: Purpose, username: string) =>
  purpose === 'activation' ? awaiting(username) : makeUser(world, 'acme', username);

for (const purpose of PURPOSES) {
  const [secondStatus, secondBody] =
    purpose === 'activation'
      ? [403, { detail: 'Stale token for given user.', code: 'permission_denied' }]
      : [400, INVALID];

  test(`a link for ${purpose} works once`, async (t) => {
    const { id } = await createRecipient(purpose, `once-${purpose}`);
    const link = await linkTo(id, purpose);
    t.is((await follow(purpose, link)).status, 204);
    const { status, body } = await follow(purpose, link);
    t.deepEqual([status, body], [secondStatus, secondBody]);
  });

  test(`of concurrent requests with one link for ${purpose}, exactly one succeeds`, async (t) => {
    const { id } = await createRecipient(purpose, `many-${purpose}`);
    const link = await linkTo(id, purpose);
    const answers = await Promise.all(Array.from({ length: 6 }, () => follow(purpose, link)));
    const statuses = answers.map(({ status }) => status).sort();
    t.deepEqual(statuses, [204, ...Array(5).fill(secondStatus)]);
  });

  test(`a link for ${purpose} is valid until it expires`, async (t) => {
    const { id } = await createRecipient(purpose, `late-${purpose}`);
    const late = await linkTo(id, purpose, { secondsAgo: TIMEOUT + 5 });
    const early = await linkTo(id, purpose, { secondsAgo: -120 });
    for (const link of [late, early]) {
      const { status, body } = await follow(purpose, link);
      t.deepEqual([status, body], [400, INVALID]);
    }
    // The issue time is signed, so a link with a later one is rejected.
    const [, mac] = late.token.split(/-(.*)/);
    const stamp = Math.floor(Date.now() / 1000).toString(36);
    t.is((await follow(purpose, { ...late, token: `${stamp}-${mac}` })).status, 400);
    t.is((await follow(purpose, await linkTo(id, purpose, { secondsAgo: TIMEOUT - 60 }))).status, 204);
  });

  test(`a link for ${purpose} is valid only for its user`, async (t) => {
    const [one, two] = [
      await createRecipient(purpose, `one-${purpose}`),
      await createRecipient(purpose, `two-${purpose}`),
    ];
    const [link, other] = [await linkTo(one.id, purpose), await linkTo(two.id, purpose)];
    const { status, body } = await follow(purpose, { uid: other.uid, token: link.token });
    t.deepEqual([status, body], [400, INVALID]);
    for (const uid of [
      String(two.id),
      Buffer.from(String(two.id)).toString('base64url'),
      Buffer.from(`${two.id}.${Buffer.from(link.uid, 'base64url').toString().split('.')[1]}`).toString(
        'base64url',
      ),
      `${other.uid}AA`,
      '',
      '\u0661',
      'x'.repeat(10_000),
    ]) {
      const { status, body } = await follow(purpose, { uid, token: other.token });
      t.deepEqual([status, Object.keys(body)], [400, ['uid']], uid.slice(0, 40));
    }
    t.is((await follow(purpose, link)).status, 204);
  });

  test(`rejects a link for ${purpose} on every other route`, async (t) => {
    const { id } = await createRecipient(purpose, `purpose-${purpose}`);
    const link = await linkTo(id, purpose);
    for (const other of PURPOSES.filter((name) => name !== purpose)) {
      const { status, body } = await follow(other, link);
      t.deepEqual([status, body], [400, INVALID], other);
    }
    t.is((await follow(purpose, link)).status, 204);
  });
}

for (const purpose of RESETS) {
  for (const [what, change] of [
    ['password', `password = 'x', token_version = token_version + 1`],
    ['address', `email = 'elsewhere-' || email`],
    ['name', `username = 'elsewhere-' || username`],
    ['status', 'is_active = false'],
    ['last login', 'last_login = now()'],
  ] as const) {
    test(`a link for ${purpose} is invalid after its user has changed: ${what}`, async (t) => {
      const { id } = await makeUser(world, 'acme', `changed-${purpose}-${what.replaceAll(' ', '-')}`);
      const link = await linkTo(id, purpose);
      await world.asOwner(`update acme.users set ${change} where id = $1`, [id]);
      const { status, body } = await follow(purpose, link);
      t.deepEqual([status, body], [400, INVALID]);
    });
  }
}

test('setting a new password by a link invalidates all earlier links and all tokens', async (t) => {
  const { id, username } = await makeUser(world, 'acme', 'several');
  const { access } = await openPair(service, ACME, username);
  const links = [await linkTo(id, 'password_reset', { secondsAgo: 60 }), await linkTo(id, 'username_reset')];
  t.is((await follow('password_reset', await linkTo(id, 'password_reset'))).status, 204);
  t.is((await me(service, ACME, access)).body.code, 'password_changed');
  t.is((await follow('password_reset', links[0] as Link)).status, 400);
  t.is((await follow('username_reset', links[1] as Link)).status, 400);
  await openPair(service, ACME, username, FRESH);
});

test('rejects the current username as the new one, and the link stays valid', async (t) => {
  const { id, username } = await makeUser(world, 'acme', 'the-same');
  const link = await linkTo(id, 'username_reset');
  const change = (name: string) => post('reset_username_confirm', { ...link, new_username: name });
  t.deepEqual((await change(username)).body, { new_username: ['A user with that username already exists.'] });
  t.is((await change('not-the-same')).status, 204);
  t.deepEqual((await change('the-third')).body, INVALID);
});

test('an invalid password or a taken username does not use up the link', async (t) => {
  const { id } = await makeUser(world, 'acme', 'hesitant');
  await makeUser(world, 'acme', 'occupied');
  const link = await linkTo(id, 'password_reset');
  t.deepEqual(Object.keys((await follow('password_reset', link, 'short')).body), ['new_password']);
  t.is((await follow('password_reset', link)).status, 204);
  const rename = await linkTo(id, 'username_reset');
  const taken = await post('reset_username_confirm', { ...rename, new_username: 'OCCUPIED' });
  t.deepEqual(taken.body, { new_username: ['A user with that username already exists.'] });
  t.is((await follow('username_reset', rename)).status, 204);
});

test('a link sent to a former address does not activate the account', async (t) => {
  const after = service.mails.length;
  const body = { username: 'mover', email: 'mover-old@example.com', password: PASSWORD };
  const { status, body: made } = await service.request(ACME, 'POST', '/api/auth/users/', { body });
  t.is(status, 201);
  const old = await nextLink(service, 'mover-old@example.com', after);
  await world.asOwner(`update acme.users set email = 'mover-new@example.com' where id = $1`, [made.id]);
  const { status: refused, body: why } = await follow('activation', old);
  t.deepEqual([refused, why], [400, INVALID]);
  t.is((await post('resend_activation', { email: 'mover-new@example.com' })).status, 204);
  t.is((await follow('activation', await nextLink(service, 'mover-new@example.com', after))).status, 204);
});

test('a changed address must be confirmed before the next login', async (t) => {
  const { username } = await makeUser(world, 'acme', 'unproven');
  const { access } = await openPair(service, ACME, username);
  const after = service.mails.length;
  const changed = await service.request(ACME, 'PATCH', '/api/auth/users/me/', {
    token: access,
    body: { email: 'proven@example.com' },
  });
  t.is(changed.status, 200);
  t.is((await me(service, ACME, access)).body.code, 'user_inactive');
  t.is((await follow('activation', await nextLink(service, 'proven@example.com', after))).status, 204);
  t.is((await me(service, ACME, access)).status, 200);
});

test('no link reactivates a user whom staff deactivated', async (t) => {
  const { id, username } = await makeUser(world, 'acme', 'expelled');
  const { access } = await openPair(service, ACME, username);
  const links = await Promise.all(PURPOSES.map((purpose) => linkTo(id, purpose)));
  await world.asOwner('update acme.users set is_active = false where id = $1', [id]);
  // Forged with the real keys, as current links.
  links.push(...(await Promise.all(PURPOSES.map((purpose) => linkTo(id, purpose)))));
  const after = service.mails.length;
  for (const path of ['resend_activation', 'reset_password', 'reset_username']) {
    t.is((await post(path, { email: `${username}@example.com` })).status, 204);
  }
  for (const link of links) {
    for (const purpose of PURPOSES) {
      await follow(purpose, link);
    }
  }
  await until(
    () => world.asOwner('select from acme.outbox where address = $1', [`${username}@example.com`]),
    (rows) => rows.length === 0,
  );
  t.deepEqual(
    service.mails.slice(after).filter(({ to }) => to === `${username}@example.com`),
    [],
  );
  t.is((await accountOf(id)).is_active, false);
  t.is((await me(service, ACME, access)).status, 401);
});

test('a new address set by staff does not reactivate a user whom staff deactivated', async (t) => {
  const { id } = await makeUser(world, 'acme', 'banned');
  await makeUser(world, 'acme', 'warden', { isSuperuser: true });
  const { access } = await openPair(service, ACME, 'warden');
  await world.asOwner('update acme.users set is_active = false where id = $1', [id]);
  const { status } = await service.request(ACME, 'PATCH', `/api/auth/users/${id}/`, {
    token: access,
    body: { email: 'corrected@example.com' },
  });
  t.is(status, 200);
  t.like(await accountOf(id), { email: 'corrected@example.com', is_active: false, awaits_activation: false });
  t.is((await follow('activation', await linkTo(id, 'activation'))).status, 403);
  t.is((await accountOf(id)).is_active, false);
});
