import koaCors from '@koa/cors';

import type { SettingsOf } from '../../tenancy/context/settings-of.ts';
import type { TenantStatus } from '../../tenancy/registry/tenant.ts';
import { type CorsSettings, isCorsOrigin } from '../cors-origins.ts';
import type { AppMiddleware } from '../state.ts';

/** Headers of responses that scripts of another origin may read. */
const EXPOSED = [
  'ETag',
  'Idempotent-Replayed',
  'Location',
  'Retry-After',
  'X-Request-Id',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'X-CSRFToken',
];

/** Headers that scripts of another origin may send: those of django-cors-headers, and of conditional requests. */
const ALLOWED = [
  'accept',
  'authorization',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'user-agent',
  'x-csrftoken',
  'x-requested-with',
];

/** Methods that scripts of another origin may use. */
const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

/** The statuses in which a tenant cannot be entered. */
const CLOSED: readonly TenantStatus[] = ['maintenance', 'moving'];

/** Seconds for which a browser keeps the response to a preflight request. */
const MAX_AGE = 86_400;

/**
 * Allows pages of other origins to use the API, by the tenant's CORS_ALLOWED_ORIGINS,
 * CORS_ALLOWED_ORIGIN_REGEXES and CORS_ALLOW_CREDENTIALS. Responds to preflight requests before credentials and the
 * tenant's status are checked. Off without origins.
 *
 * The response names the origin of the request, never `*`, and has `Vary: Origin` also for requests without an Origin.
 *
 * @param defaults apply while the tenant is in maintenance: its own settings cannot be read, and its requests are
 *   rejected with 503, which pages may show
 */
export function cors({
  settingsOf,
  defaults,
}: {
  settingsOf: SettingsOf;
  defaults: CorsSettings;
}): AppMiddleware {
  const createMiddleware = (credentials: boolean): AppMiddleware =>
    koaCors({
      origin: (ctx) => ctx.get('Origin'),
      credentials,
      allowMethods: METHODS,
      allowHeaders: ALLOWED,
      exposeHeaders: EXPOSED,
      maxAge: MAX_AGE,
      // The error handler keeps headers.
      keepHeadersOnError: false,
    }) as unknown as AppMiddleware;
  const withCredentials = createMiddleware(true);
  const withoutCredentials = createMiddleware(false);
  return async function cors(ctx, next) {
    const { tenant } = ctx.state;
    const settings: CorsSettings = CLOSED.includes(tenant.status) ? defaults : await settingsOf(tenant);
    if (isCorsOrigin(settings, ctx.get('Origin'))) {
      // @koa/cors ignores an OPTIONS request that is no preflight request.
      ctx.set('Access-Control-Allow-Origin', ctx.get('Origin'));
      if (settings.CORS_ALLOW_CREDENTIALS) {
        ctx.set('Access-Control-Allow-Credentials', 'true');
      }
      return (settings.CORS_ALLOW_CREDENTIALS ? withCredentials : withoutCredentials)(ctx, next);
    }
    if (settings.CORS_ALLOWED_ORIGINS.length > 0 || settings.CORS_ALLOWED_ORIGIN_REGEXES.length > 0) {
      ctx.vary('Origin');
    }
    return next();
  };
}
