import koaJwt from 'koa-jwt';
import { z } from 'zod';
import type { EntryStatement } from '../../../db/driver/entry.ts';
import { createGrowingCache } from '../../../growing-cache.ts';
import type { Authentication } from '../../../http/authentication.ts';
import { readAuthorization } from '../../../http/authorization.ts';
import { setCaller } from '../../../http/permissions.ts';
import type { AccessClaims, Caller, CallerRights, Context } from '../../../http/state.ts';
import { TokenNotValid } from '../../../http/token-not-valid.ts';
import type { SettingsOf } from '../../../tenancy/context/settings-of.ts';
import { type AppSecrets, issuerOf, signingKeys } from '../../../tenancy/registry/signing-key.ts';
import type { ResolvedTenant } from '../../../tenancy/registry/tenant.ts';
import type { AccountSettings } from '../settings.ts';

const accessClaims = z.object({
  token_type: z.literal('access'),
  user_id: z.string().regex(/^\d{1,18}$/),
  jti: z.string(),
  ver: z.number().int(),
  fam: z.uuid(),
  act: z.object({ sub: z.string() }).optional(),
  exp: z.number(),
  iss: z.string(),
  aud: z.string(),
});

type Known = Readonly<{ claims: AccessClaims; expires: number }>;

/** How a token is verified. The isolation suite replaces `keysOf` or `isIssuedFor` with a weaker function, to show what each prevents. */
type Verification = Readonly<{
  secrets: AppSecrets;
  keysOf: typeof signingKeys;
  isIssuedFor: (claims: Readonly<{ aud: string; iss: string }>, tenant: ResolvedTenant) => boolean;
}>;

/** A verified token, and everything that its verification depended on. */
type Verified = Known & Readonly<{ tenant: string; keyGeneration: number; leeway: number }>;

/** Creates one koa-jwt verifier for each leeway. koa-jwt fixes its leeway on creation, and tenants may differ. */
function createVerifiers(): (leeway: number) => ReturnType<typeof koaJwt> {
  const verifiers = new Map<number, ReturnType<typeof koaJwt>>();
  return (leeway) => {
    const verifier =
      verifiers.get(leeway) ??
      koaJwt({
        secret: 'never used: ctx.state.secret holds the key of the request',
        algorithms: ['HS256'],
        clockTolerance: leeway,
        getToken: (ctx) => ctx.state.bearer as string,
        key: 'jwt',
      } as Parameters<typeof koaJwt>[0]);
    verifiers.set(leeway, verifier);
    return verifier;
  };
}

/**
 * Creates the function that verifies a token of the request's tenant, and returns its claims.
 *
 * @throws TokenNotValid
 */
function createVerifyToken({
  secrets,
  keysOf,
  isIssuedFor,
}: Verification): (ctx: Context, token: string, leeway: number) => Promise<Known> {
  const verifierOf = createVerifiers();

  return async (ctx, token, leeway) => {
    const { tenant } = ctx.state;
    ctx.state.bearer = token;
    ctx.state.secret = [...keysOf(secrets, tenant)];
    try {
      await verifierOf(leeway)(ctx as never, async () => {});
    } catch (error) {
      const reason = (error as { originalError?: Error }).originalError?.name;
      throw new TokenNotValid(reason === 'TokenExpiredError' ? 'Token is expired' : 'Token is invalid', {
        cause: error,
      });
    } finally {
      ctx.state.secret = null;
    }
    const claims = accessClaims.safeParse(ctx.state.jwt);
    if (!claims.success || !isIssuedFor(claims.data, tenant)) {
      const type = (ctx.state.jwt as { token_type?: unknown } | undefined)?.token_type;
      throw new TokenNotValid(
        type !== 'access' && type !== undefined ? 'Token has wrong type' : 'Token is invalid',
      );
    }
    const { user_id: userId, ver: version, fam: family, act, exp } = claims.data;
    return {
      claims: { userId, version, family, actor: act?.sub ?? null },
      expires: (exp + leeway) * 1000,
    };
  };
}

/**
 * Verifies the access token with the key of the tenant that the host names. A token of another
 * tenant is invalid. Sets the caller, and a guard that checks the user's row inside the request's
 * own transaction. For `Token <key>` it sets the guard only: the database identifies the user.
 *
 * koa-jwt verifies. The result is cached until the token expires, because a verification costs
 * more than the rest of the request's work in Node.
 */
export function createAuthentication({
  secrets,
  settingsOf,
  userGuard,
  keyGuard,
  maxVerified = 10_000,
  keysOf = signingKeys,
  isIssuedFor = ({ aud, iss }, tenant) => aud === tenant.id && iss === issuerOf(tenant),
}: Pick<Verification, 'secrets'> &
  Partial<Verification> & {
    settingsOf: SettingsOf<Pick<AccountSettings, 'LEEWAY'>>;
    userGuard: (claims: AccessClaims, found: (rights: CallerRights) => void) => EntryStatement;
    keyGuard: (key: string, found: (caller: Caller) => void) => EntryStatement;
    /** Maximum number of verified tokens that are cached. */
    maxVerified?: number;
  }): Pick<Authentication, 'identify'> {
  const verified = createGrowingCache<string, Verified>(maxVerified);
  const verifyToken = createVerifyToken({ secrets, keysOf, isIssuedFor });

  /** Whether the request has credentials. */
  const identify = async (ctx: Context): Promise<boolean> => {
    const given = readAuthorization(ctx);
    const { tenant } = ctx.state;
    if (given?.scheme === 'token') {
      ctx.state.guards.push(keyGuard(given.value, (caller) => setCaller(ctx, caller)));
    } else if (given) {
      const { LEEWAY: leeway } = await settingsOf(tenant);
      let known = verified.get(given.value);
      if (
        known?.tenant !== tenant.id ||
        known.keyGeneration !== tenant.keyGeneration ||
        known.leeway !== leeway ||
        known.expires <= Date.now()
      ) {
        known = {
          ...(await verifyToken(ctx, given.value, leeway)),
          tenant: tenant.id,
          keyGeneration: tenant.keyGeneration,
          leeway,
        };
        verified.set(given.value, known);
      }
      const { claims } = known;
      setCaller(ctx, claims);
      ctx.state.guards.push(userGuard(claims, (rights) => setCaller(ctx, { ...claims, rights })));
    }
    return given !== null;
  };

  return { identify };
}
