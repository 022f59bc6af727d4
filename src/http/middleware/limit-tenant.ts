import { setTimeout as wait } from 'node:timers/promises';

import type { SettingsOf } from '../../tenancy/context/settings-of.ts';
import { type RequestLimit, tooManyRequests } from '../rate-limit/request-limit.ts';
import type { AppMiddleware } from '../state.ts';

/**
 * Milliseconds before a refusal is answered, a third of them at least: who repeats at
 * once is held to one a second for each connection. Not all at the same moment:
 * a hundred refusals at once would stand in everybody's way.
 */
const PAUSE = 1_500;
/** Refusals that wait at a time, of all tenants: each is an open socket. Others are answered at once. */
const MOST = 1_000;

/**
 * Reads the tenant's limits for what stands below, and refuses who has had its
 * requests of this minute: before anybody is asked who they are, and without a
 * word to the database.
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
  let pausing = 0;
  const pause = async (): Promise<void> => {
    if (pausing < MOST) {
      pausing += 1;
      await wait(PAUSE * (1 / 3 + (2 / 3) * Math.random())).finally(() => {
        pausing -= 1;
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
