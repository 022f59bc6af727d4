import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

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

/** How the tenants of one database stand. Seconds where it is a time. */
export type TenantStatistics = Readonly<
  Omit<z.infer<typeof statistics>, 'clock'> & {
    /** The clock of this process less that of the database. */
    clock_difference: number;
  }
>;

/**
 * One query that reads the registry's row of every tenant: for now and then, not for a request.
 * Due work is counted for `kinds` only.
 */
export async function readStatistics(
  pool: Pick<CommonQueryMethods, 'one'>,
  expected: Readonly<{ tenant: string; site: string }>,
  kinds: readonly string[],
): Promise<TenantStatistics> {
  const asked = Date.now();
  const { clock, ...found } = await pool.one(sql.type(statistics)`
    select tenants, closed, spares, behind, failed, due, clock
    from tenancy.figures(${expected.tenant}, ${expected.site}, ${sql.array(kinds, 'text')})
  `);
  // The database looked at its clock about halfway between question and answer.
  const zero = kinds.map((kind) => ({ kind, waiting: 0, overdue: 0 }));
  const due = zero.map((none) => found.due.find(({ kind }) => kind === none.kind) ?? none);
  return { ...found, due, clock_difference: (asked + Date.now()) / 2_000 - clock };
}
