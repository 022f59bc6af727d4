import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

import type { RequiredMigrations } from './project.ts';

const statistics = z
  .object({
    tenants: z.number(),
    closed: z.number(),
    spares: z.number(),
    behind: z.number(),
    failed: z.number(),
    due: z.array(z.strictObject({ kind: z.string(), waiting: z.number(), overdue: z.number() })),
    clock: z.number(),
  })
  .strict();

/** Statistics of the tenants of one database. Times are in seconds. */
export type TenantStatistics = Readonly<
  Omit<z.infer<typeof statistics>, 'clock'> & {
    /** Clock of this process minus clock of the database, in seconds. */
    clock_difference: number;
  }
>;

/**
 * Reads statistics in one query, which scans the registry: for periodic use and not for requests.
 * Counts due work for `kinds` only.
 */
export async function readStatistics(
  pool: Pick<CommonQueryMethods, 'one'>,
  expected: RequiredMigrations,
  kinds: readonly string[],
): Promise<TenantStatistics> {
  const startedAt = Date.now();
  const { clock, ...found } = await pool.one(sql.type(statistics)`
    select tenants, closed, spares, behind, failed, due, clock
    from tenancy.statistics(
      ${expected.tenant.last}, ${expected.tenant.count}, ${expected.site.last}, ${expected.site.count},
      ${sql.array(kinds, 'text')}
    )
  `);
  // The database reads its clock about halfway between request and response.
  const zero = kinds.map((kind) => ({ kind, waiting: 0, overdue: 0 }));
  const due = zero.map((none) => found.due.find(({ kind }) => kind === none.kind) ?? none);
  return { ...found, due, clock_difference: (startedAt + Date.now()) / 2_000 - clock };
}
