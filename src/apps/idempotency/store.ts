import { sql } from 'slonik';
import { z } from 'zod';

import type { Claim, IdempotencyStore } from '../../http/idempotency.ts';
import type { SettingsOf } from '../../tenancy/context/settings-of.ts';
import { IDEMPOTENCY_WORK } from './purge.ts';
import type { IdempotencySettings } from './settings.ts';

const claimed = z
  .object({
    outcome: z.enum(['new', 'completed', 'mismatch', 'in_progress', 'too_many']),
    status: z.number().nullable(),
    headers: z.record(z.string(), z.string()).nullable(),
    body: z.string().nullable(),
  })
  .strict();

/** Creates the store of keys in the tenants' table `idempotency_keys`. */
export function createStore(dependencies: Readonly<{ settingsOf: SettingsOf<unknown> }>): IdempotencyStore {
  const settingsOf = dependencies.settingsOf as SettingsOf<IdempotencySettings>;
  return {
    claim: async (tx, { tenant, userId, key, fingerprint }): Promise<Claim> => {
      const { IDEMPOTENCY_KEY_LIFETIME: lifetime, IDEMPOTENCY_KEYS_PER_USER: most } =
        await settingsOf(tenant);
      const found = await tx.maybeOne(sql.type(claimed)`
        select outcome, status, headers, body
        from claim_idempotency_key(
          ${userId},
          ${key},
          ${sql.binary(fingerprint)},
          make_interval(secs => ${lifetime}),
          ${most}
        )
      `);
      // No row: a purge has deleted the key in between.
      const { outcome, status, headers, body } = found ?? {
        outcome: 'in_progress' as const,
        status: null,
        headers: null,
        body: null,
      };
      return outcome === 'completed'
        ? { outcome, response: { status, headers: headers ?? {}, body } }
        : { outcome };
    },

    complete: async (tx, { tenant, userId, key }, { status, headers, body }) => {
      const { IDEMPOTENCY_RESPONSE_BYTES: most } = await settingsOf(tenant);
      const isStored = Buffer.byteLength(body ?? '') <= most;
      // One mark an hour is enough for the purge, and most requests lock no row of the list.
      await tx.query(sql.type(z.object({}).loose())`
        with completed as (
          update idempotency_keys
          set
            status = ${isStored ? status : null},
            headers = ${JSON.stringify(isStored ? headers : {})}::jsonb,
            body = ${isStored ? body : null}
          where user_id = ${userId}
            and key = ${key}
        )
        select tenancy.mark_due(${IDEMPOTENCY_WORK})
        where not exists (
          select
          from idempotency_keys
          where created_at > now() - interval '1 hour'
            and created_at < now()
        )
      `);
    },
  };
}
