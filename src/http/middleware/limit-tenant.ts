import type { SettingsOf } from '../../tenancy/context/settings-of.ts';
import type { TenantSettings } from '../../tenancy/registry/tenant-settings.ts';
import { describeMiddleware } from '../openapi/description.ts';
import { type RequestLimit, tooManyRequests } from '../rate-limit/request-limit.ts';
import type { AppMiddleware, State } from '../state.ts';

type Limits = NonNullable<State['limits']>;

const known = new WeakMap<TenantSettings, Limits>();

/** Returns the limits of settings, which are cached as long as the settings are. */
function limitsOf(settings: TenantSettings): Limits {
  const found = known.get(settings);
  if (found) {
    return found;
  }
  const limits = {
    statementTimeout: settings.STATEMENT_TIMEOUT,
    idleTimeout: settings.IDLE_IN_TRANSACTION_TIMEOUT,
    concurrency: settings.TENANT_CONCURRENCY || null,
    responseBytes: settings.MAX_RESPONSE_BYTES,
    exportTimeout: settings.EXPORT_TIMEOUT,
    resultBytes: settings.MAX_RESULT_BYTES,
    searchLength: settings.MAX_SEARCH_LENGTH,
    searchWords: settings.MAX_SEARCH_WORDS,
    filterValues: settings.MAX_FILTER_VALUES,
  };
  known.set(settings, limits);
  return limits;
}

/**
 * Reads the tenant's limits, and rejects a tenant that has used its requests of the current
 * minute. Runs before authentication and without a database query.
 */
export function limitTenant({
  settingsOf,
  requests,
  onHit,
}: {
  settingsOf: SettingsOf;
  requests: RequestLimit;
  onHit: () => void;
}): AppMiddleware {
  return describeMiddleware({ errors: ['throttled'] }, async function limitTenant(ctx, next) {
    const { tenant } = ctx.state;
    const settings = await settingsOf(tenant);
    ctx.state.limits = limitsOf(settings);
    if (settings.TENANT_REQUESTS_PER_MINUTE > 0) {
      const allowance = await requests.consume(tenant.id, settings.TENANT_REQUESTS_PER_MINUTE);
      ctx.set('RateLimit-Limit', String(allowance.limit));
      ctx.set('RateLimit-Remaining', String(Math.max(0, allowance.remaining)));
      ctx.set('RateLimit-Reset', String(allowance.reset));
      if (allowance.remaining < 0) {
        onHit();
        throw tooManyRequests(allowance);
      }
    }
    await next();
  });
}
