import { sql } from 'slonik';
import { z } from 'zod';

import type { StartDependencies } from '../../definition/dependencies.ts';
import { rescheduleDueWork } from '../../tenancy/context/due-work.ts';
import { withTenant } from '../../tenancy/context/with-tenant.ts';
import type { DoDueWork } from '../../tenancy/context/work-loop.ts';
import type { settings } from './settings.ts';

/** The kind of due work that deletes expired keys. */
export const IDEMPOTENCY_WORK = 'idempotency';

/** Maximum keys that one transaction deletes. */
const BATCH = 1_000;

const purged = z.object({ deleted: z.number(), next: z.number().nullable() }).strict();
const own = z.object({ settings: z.record(z.string(), z.unknown()) }).strict();

type Dependencies = Pick<
  StartDependencies<typeof settings>,
  'tenantDatabase' | 'withDefaults' | 'watchDueWork' | 'log' | 'onWorkFailed'
>;

/** Deletes a batch of a tenant's expired keys, and schedules the next deletion. */
export const purgeKeys =
  ({ tenantDatabase, withDefaults }: Pick<Dependencies, 'tenantDatabase' | 'withDefaults'>): DoDueWork =>
  ({ tenant, seen }) =>
    withTenant(tenantDatabase, { tenant, readOnly: false }, async (tx) => {
      const { settings: overrides } = await tx.one(sql.type(own)`
        select settings
        from tenancy.my_tenant()
      `);
      const { IDEMPOTENCY_KEY_LIFETIME: lifetime } = withDefaults({ isSite: false }, overrides);
      const { deleted } = await tx.one(sql.type(purged.pick({ deleted: true }))`
        with expired as (
          select user_id, key
          from idempotency_keys
          where created_at <= now() - make_interval(secs => ${lifetime})
          order by created_at
          limit ${BATCH}
          for update skip locked
        ),
        gone as (
          delete from idempotency_keys as k
          using expired as e
          where k.user_id = e.user_id
            and k.key = e.key
          returning k.key
        )
        select count(*) as deleted
        from gone
      `);
      const { next } = await tx.one(sql.type(purged.pick({ next: true }))`
        select extract(epoch from min(created_at) - now() + make_interval(secs => ${lifetime}))::float8 as next
        from idempotency_keys
      `);
      const more = deleted === BATCH;
      // A minute later, so that one run deletes the keys of a minute.
      const waitSeconds = more ? 0 : next === null ? null : Math.max(0, next) + 60;
      const nextDue = waitSeconds === null ? null : new Date(Date.now() + waitSeconds * 1_000);
      await rescheduleDueWork(tx, { kind: IDEMPOTENCY_WORK, seen, nextDue });
      return { more, failures: [] };
    });

/** Deletes expired keys of all tenants while the service runs. */
export async function startPurge(dependencies: Dependencies): Promise<{ close: () => Promise<void> }> {
  const { watchDueWork, onWorkFailed, log } = dependencies;
  const worker = watchDueWork({
    kind: IDEMPOTENCY_WORK,
    work: purgeKeys(dependencies),
    onFailure: (error, tenant) => {
      onWorkFailed(IDEMPOTENCY_WORK);
      log.warn('expired idempotency keys could not be deleted; it will be retried', {
        tenant,
        reason: error instanceof Error ? error.name : typeof error,
        code: (error as { code?: unknown }).code,
      });
    },
  });
  return { close: worker.close };
}
