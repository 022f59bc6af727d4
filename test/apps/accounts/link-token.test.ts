import { randomBytes } from 'node:crypto';
import test from 'ava';
import {
  createLinkToken,
  createUid,
  isLinkToken,
  type LinkKeys,
  type Purpose,
  readUid,
} from '../../../src/apps/accounts/mail/link-token.ts';
import type { Account } from '../../../src/apps/accounts/users/account-queries.ts';
import fc from '../../helpers/fast-check.ts';

const keys: LinkKeys = [randomBytes(32)];
const ann: Account = {
  id: 7,
  username: 'ann',
  email: 'ann@example.com',
  first_name: '',
  last_name: '',
  password: '$argon2id$x',
  is_active: true,
  is_staff: false,
  is_superuser: false,
  awaits_activation: false,
  token_version: 3,
  last_login: '1795500000.123456',
};
const PURPOSES: readonly Purpose[] = ['activation', 'password_reset', 'username_reset'];
const now = 1_795_500_000_000;
const check = (token: string, facts: Partial<Parameters<typeof isLinkToken>[2]> = {}, by = keys) =>
  isLinkToken(by, token, { purpose: 'password_reset', account: ann, timeout: 3600, now, ...facts });

test('a link is valid for its purpose and its user until it expires', (t) => {
  const token = createLinkToken(keys, 'password_reset', ann, now);
  t.true(check(token));
  t.true(check(token, { now: now + 3_600_000 }));
  t.false(check(token, { now: now + 3_601_000 }));
  t.false(check(token, { now: now - 120_000 }), 'from the future');
  t.false(check(token, { account: { ...ann, id: 8 } }));
  for (const purpose of PURPOSES) {
    t.is(check(token, { purpose }), purpose === 'password_reset');
  }
});

test('a link becomes invalid by the change it makes, and by every change that must invalidate it', (t) => {
  const changes: Partial<Account>[] = [
    { password: '$argon2id$y' },
    { token_version: 4 },
    { email: 'other@example.com' },
    { username: 'anna' },
    { last_login: '1795500001.000000' },
    { is_active: false },
    { awaits_activation: true },
  ];
  const token = createLinkToken(keys, 'password_reset', ann, now);
  for (const change of changes) {
    t.false(check(token, { account: { ...ann, ...change } }), JSON.stringify(change));
  }
  const activation = createLinkToken(keys, 'activation', ann, now);
  t.true(check(activation, { purpose: 'activation', account: { ...ann, last_login: null } }));
});

test('rejects a link of another key, and accepts one of the previous key while that is configured', (t) => {
  const token = createLinkToken(keys, 'password_reset', ann, now);
  const other: LinkKeys = [randomBytes(32)];
  t.false(check(token, {}, other));
  t.true(check(token, {}, [other[0], keys[0]]));
});

test('rejects a link with any changed character', (t) => {
  const token = createLinkToken(keys, 'password_reset', ann, now);
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.constantFrom(...'abcXYZ019-_.'), (at, character) => {
      const changed = `${token.slice(0, at)}${character}${token.slice(at + 1)}`;
      t.is(check(changed), changed === token);
    }),
  );
  for (const bad of ['', '-', 'x', `${token}x`, token.slice(1), `0${token}`, token.toUpperCase()]) {
    t.false(check(bad), bad);
  }
});

test('a uid identifies the user it was created for, and a guessed uid identifies no user', (t) => {
  t.is(readUid(keys, createUid(keys, 7)), '7');
  t.is(readUid([randomBytes(32)], createUid(keys, 7)), null);
  // Node ignores a final character that does not complete a byte. The length of the id decides whether there is one.
  for (const id of [7, 17, 170]) {
    for (const extra of ['x', 'A', '=', ' ', '!']) {
      t.is(readUid(keys, `${createUid(keys, id)}${extra}`), null, `${id}${extra}`);
    }
  }
  const plain = (text: string) => Buffer.from(text).toString('base64url');
  for (const guess of [
    '',
    'Nw',
    plain('7'),
    plain('7.'),
    plain('7.abcdefghijkl'),
    plain('7.x.y'),
    '\0',
    '💥',
  ]) {
    t.is(readUid(keys, guess), null, guess);
  }
  fc.assert(fc.property(fc.string(), (guess) => t.is(readUid(keys, guess), null)));
});
