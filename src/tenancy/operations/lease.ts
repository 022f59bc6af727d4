import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import type { OperationFailure, OperationStatus } from './operation.ts';
import type { ClaimedOperation, LeaseHolder } from './queue.ts';

/** What an operation has reported since its last report. */
export type OperationReport = Readonly<{
  lines: ReadonlyArray<Readonly<{ at: Date; text: string }>>;
  progress: Readonly<{ done: number; total: number; text: string | null }> | null;
}>;

async function writeReport(
  client: pg.ClientBase,
  id: string,
  { lines, progress }: OperationReport,
): Promise<void> {
  if (lines.length > 0) {
    await client.query(
      `insert into tenancy.operation_log (operation_id, at, text)
       select $1, l.at, l.text
       from unnest($2::timestamptz[], $3::text[]) with ordinality as l (at, text, place)
       order by l.place`,
      [id, lines.map(({ at }) => at), lines.map(({ text }) => text)],
    );
  }
  if (progress) {
    await client.query(
      `update tenancy.operations as o
       set progress_done = $2, progress_total = $3, progress_text = $4
       where o.id = $1`,
      [id, progress.done, progress.total, progress.text],
    );
  }
}

/**
 * Renews the lease of an operation and stores what it has reported. Returns `lost` if the worker no longer holds it,
 * and `canceling` if an operator has canceled the operation.
 */
export async function renewOperation(
  owner: pg.ClientConfig,
  { holder, leaseSeconds }: LeaseHolder,
  id: string,
  report: OperationReport,
): Promise<'held' | 'canceling' | 'lost'> {
  return withAdminConnection(owner, async (client) => {
    const { rows } = await client.query<{ canceling: boolean }>(
      `update tenancy.operations as o
       set lease_until = now() + make_interval(secs => $3)
       where o.id = $1
         and o.lease_holder = $2
       returning o.cancel_requested_at is not null as canceling`,
      [id, holder, leaseSeconds],
    );
    if (!rows[0]) {
      return 'lost';
    }
    await writeReport(client, id, report);
    return rows[0].canceling ? 'canceling' : 'held';
  });
}

/** How a run of an operation has ended. `queued`: another worker must run it again. */
export type OperationEnd = Readonly<{
  status: Exclude<OperationStatus, 'running'>;
  result: Readonly<Record<string, unknown>> | null;
  error: OperationFailure | null;
}>;

/**
 * Ends an operation, and adds an event to the audit unless its changes have added some. Returns false if the worker no
 * longer holds it.
 */
export async function endOperation(
  owner: pg.ClientConfig,
  { holder }: LeaseHolder,
  { id, kind, tenant, tenant_id: tenantId }: ClaimedOperation,
  report: OperationReport,
  { status, result, error, after }: OperationEnd & Readonly<{ after: Readonly<Record<string, unknown>> }>,
): Promise<boolean> {
  return withAdminConnection(owner, async (client) => {
    const { rowCount } = await client.query(
      `update tenancy.operations as o
       set status = $3,
           result = $4,
           error = $5,
           ended_at = case when $3 = 'queued' then null else clock_timestamp() end,
           attempts = case when $3 = 'queued' then o.attempts - 1 else o.attempts end,
           lease_holder = null,
           lease_until = null
       where o.id = $1
         and o.lease_holder = $2`,
      [id, holder, status, result && JSON.stringify(result), error && JSON.stringify(error)],
    );
    if (rowCount === 0) {
      return false;
    }
    await writeReport(client, id, report);
    if (status !== 'queued') {
      await client.query('select tenancy.record_operation_end($1, $2, $3, $4, $5, $6)', [
        id,
        kind,
        tenantId,
        tenant,
        JSON.stringify({ ...after, outcome: status, ...(error ? { error: error.code } : {}) }),
        status !== 'succeeded',
      ]);
    }
    return true;
  });
}
