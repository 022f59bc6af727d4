import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';

import type { Account } from '../users/account-queries.ts';

/** Returns seconds since 1970, as in the token's timestamp. */
const seconds = (now: number): number => Math.floor(now / 1000);

export type Purpose = 'activation' | 'password_reset' | 'username_reset';
type Key = KeyObject | Buffer;
/** Keys of one tenant that are used for links only. The first one signs. */
export type LinkKeys = readonly [Key, ...Key[]];

const sign = (key: Key, parts: readonly unknown[]): string =>
  createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64url');

const isSame = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};

// Everything that a link will change or depends on. When any of it changes, the link is invalid.
const facts = (purpose: Purpose, account: Account, at: number): readonly unknown[] => [
  purpose,
  account.id,
  account.username,
  account.email,
  account.password,
  account.token_version,
  account.is_active,
  account.awaits_activation,
  // A login invalidates links for a new password, but not an activation.
  purpose === 'activation' ? null : account.last_login,
  at,
];

/** Returns the secret half of a link: valid for one purpose, one user of one tenant, and once. */
export function createLinkToken(
  [key]: LinkKeys,
  purpose: Purpose,
  account: Account,
  now: number = Date.now(),
): string {
  const at = seconds(now);
  return `${at.toString(36)}-${sign(key, facts(purpose, account, at))}`;
}

/**
 * Whether `token` was created for this purpose, at most `timeout` seconds ago, and the account has
 * not changed since.
 */
export function isLinkToken(
  keys: LinkKeys,
  token: string,
  {
    purpose,
    account,
    timeout,
    now = Date.now(),
  }: { purpose: Purpose; account: Account; timeout: number; now?: number },
): boolean {
  const [, stamp = '', mac = ''] = /^([0-9a-z]{1,9})-([\w-]{43})$/.exec(token) ?? [];
  const at = Number.parseInt(stamp, 36);
  const age = seconds(now) - at;
  return (
    // Only the canonical form of a time is accepted, so a token has one spelling.
    at.toString(36) === stamp &&
    age >= -60 &&
    age <= timeout &&
    keys.some((key) => isSame(mac, sign(key, facts(purpose, account, at))))
  );
}

const MARK = 12;
/** Maximum characters: 18 digits, a dot and the signature, in base64. */
const MAX_UID = 44;
const markOf = (key: Key, id: string): string => sign(key, ['uid', id]).slice(0, MARK);

/**
 * Returns the half that names the user. It is signed too: otherwise guessing IDs would reveal the
 * number of users.
 */
export const createUid = ([key]: LinkKeys, id: number): string =>
  Buffer.from(`${id}.${markOf(key, String(id))}`).toString('base64url');

/** Returns the user's ID, or null for a text that `createUid` did not create. */
export function readUid(keys: LinkKeys, uid: string): string | null {
  const decoded = Buffer.from(uid.slice(0, MAX_UID), 'base64url');
  // Node ignores characters that do not complete a byte. Only the canonical form is accepted.
  if (decoded.toString('base64url') !== uid) {
    return null;
  }
  const [, id = '', mark = ''] = /^(\d{1,18})\.([\w-]+)$/.exec(decoded.toString('latin1')) ?? [];
  return id !== '' && keys.some((key) => isSame(mark, markOf(key, id))) ? id : null;
}
