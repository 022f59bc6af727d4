import jwt from 'jsonwebtoken';
import { createLinkToken, createUid, type Purpose } from '../../../src/apps/accounts/mail/link-token.ts';
import { findAccount } from '../../../src/apps/accounts/users/account-queries.ts';
import { seen } from '../../../src/attacks/evaluate.ts';
import type { Wall } from '../../../src/attacks/walls.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { issuerOf } from '../../../src/tenancy/registry/signing-key.ts';
import { keyOf } from '../../helpers/attacker.ts';
import type { Fixture } from '../fixture.ts';
import type { Attack, Category } from './attack.ts';
import { LIST, responseOf, web } from './http.ts';

const OTHER = 'globex.localhost';
const ALL: readonly [Wall, ...Wall[]] = ['key', 'audience', 'guard'];

/** Returns alice's own token with changed claims or header, signed with the key of acme. */
function changed(
  { world }: Fixture,
  token: string,
  claims: Record<string, unknown>,
  options: jwt.SignOptions = {},
): string {
  return jwt.sign({ ...(jwt.decode(token) as object), ...claims }, keyOf(world.acme), options);
}

const unsigned = (token: string, world: Fixture['world']): string => {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { ...(jwt.decode(token) as object), aud: world.globex.id, iss: issuerOf(world.globex) };
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`;
};

/** Reads globex's list with the token that `make` returns for alice's token. */
const reads = (
  id: string,
  what: string,
  walls: Attack['walls'],
  make: (fixture: Fixture, token: string) => string | Promise<string>,
): Attack =>
  web(`token-${id}`, `another tenant's list is not read with ${what}`, walls, async (fixture, token) =>
    responseOf(fixture, OTHER, 'GET', LIST, { token: await make(fixture, token) }),
  );

/** Requests that take alice's tokens in their body. */
const POSITIONS: ReadonlyArray<
  readonly [id: string, what: string, method: string, path: string, field: 'access' | 'refresh']
> = [
  ['refresh', 'exchanged', 'POST', '/api/auth/jwt/refresh/', 'refresh'],
  ['verify', 'verified', 'POST', '/api/auth/jwt/verify/', 'access'],
  ['logout', 'used to log out', 'POST', '/api/auth/jwt/logout/', 'refresh'],
  ['logout-all', 'used to end all sessions of a user', 'POST', '/api/auth/jwt/logout_all/', 'refresh'],
  ['impersonate', 'used to impersonate a user', 'POST', '/api/auth/jwt/impersonate/', 'access'],
];

/** Follows a link that is signed with acme's key, about an account of globex. */
const link = (id: string, purpose: Purpose, fresh: object): Attack =>
  web(`token-link-${id}`, `a link of one tenant changes no ${id} of another`, ['key'], async (fixture) => {
    const { world } = fixture;
    // Before the account is read: the signature of a link covers the last login.
    await fixture.tokens();
    const [row] = await world.asOwner<{ id: string }>(`select id from globex.users where username = 'hank'`);
    const account = await withTenant(
      world.tenantDatabase,
      { tenant: world.globex.id, readOnly: true },
      (tx) => findAccount(tx, row?.id ?? ''),
    );
    if (!account) {
      throw new TypeError('The account of the attack does not exist.');
    }
    const keys = [keyOf(world.acme, 'link')] as const;
    const { status, text } = (await responseOf(
      fixture,
      OTHER,
      'POST',
      `/api/auth/users/reset_${id}_confirm/`,
      {
        body: {
          uid: createUid(keys, account.id),
          token: createLinkToken(keys, purpose, account),
          ...fresh,
        },
      },
    )) as { status: number; text: string };
    return status < 300 ? seen(`followed: ${text}`) : text;
  });

export const tokens: Category = {
  title: 'Tokens across tenants',
  attacks: [
    reads('bearer', 'its own token', ALL, (_fixture, token) => token),
    reads(
      'relabeled',
      'its own token with the claims of the other tenant',
      ['key', 'guard'],
      ({ world, ...fixture }, token) =>
        changed({ world, ...fixture }, token, { aud: world.globex.id, iss: issuerOf(world.globex) }),
    ),
    reads('kid', "a token with the other tenant's key id", ALL, (fixture, token) =>
      changed(fixture, token, {}, { keyid: '1' }),
    ),
    reads('none', 'an unsigned token', ['key', 'guard'], ({ world }, token) => unsigned(token, world)),
    reads('refresh-as-access', 'a refresh token', ALL, async (fixture) => (await fixture.tokens()).refresh),
    web('token-cookie', "another tenant's list is not read with a cookie of its own", ALL, (fixture, token) =>
      responseOf(fixture, OTHER, 'GET', LIST, {
        headers: { Cookie: `refresh=${token}; __Host-refresh=${token}; access=${token}` },
      }),
    ),
    web('token-query', "another tenant's list is not read with a token in the query", ALL, (fixture, token) =>
      responseOf(fixture, OTHER, 'GET', `${LIST}?access_token=${token}&token=${token}`),
    ),
    web(
      'token-key-scheme',
      "another tenant's list is not read with a key of its own",
      ['guard'],
      (fixture, token) =>
        responseOf(fixture, OTHER, 'GET', LIST, { headers: { Authorization: `Token ${token}` } }),
    ),
    web(
      'token-write',
      "its own token cannot change another's row",
      ALL,
      (fixture, token) =>
        responseOf(fixture, OTHER, 'PATCH', `${LIST}1/`, { token, body: { name: 'changed' } }),
      'change',
    ),
    web(
      'token-delete',
      "its own token cannot delete another's row",
      ALL,
      (fixture, token) => responseOf(fixture, OTHER, 'DELETE', `${LIST}1/`, { token }),
      'change',
    ),
    {
      ...web(
        'token-create',
        'its own token cannot create a row of another',
        ALL,
        async (fixture, token) => {
          await responseOf(fixture, OTHER, 'POST', LIST, { token, body: { name: 'planted' } });
          return (await fixture.world.asOwner(
            `delete from globex.attack_notes where name = 'planted' returning 'canary-8d1f3c' as planted`,
          )) as unknown;
        },
        'change',
      ),
      // A rolled back insert advances the sequence.
      victimWrites: true,
    },
    link('password', 'password_reset', { new_password: 'another quite long password' }),
    link('username', 'username_reset', { new_username: 'taken' }),
    ...POSITIONS.map(([id, what, method, path, field]) =>
      web(`token-${id}`, `its own token cannot be ${what} at another tenant`, ALL, async (fixture, token) => {
        const value = field === 'access' ? token : (await fixture.tokens()).refresh;
        const { status, text } = (await responseOf(fixture, OTHER, method, path, {
          body: { refresh: value, token: value },
        })) as { status: number; text: string };
        return status < 300 ? seen(`accepted: ${text}`) : text;
      }),
    ),
  ],
};
