import koaJwt from 'koa-jwt';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';

import type { EntryStatement } from '../../db/entry.ts';
import { DomainError } from '../../errors.ts';
import { type AppSecrets, issuerOf, signingKeys } from '../../tenancy/signing-key.ts';
import type { AccessClaims, AppMiddleware, Context, State } from '../state.ts';
import { TokenNotValid } from '../token-not-valid.ts';

const accessClaims = z.object({
  token_type: z.literal('access'),
  user_id: z.string().regex(/^\d{1,18}$/),
  jti: z.string(),
  ver: z.number().int(),
  exp: z.number(),
  iss: z.string(),
  aud: z.string(),
});

/**
 * The token of a Bearer header, or null where none was tried.
 *
 * @throws DomainError `bad_authorization_header` for a Bearer header of any other form
 */
function bearerToken(ctx: Pick<Context, 'get'>): string | null {
  const [scheme, token, ...rest] = ctx.get('Authorization').trim().split(/\s+/);
  if (scheme?.toLowerCase() !== 'bearer') {
    return null;
  }
  if (!token || rest.length > 0) {
    throw new DomainError(
      'bad_authorization_header',
      'Authorization header must contain two space-delimited values',
    );
  }
  return token;
}

/**
 * Verifies the access token with the key of the tenant that the host led to: a
 * token of another tenant is noise. Leaves the claims, and a guard that checks
 * the user's row inside the request's own transaction.
 *
 * koa-jwt verifies; what it verified is remembered until it expires, because
 * each verification costs more than the rest of the request's work in Node.
 */
export function authenticate({
  secrets,
  userGuard,
  remember = 10_000,
}: {
  secrets: AppSecrets;
  userGuard: (claims: AccessClaims, state: State) => EntryStatement;
  remember?: number;
}): AppMiddleware {
  const verified = new LRUCache<string, { claims: AccessClaims; expires: number }>({ max: remember });
  const verify = koaJwt({
    secret: 'never used: ctx.state.secret holds the key of the request',
    algorithms: ['HS256'],
    getToken: (ctx) => ctx.state.bearer as string,
    key: 'jwt',
  });

  const readClaims = async (
    ctx: Context,
    token: string,
  ): Promise<{ claims: AccessClaims; expires: number }> => {
    const { tenant } = ctx.state;
    ctx.state.bearer = token;
    ctx.state.secret = [...signingKeys(secrets, tenant)];
    try {
      await verify(ctx as never, async () => {});
    } catch (error) {
      const reason = (error as { originalError?: Error }).originalError?.name;
      throw new TokenNotValid(reason === 'TokenExpiredError' ? 'Token is expired' : 'Token is invalid', {
        cause: error,
      });
    } finally {
      ctx.state.secret = null;
    }
    const claims = accessClaims.safeParse(ctx.state.jwt);
    if (!claims.success || claims.data.aud !== tenant.id || claims.data.iss !== issuerOf(tenant)) {
      const type = (ctx.state.jwt as { token_type?: unknown } | undefined)?.token_type;
      throw new TokenNotValid(
        type !== 'access' && type !== undefined ? 'Token has wrong type' : 'Token is invalid',
      );
    }
    const { user_id: userId, jti, ver: version, exp } = claims.data;
    return { claims: { userId, jti, version }, expires: exp * 1000 };
  };

  return async function authenticate(ctx, next) {
    const token = bearerToken(ctx);
    if (token === null) {
      throw new DomainError('not_authenticated', 'Authentication credentials were not provided.');
    }
    const { tenant } = ctx.state;
    const name = `${tenant.id}.${tenant.keyGeneration}.${token}`;
    let known = verified.get(name);
    if (!known || known.expires <= Date.now()) {
      known = await readClaims(ctx, token);
      verified.set(name, known);
    }
    ctx.state.claims = known.claims;
    ctx.state.guards.push(userGuard(known.claims, ctx.state));
    await next();
  };
}
