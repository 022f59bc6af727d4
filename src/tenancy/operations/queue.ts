import type pg from 'pg';
import { z } from 'zod';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { lockKey } from '../../db/admin/session-lock.ts';
import type { Dump } from './fleet-views.ts';
import type { OperationKind } from './operation-kind.ts';

/** Maximum number of times that an operation is started, if its workers are killed. */
const MAX_ATTEMPTS = 5;

const claimed = z.object({
  id: z.uuid(),
  kind: z.string(),
  tenant: z.string().nullable(),
  tenant_id: z.uuid().nullable(),
  /** The tenant that had the schema name when the operation was requested. */
  requested_tenant_id: z.uuid().nullable(),
  sealed: z.string(),
  seal: z.string(),
  actor: z.string(),
  address: z.string().nullable(),
  attempts: z.number(),
});

/** An operation that this worker has claimed and must run. */
export type ClaimedOperation = Readonly<z.infer<typeof claimed>>;

/** A worker that runs operations, and the seconds after which it counts as killed. */
export type LeaseHolder = Readonly<{ holder: string; leaseSeconds: number }>;

/**
 * Ends the operations of killed workers. An operation that an operator has canceled is canceled. Otherwise it is queued
 * again if its kind is repeatable, and fails if not.
 */
async function releaseExpired(client: pg.ClientBase, kinds: readonly OperationKind[]): Promise<void> {
  await client.query(
    `with expired as (
       select
         o.id,
         case
           when o.cancel_requested_at is not null then 'canceled'
           when k.repeatable and o.attempts < $3 then 'queued'
           else 'failed'
         end as status,
         k.hint
       from tenancy.operations as o
       left join jsonb_to_recordset($1::jsonb) as k (kind text, repeatable boolean, hint text) on k.kind = o.kind
       where o.status = 'running'
         and o.lease_until < now()
       for update of o skip locked
     ),
     logged as (
       insert into tenancy.operation_log (operation_id, text)
       select e.id, $2
       from expired as e
     )
     update tenancy.operations as o
     set status = e.status,
         ended_at = case when e.status = 'queued' then null else now() end,
         error = case
           when e.status = 'failed' then
             jsonb_build_object('code', 'operation_interrupted', 'message', $2, 'hint', e.hint)
         end,
         lease_holder = null,
         lease_until = null
     from expired as e
     where o.id = e.id`,
    [
      JSON.stringify(
        kinds.map(({ kind, repeatable, afterInterruption }) => ({
          kind,
          repeatable,
          hint: afterInterruption,
        })),
      ),
      'The worker ended before the operation did.',
      MAX_ATTEMPTS,
    ],
  );
}

/**
 * Records that this worker looks for operations and which dumps it has, and deletes the rows of workers that ended a
 * day ago.
 */
export async function markWorker(
  owner: pg.ClientConfig,
  { holder }: Pick<LeaseHolder, 'holder'>,
  dumps: readonly Dump[] | null,
): Promise<void> {
  await withAdminConnection(owner, async (client) => {
    await client.query(
      `insert into tenancy.workers (holder, seen_at, dumps)
       values ($1, now(), $2)
       on conflict on constraint workers_pkey do update
         set seen_at = excluded.seen_at,
             dumps = excluded.dumps`,
      [holder, dumps && JSON.stringify(dumps)],
    );
    await client.query(`delete from tenancy.workers as w where w.seen_at < now() - interval '1 day'`);
  });
}

/**
 * Claims the oldest queued operation whose tenant has no running one. Operations of kinds that this release
 * does not have stay queued. Null: none.
 */
export async function claimOperation(
  owner: pg.ClientConfig,
  { holder, leaseSeconds }: LeaseHolder,
  kinds: readonly OperationKind[],
): Promise<ClaimedOperation | null> {
  return withAdminConnection(owner, async (client) => {
    // Two workers could otherwise claim two operations of one tenant.
    await client.query('select pg_catalog.pg_advisory_xact_lock($1)', [lockKey('koa-tenants operations')]);
    await releaseExpired(client, kinds);
    const { rows } = await client.query(
      `update tenancy.operations as o
       set status = 'running',
           attempts = o.attempts + 1,
           started_at = now(),
           lease_holder = $1,
           lease_until = now() + make_interval(secs => $2)
       where o.id = (
         select w.id
         from tenancy.operations as w
         where w.status = 'queued'
           and w.kind = any ($3::text[])
           and not exists (
             select
             from tenancy.operations as r
             where r.status = 'running'
               and r.schema_name = w.schema_name
           )
         order by w.created_at, w.id
         limit 1
       )
       returning
         o.id, o.kind, o.schema_name as tenant, o.sealed, o.seal, o.actor, o.address, o.attempts,
         o.tenant_id as requested_tenant_id,
         (select t.id from public.tenants as t where t.schema_name = o.schema_name) as tenant_id`,
      [holder, leaseSeconds, kinds.map(({ kind }) => kind)],
    );
    return rows[0] ? claimed.parse(rows[0]) : null;
  });
}

/** Deletes operations that ended more than `days` days ago. Returns their number. */
export async function deleteOldOperations(owner: pg.ClientConfig, days: number): Promise<number> {
  return withAdminConnection(owner, async (client) => {
    const { rowCount } = await client.query(
      'delete from tenancy.operations as o where o.ended_at < now() - make_interval(days => $1)',
      [days],
    );
    return rowCount ?? 0;
  });
}
