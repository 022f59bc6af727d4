import pLimit from 'p-limit';
import { type DatabasePool, sql } from 'slonik';
import { z } from 'zod';

import { chooseDatabase, MAIN } from '../registry/databases.ts';
import { type TenantId, tenantId } from '../registry/tenant.ts';
import type { Placement } from './placement.ts';
import type { TenantTransaction } from './with-tenant.ts';
import { type DoDueWork, type DueTenant, type DueWorker, startWorkLoop } from './work-loop.ts';

/**
 * Starts a worker for one kind of due work. An app marks work with `tenancy.mark_due(kind)` in the transaction that
 * adds it, does it in `work`, and reschedules it with `rescheduleDueWork`.
 */
export type WatchDueWork = (
  options: Readonly<{
    kind: string;
    work: DoDueWork;
    onFailure: (error: unknown, tenant: TenantId | null) => void;
  }>,
) => DueWorker;

const due = z.object({ tenant: tenantId, seen: z.string(), lane: z.number().nullable() }).strict();
type Due = z.infer<typeof due>;
const placed = z.object({ tenant: tenantId, database: z.string().nullable() }).strict();

/** Milliseconds after which work that another process left behind is found. */
const INTERVAL_MS = 5_000;
/** Maximum number of tenants that one query returns. */
const LIMIT = 100;

/** Creates the function with which apps start a worker for a kind of due work, over all databases. */
export function createWatchDueWork({
  placement,
  lookUps,
}: {
  placement: Pick<Placement, 'record'>;
  /** By database name. Each database lists the work of its own tenants. */
  lookUps: Readonly<Record<string, Pick<DatabasePool, 'any'>>>;
}): WatchDueWork {
  /**
   * Only the registry in main decides which database a tenant is in: a tenant that is being moved is
   * not at the target yet.
   */
  const tenantsOf = async (database: string, rows: readonly Due[]): Promise<readonly Due[]> => {
    const found = await chooseDatabase(lookUps, MAIN).any(sql.type(placed)`
      select t.id as tenant, tenancy.database_of(t.id) as database
      from unnest(${sql.array(
        rows.map(({ tenant }) => tenant),
        'uuid',
      )}) as t (id)
    `);
    const ownTenants = new Set(found.filter((one) => one.database === database).map(({ tenant }) => tenant));
    return rows.filter(({ tenant }) => ownTenants.has(tenant));
  };

  // One query at a time: the other connections of the pool are for lookups of hosts.
  const databases = Object.entries(lookUps).map(([name, pool]) => ({ name, pool, limit: pLimit(1) }));

  const findDue = async (kind: string): Promise<readonly DueTenant[]> => {
    const found = await Promise.all(
      databases.map(async ({ name: database, pool, limit }) => {
        const rows = await limit(() =>
          pool.any(sql.type(due)`
            select tenant_id as tenant, marked_at::text as seen, tenancy.lane_of(tenant_id) as lane
            from tenancy.find_due(${kind}, ${LIMIT})
          `),
        );
        const ownRows = database === MAIN ? rows : await tenantsOf(database, rows);
        for (const { tenant, lane } of ownRows) {
          placement.record({ id: tenant, database, lane });
        }
        return ownRows;
      }),
    );
    return found.flat();
  };

  return ({ kind, work, onFailure }) =>
    startWorkLoop({ findDue: () => findDue(kind), work, interval: INTERVAL_MS, onFailure });
}

/**
 * Sets when the tenant's work of a kind is due next: at `nextDue`, or never if null. Runs inside the
 * tenant. Changes nothing if work was added since `seen`.
 */
export async function rescheduleDueWork(
  tx: TenantTransaction,
  { kind, seen, nextDue }: { kind: string; seen: string; nextDue: Date | null },
): Promise<void> {
  await tx.query(sql.type(z.object({}).loose())`
    select tenancy.reschedule_due(${kind}, ${seen}::timestamptz, ${nextDue?.toISOString() ?? null}::timestamptz)
  `);
}
