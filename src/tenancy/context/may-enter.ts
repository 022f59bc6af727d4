import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { hasSqlState, TENANCY_SQLSTATE } from '../../db/sqlstate.ts';
import type { TenantId } from '../registry/tenant.ts';
import type { Placement } from './placement.ts';
import { flushEntry, type TenantDatabase, withTenant } from './with-tenant.ts';

const databaseRow = z.strictObject({ database: z.string().nullable(), lane: z.number().nullable() });

/**
 * Whether a tenant that was locked can be entered now, in its current database. Returns false while it
 * is locked (`KT004`) or being moved (`KT005`), and true for all other errors: the waiting requests
 * then receive the error.
 */
export async function mayEnter(
  tenantDatabase: TenantDatabase,
  placement: Pick<Placement, 'record'>,
  main: Pick<CommonQueryMethods, 'one'>,
  tenant: TenantId,
): Promise<boolean> {
  try {
    const { database, lane } = await main.one(
      sql.type(
        databaseRow,
      )`select tenancy.database_of(${tenant}) as database, tenancy.lane_of(${tenant}) as lane`,
    );
    if (database !== null) {
      placement.record({ id: tenant, database, lane });
    }
    await withTenant(tenantDatabase, { tenant, readOnly: true }, flushEntry);
    return true;
  } catch (error) {
    return !hasSqlState(error, TENANCY_SQLSTATE.LOCKED, TENANCY_SQLSTATE.IN_OTHER_DATABASE);
  }
}
