import { setTimeout as wait } from 'node:timers/promises';

import type { SettingsOf } from '../../tenancy/context/settings-of.ts';
import { type RequestLimit, tooManyRequests } from '../rate-limit/request-limit.ts';
import type { AppMiddleware } from '../state.ts';

/**
 * Maximum milliseconds before a rejection is sent. The minimum is a third of it. A client that
 * retries immediately is limited to about one request a second for each connection. The delay is
 * random, so that many rejections are not sent in the same moment.
 */
const MAX_DELAY_MS = 1_500;
/** Maximum delayed rejections of all tenants: each holds a socket. Further ones are sent immediately. */
const MAX_DELAYED = 1_000;

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
  let delayed = 0;
  const pause = async (): Promise<void> => {
    if (delayed < MAX_DELAYED) {
      delayed += 1;
      await wait(MAX_DELAY_MS * (1 / 3 + (2 / 3) * Math.random())).finally(() => {
        delayed -= 1;
      });
    }
  };

  return async function limitTenant(ctx, next) {
    const { tenant } = ctx.state;
    const settings = await settingsOf(tenant);
    ctx.state.limits = {
      statementTimeout: settings.STATEMENT_TIMEOUT,
      idleTimeout: settings.IDLE_IN_TRANSACTION_TIMEOUT,
      concurrency: settings.TENANT_CONCURRENCY || null,
      responseBytes: settings.MAX_RESPONSE_BYTES,
      resultBytes: settings.MAX_RESULT_BYTES,
      searchLength: settings.MAX_SEARCH_LENGTH,
      searchWords: settings.MAX_SEARCH_WORDS,
      filterValues: settings.MAX_FILTER_VALUES,
    };
    if (settings.TENANT_REQUESTS_PER_MINUTE > 0) {
      const allowance = await requests.spend(tenant.id, settings.TENANT_REQUESTS_PER_MINUTE);
      ctx.set('RateLimit-Limit', String(allowance.limit));
      ctx.set('RateLimit-Remaining', String(Math.max(0, allowance.remaining)));
      ctx.set('RateLimit-Reset', String(allowance.reset));
      if (allowance.remaining < 0) {
        onHit();
        await pause();
        throw tooManyRequests(allowance);
      }
    }
    await next();
  };
}
