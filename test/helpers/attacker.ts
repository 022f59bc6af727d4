import { createHmac, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import pg from 'pg';

import { issuerOf, type KeyUse, tenantKeys } from '../../src/tenancy/registry/signing-key.ts';
import { type Answer, PASSWORD, SECRETS, type TestService, until } from './server.ts';
import type { Member, World } from './world.ts';

export type Pair = Readonly<{ access: string; refresh: string }>;
export type Link = Readonly<{ uid: string; token: string }>;
export type Claims = jwt.JwtPayload & Readonly<{ fam: string; jti: string }>;

/** Returns a tenant's key, which an attacker does not have. Tests use it to forge tokens with a single defect. */
export const keyOf = (member: Pick<Member, 'id'>, use: KeyUse = 'token', generation = 1): KeyObject =>
  tenantKeys(SECRETS, { id: member.id as Member['id'], keyGeneration: generation }, use)[0];

export const claimsOf = (token: string): Claims => jwt.decode(token) as Claims;

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Returns a token with any header, also one that JWT libraries would not sign. */
export function signAs(
  header: object,
  claims: object,
  key: KeyObject | Buffer | string | null,
  hash = 'sha256',
): string {
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${key === null ? '' : createHmac(hash, key).update(signed).digest('base64url')}`;
}

/** Returns an issued token with changed claims (undefined removes one), signed with the right key. */
export function altered(member: Pick<Member, 'id'>, token: string, changes: Record<string, unknown> = {}) {
  const claims = { ...claimsOf(token), iss: issuerOf(member as Member), aud: member.id, ...changes };
  return signAs({ alg: 'HS256', typ: 'JWT', kid: '1' }, JSON.parse(JSON.stringify(claims)), keyOf(member));
}

export async function openPair(
  service: TestService,
  host: string,
  username: string,
  password = PASSWORD,
): Promise<Pair> {
  const { status, body, text } = await service.request(host, 'POST', '/api/auth/jwt/create/', {
    body: { username, password },
  });
  if (status !== 200) {
    throw new Error(`Login of ${username} at ${host} returned ${status}: ${text}`);
  }
  return body;
}

/** Logs in at /token/login/ and returns the key. */
export async function openKey(service: TestService, host: string, username: string): Promise<string> {
  const { body } = await service.request(host, 'POST', '/api/auth/token/login/', {
    body: { username, password: PASSWORD },
  });
  return body.auth_token;
}

export const me = (service: TestService, host: string, token: string): Promise<Answer> =>
  service.request(host, 'GET', '/api/auth/users/me/', { token });

export const refreshWith = (service: TestService, host: string, refresh: string): Promise<Answer> =>
  service.request(host, 'POST', '/api/auth/jwt/refresh/', { body: { refresh } });

/** Waits for the newest mail with a link to an address, and returns the two parts of the link. */
export async function nextLink(service: TestService, to: string, after = 0): Promise<Link> {
  const mails = await until(
    async () => service.mails.slice(after).filter((mail) => mail.to === to && mail.link),
    (found) => found.length > 0,
  );
  const [uid, token] = mails.at(-1)?.link?.split('/').slice(-2) ?? [];
  if (!uid || !token) {
    throw new Error(`No link was sent to ${to}`);
  }
  return { uid, token };
}

/** Opens a superuser connection, for a transaction that blocks others. */
export async function openBlockingConnection(world: World): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: world.ownerUrl, application_name: 'bystander' });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Waits until `count` statements of the service wait for a lock, or `meanwhile` has settled. */
export async function waitUntilBlocked(
  world: World,
  count: number,
  meanwhile?: Promise<unknown>,
): Promise<void> {
  let ended = false;
  meanwhile?.then(
    () => {
      ended = true;
    },
    () => {
      ended = true;
    },
  );
  await until(
    async () =>
      world.asOwner(
        `select pid from pg_stat_activity
         where datname = current_database() and usename = $1 and wait_event_type = 'Lock'`,
        [world.service],
      ),
    (rows) => ended || rows.length >= count,
  );
}
